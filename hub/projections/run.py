"""Run the projections: one daemon thread per configured sink, supervised from the loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from chassis.tasks import run_until, supervise
from hub.projections.copier import Copier, Pace
from hub.projections.sink import Sink
from hub.projections.speaker import Speaker
from hub.settings import METRICS_PORTS, HubSettings

FAREWELL_S = 0.7  # a thread in the middle of a hanging request is left behind after this

SINKS = {
    "influxdb": "hub.projections.influxdb.sink",
    "lake": "hub.projections.lake.sink",
    "sql": "hub.projections.sql.sink",
}
"""Each section of `projections` and the module whose `sinks(settings, folder)` makes its sinks."""

log = logging.getLogger(__name__)


async def run_projections(
    settings: HubSettings, folder: Path, stop: asyncio.Event, *, pace: Pace | None = None
) -> None:
    """Copy the journal into every configured sink until `stop`; idle when there is none.

    Paths in the settings are relative to `folder`. Returns within a second of `stop`, whatever a sink does.
    """
    sinks = make_sinks(settings, folder)
    journal, cursors = folder / settings.journal.path, folder / settings.projections.path
    if not sinks:
        log.info("no projection is configured; readings stay in the journal")
        with _metrics(settings, journal, cursors):
            await stop.wait()
        return
    copiers = [Copier(sink, journal, cursors, pace) for sink in sinks]
    parts = {"projection speaker": Speaker(settings, folder, copiers).run}
    for copier in copiers:
        name = f"projection {copier.name}"
        parts[name] = functools.partial(_in_thread, name, copier.run)
    tasks = [asyncio.create_task(supervise(name, part), name=name) for name, part in parts.items()]
    with _metrics(settings, journal, cursors):
        await run_until(stop, *tasks)


def _metrics(settings: HubSettings, journal: Path, cursors: Path) -> contextlib.AbstractContextManager[None]:
    if settings.metrics is None:
        return contextlib.nullcontext()
    from chassis.metrics import metrics_page  # slow to import, and needed only here
    from hub.projections.metrics import ProjectionMetrics

    return metrics_page(settings.metrics, ProjectionMetrics(journal, cursors), part=METRICS_PORTS["projections"])


def make_sinks(settings: HubSettings, folder: Path) -> list[Sink]:
    """The sinks of every section that the settings have. Their modules are imported only then: they are slow."""
    made: list[Sink] = []
    for section, module in SINKS.items():
        if getattr(settings.projections, section, None) is not None:
            made += importlib.import_module(module).sinks(settings, folder)
    return made


async def _in_thread(name: str, run: Callable[[threading.Event], None]) -> None:
    """Run `run` in a daemon thread; when cancelled, ask it to stop and leave it behind if it does not."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    halt = threading.Event()

    def report(error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error else done.set_result(None)

    def body() -> None:
        outcome: BaseException | None = None
        try:
            run(halt)
        except Exception as error:  # carried over to the supervisor
            outcome = error
        with contextlib.suppress(RuntimeError):  # the loop has gone: nobody listens any more
            loop.call_soon_threadsafe(report, outcome)

    threading.Thread(target=body, name=name, daemon=True).start()
    try:
        await asyncio.wait([done])
    finally:
        halt.set()
        await asyncio.wait([done], timeout=FAREWELL_S)
        if not done.done():
            log.warning("%s is still waiting for an answer; its cursor has not moved, nothing is lost", name)
            done.cancel()
    done.result()
