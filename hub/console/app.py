"""The console process: the session to the broker, the state of the wards, the web server."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version as installed
from pathlib import Path

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.websockets import WebSocket

from chassis.clock import Clock, SystemClock
from chassis.mqtt import BrokerSettings
from chassis.session import Session
from chassis.tasks import run_until, supervise
from hub.adt.details import PatientFile
from hub.console.answers import Refusal, refusal
from hub.console.archive import Archive
from hub.console.chains import Chains
from hub.console.commands import Commands
from hub.console.console import Console
from hub.console.feed import Feed
from hub.console.guard import Guard, names_of
from hub.console.openapi import describe
from hub.console.patient_views import shown_name
from hub.console.people.anchors import keep_anchored
from hub.console.people.people import People, first_link_words
from hub.console.people.store import PeopleError
from hub.console.routes import alarms, beds, board, devices, machines, pages, stream, tickets
from hub.console.routes.admissions import router as admissions
from hub.console.routes.audit import router as audit
from hub.console.routes.burden import router as burden
from hub.console.routes.events import router as events
from hub.console.routes.export import router as export
from hub.console.routes.limits import router as bed_limits
from hub.console.routes.login import router as login
from hub.console.routes.notes import router as bed_notes
from hub.console.routes.observations import router as bed_observations
from hub.console.routes.patients import router as patients
from hub.console.routes.pauses import router as bed_pauses
from hub.console.routes.people import router as accounts
from hub.console.routes.placements import router as placements
from hub.console.routes.tokens import router as tokens
from hub.console.routes.trends import router as bed_trends
from hub.console.routes.ward_waves import router as ward_waves
from hub.console.routes.waves import router as bed_waves
from hub.console.routes.whatif import router as whatif
from hub.console.server import WebServer, listen
from hub.console.streams import Beat, Streams, Whole
from hub.console.views import alarm_view, parameter_views
from hub.console.wards import Wards
from hub.console.waves import WaveRelay
from hub.pagers.book import PageBook
from hub.registry import Registry
from hub.settings import METRICS_PORTS, ConsoleSettings, HubSettings
from vitals.errors import StorageError

BEAT_S = 1.0

log = logging.getLogger(__name__)


async def run_console(settings: HubSettings, folder: Path, stop: asyncio.Event, *, clock: Clock | None = None) -> None:
    """Serve the API and the board until `stop`. `folder` is where relative paths of the settings begin.

    Raises UsageError when the address is taken or a secret cannot be read.
    """
    clock = clock or SystemClock()
    broker = _login(settings)
    broker.login(folder)  # a secret that cannot be read is said now, not in a retry loop
    door = listen(settings.console.host, settings.console.port)
    client = broker.username or f"{settings.hub[:22]}-console"

    def publish(topic: str, payload: bytes) -> bool:
        return session.publish(topic, payload)

    registry = Registry(settings)
    waves = WaveRelay(registry, lambda topic: session.subscribe(topic), lambda topic: session.unsubscribe(topic))
    console = _console(settings, registry, folder, clock, Commands(client, publish), waves, lambda: session.connected)
    feed = Feed(console.wards, console.streams, console.waves, console.commands, clock)
    session = Session(
        broker,
        folder,
        client_id=f"{client}-{uuid.uuid4().hex[:8]}",
        subscriptions=feed.subscriptions(),
        on_message=feed.receive,
    )
    server = WebServer(make_app(console, settings.console), door)
    with _metrics(console, settings):
        await _serve(console, session, server, stop)


def _metrics(console: Console, settings: HubSettings) -> AbstractContextManager[None]:
    if settings.metrics is None:
        return nullcontext()
    from chassis.metrics import metrics_page  # slow to import, and needed only here
    from hub.console.metrics import ConsoleMetrics

    return metrics_page(settings.metrics, ConsoleMetrics(console), part=METRICS_PORTS["console"])


def _login(settings: HubSettings) -> BrokerSettings:
    own = settings.console
    if own.username is None:
        return settings.broker
    return msgspec.structs.replace(settings.broker, username=own.username, password=own.password)


def _console(
    settings: HubSettings,
    registry: Registry,
    folder: Path,
    clock: Clock,
    commands: Commands,
    waves: WaveRelay,
    connected: Callable[[], bool],
) -> Console:
    names = settings.console.look.names
    patients = PatientFile(folder / settings.console.patients)
    wards = Wards(registry, settings.hub, lambda patient: shown_name(patients[patient], names))
    parameters = parameter_views()
    version = installed("wardline")

    def whole(number: int) -> Whole:
        now = clock.steady_ms()
        return Whole(
            number=number,
            time=clock.wall_ms(),
            version=version,
            hub=wards.hub(now),
            broker=connected(),
            parameters=parameters,
            wards=wards.views(now),
            equipment=[alarm_view(alarm) for alarm in wards.equipment()],
        )

    return Console(
        wards=wards,
        streams=Streams(whole),
        waves=waves,
        commands=commands,
        archive=Archive(folder / settings.journal.path),
        chains=Chains(settings, folder),
        pages=PageBook(folder / settings.pagers.path),
        people=_people(settings, folder, clock),
        patients=patients,
        names=names,
        clock=clock,
        version=version,
        connected=connected,
    )


def _people(settings: HubSettings, folder: Path, clock: Clock) -> People:
    words = {settings.hub, *(word for ward in settings.wards for word in (ward.id, ward.title))}
    people = People(settings.console, folder, clock, frozenset(words))
    if not people.demo and not people.accounts.all():
        key = people.accounts.first_link(people.console())
        log.warning("nobody has an account yet; %s", first_link_words(settings.console, key))
    return people


async def _serve(console: Console, session: Session, server: WebServer, stop: asyncio.Event) -> None:
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "console session": session.run,
        "console beat": lambda: _beat(console),
        "console anchors": lambda: keep_anchored(console),
        "console ward waves": console.waves.send_wards,
    }
    tasks = [
        asyncio.create_task(supervise(name, part, first_s=0.25, last_s=2.0), name=name) for name, part in parts.items()
    ]
    web = asyncio.create_task(server.run(), name="console web server")
    try:
        await run_until(stop, asyncio.create_task(_outlive(web), name="console web watch"))
        console.streams.close()
        console.waves.close()
        server.stop()
        await asyncio.wait([web], timeout=2.0)
    finally:
        for task in (*tasks, web):
            task.cancel()
        await asyncio.gather(*tasks, web, return_exceptions=True)
        console.archive.close()
        console.pages.close()
        console.people.close()
        console.patients.close()


async def _outlive(web: asyncio.Task[None]) -> None:
    """End, with its failure if it has one, when the server ends."""
    await asyncio.shield(web)


async def _beat(console: Console) -> None:
    """A word each second, so that a screen can tell a silent hub from a silent console."""
    while True:
        now = console.now()
        _follow_patients(console)
        console.streams.send(
            lambda number, now=now: Beat(
                number=number,
                time=console.clock.wall_ms(),
                hub_silent_ms=console.wards.silent_ms(now),
                hub=console.wards.hub(now),
                broker=console.connected(),
            )
        )
        await asyncio.sleep(BEAT_S)


def _follow_patients(console: Console) -> None:
    try:
        console.patients.follow()
    except StorageError as error:
        log.warning("%s", error)


def make_app(console: Console, settings: ConsoleSettings) -> FastAPI:
    """The web application around `console`."""
    app = FastAPI(title="Wardline", version=console.version, openapi_url=None, docs_url=None, redoc_url=None)
    app.state.console = console
    app.state.root = board.root_of(settings)
    for part in (machines, beds, alarms, devices, tickets, pages, stream, board):
        app.include_router(part.router)
    app.include_router(burden)
    app.include_router(export)
    app.include_router(bed_waves)
    app.include_router(ward_waves)
    for of_bed in (bed_trends, bed_limits, bed_observations, bed_notes, bed_pauses, whatif):
        app.include_router(of_bed)
    for of_patients in (admissions, patients, placements):
        app.include_router(of_patients)
    for of_people in (login, accounts, tokens, audit, events):
        app.include_router(of_people)
    describe(app)
    app.add_exception_handler(Refusal, _refused)  # type: ignore[arg-type]
    app.add_exception_handler(StorageError, _unreadable)
    app.add_exception_handler(PeopleError, _no_people)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _failed)
    app.add_middleware(
        Guard,
        names=names_of(settings.host, settings.names),
        any_address=settings.trusted_network,
    )
    return app


async def _refused(connection: Request | WebSocket, error: Exception) -> Response | None:
    assert isinstance(error, Refusal)
    if isinstance(connection, WebSocket):  # a browser is told why only when the stream was open
        await connection.accept()
        await connection.close(4000 + error.status, error.sentence[:120])
        return None
    return refusal(error.status, error.sentence)


async def _unreadable(_request: Request, error: Exception) -> Response:
    log.warning("%s", error)
    return refusal(503, "the journal cannot be read now; it appears with the first start of the hub")


async def _no_people(_request: Request, error: Exception) -> Response:
    log.warning("%s", error)
    return refusal(503, "the console cannot read or write who may do what; its log says more")


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return refusal(422, "the body is not JSON")
    place = ".".join(str(part) for part in first["loc"][1:]) or "the body"
    return refusal(422, f"`{place}` is not right: {first['msg'][:1].lower()}{first['msg'][1:]}")


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    sentences = {404: "there is nothing at this address; see /openapi.json", 405: "this address takes another method"}
    return refusal(error.status_code, sentences.get(error.status_code, str(error.detail)))


async def _failed(_request: Request, _error: Exception) -> Response:
    return refusal(500, "the console failed at this; its log says more")
