"""The hub process: messages in; live picture, alarms, commits and receipts out; one loop and one commit thread."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from chassis.clock import Clock, DisciplinedClock, SystemClock
from chassis.session import Session, Will
from chassis.tasks import run_until, supervise
from hub.alarms.announcer import Announcer
from hub.alarms.desk import Answer, Desk
from hub.committer import Committer
from hub.ingest.intake import Intake
from hub.ingest.receipts import COALESCE_S, Receipts
from hub.journal import Batch, EventRow, Journal, StateRow
from hub.live import LivePicture
from hub.registry import Registry
from hub.rulebook import read_rule_sets
from hub.settings import HubSettings
from rules.engine import Engine, SavedAlarm
from vitals import topics
from vitals.alarms import Alarm, AlarmEvent
from vitals.codec import decode, encode, require_gateway
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.sessions import GatewayStatus, Heartbeat, Hello, HubStatus

HEARTBEAT_S = 5.0
ADVANCE_S = 0.25
SNAPSHOT_S = 1.0

log = logging.getLogger(__name__)


class Hub:
    """Everything of one hub, wired together."""

    def __init__(self, settings: HubSettings, folder: Path, version: str, clock: Clock | None = None) -> None:
        self._settings = settings
        self._version = version
        self._clock = DisciplinedClock(clock or SystemClock())
        self._started = self._clock.now()
        self.registry = Registry(settings)
        self.journal = Journal(folder / settings.journal.path)
        self.engine = Engine(read_rule_sets(settings.rules, folder), self.registry.beds())
        self.engine.restore([SavedAlarm(*row) for row in self.journal.alarm_states()], self._started)
        self.picture = LivePicture(self.registry, settings.hub)
        self.intake = Intake(self.registry, self.journal, self.engine, self.picture)
        self.session = Session(
            settings.broker,
            folder,
            client_id=settings.hub,
            subscriptions=(topics.ALL_UP, topics.ALL_COMMANDS, topics.ALL_ALARMS),
            on_message=self._receive,
            on_connect=self._connected,
            will=Will(topics.hub_status(settings.hub), encode(HubStatus(hub=settings.hub, online=False))),
        )
        self.announcer = Announcer(self.session)
        for number, body in self.journal.outbox():
            self.announcer.committed(number, decode(body, AlarmEvent), 0)
        self.desk = Desk(self.engine)
        self.receipts = Receipts(self.journal, self.session.publish, settings.credit)
        self.committer = Committer(
            self.journal,
            settings.journal.commit_interval.seconds,
            self._take,
            self._committed,
            lambda: self._clock.now() - settings.journal.keep,
        )
        self._waiting = _Announced()
        self._aboard = _Announced()  # in the commit under way

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then commit what waits and say goodbye."""
        # Start-up objects live for ever: keep the collector from walking them in the middle of an alarm.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "broker session": self.session.run,
            "committer": self.committer.run,
            "receipts": self._send_receipts,
            "alarm timers": self._advance,
            "live snapshots": self._show,
            "heartbeat": self._beat,
        }
        tasks = [asyncio.create_task(supervise(name, part, last_s=2.0), name=name) for name, part in parts.items()]
        session = tasks[0]
        try:
            await run_until(stop, *tasks[1:])
            await self._leave()
        finally:
            session.cancel()
            await asyncio.gather(session, return_exceptions=True)
            self.committer.close()
            self.journal.close()

    async def _leave(self) -> None:
        await self.committer.commit_now()
        self.receipts.flush(self._clock.now())
        self._say_status(online=False)
        deadline = self._clock.now() + 1_000
        while self.session.connected and not self.session.drained and self._clock.now() < deadline:
            await asyncio.sleep(0.02)
        await self._confirm()

    # Messages in.

    def _receive(self, topic: str, payload: bytes, retained: bool) -> None:
        now = self._clock.now()
        up = topics.parse_up(topic)
        if up is not None:
            gateway, channel = up
            if channel == "vitals" or channel == "backfill":
                self._records(gateway, channel, topic, payload, retained, now)
            else:
                self._word_of_gateway(gateway, channel, topic, payload, now)
            return
        levels = topics.split(topic)
        if levels and levels[0] == "command" and len(levels) == 3:
            self._command(levels[1], levels[2], payload, retained, now)
        elif levels and levels[0] == "ward" and len(levels) == 5:
            self._retained_alarm(levels[1], levels[2], levels[4], payload, retained)
        else:
            self._refuse(topic, "", "unknown topic", payload, now)

    def _records(self, gateway: str, channel: str, topic: str, payload: bytes, retained: bool, now: int) -> None:
        if retained:  # a retained reading would be judged again at every connect
            self._refuse(topic, gateway, "retained messages never create a reading", payload, now)
            return
        epoch, events = self.intake.records(gateway, topic, payload, late=channel == "backfill", now=now)
        if events:
            self._announce(events)
        if epoch:
            self.receipts.owe(gateway, epoch)
        self.committer.wake()

    def _word_of_gateway(self, gateway: str, channel: str, topic: str, payload: bytes, now: int) -> None:
        try:
            if gateway not in self.registry.gateways:
                raise WireError("identity: gateway is not registered")
            if channel == "hello":
                hello = decode(payload, Hello)
                require_gateway(hello.gateway, gateway)
                self.receipts.owe(gateway, hello.epoch)
            elif channel == "status":
                status = decode(payload, GatewayStatus)
                require_gateway(status.gateway, gateway)
                self.picture.gateway(status)
            else:
                raise WireError(f"the channel {channel} is not read by this hub")
        except WireError as error:
            self._refuse(topic, gateway, error.reason, payload, now)

    def _refuse(self, topic: str, gateway: str, reason: str, payload: bytes, now: int) -> None:
        self.intake.refuse(topic, gateway, reason, payload, now)
        self.committer.wake()

    def _command(self, client: str, action: str, payload: bytes, retained: bool, now: int) -> None:
        if retained:  # somebody's old wish, not a command of now
            return
        answer = self.desk.handle(client, action, payload, now)
        if not answer.events:
            self._answer(answer)
            return
        log.info("%s of alarm %s by client %s", action, answer.result.alarm, client)
        self._announce(answer.events)
        self._waiting.answers.append(answer)

    def _retained_alarm(self, ward: str, bed: str, rule: str, payload: bytes, retained: bool) -> None:
        if retained and payload and not any(alarm.rule == rule for alarm in self._alarms_of(BedKey(ward, bed))):
            self.announcer.retract(ward, bed, rule)

    def _alarms_of(self, bed: BedKey) -> list[Alarm]:
        return self.engine.alarms(bed) if bed in self.registry.bed_titles else []

    # Alarms, commits, receipts and answers out.

    def _announce(self, events: list[AlarmEvent]) -> None:
        generation = self.session.generation if self.session.connected else 0
        for event in events:
            self.announcer.announce(event)
            self._waiting.events.append((generation, event))
            self.intake.pending.events.append(_event_row(event))
        self.committer.wake()

    def _take(self) -> Batch:
        batch = self.intake.take()
        batch.states = [StateRow(*saved) for saved in self.engine.unsaved()]
        self._aboard, self._waiting = self._waiting, _Announced()
        return batch

    def _committed(self, batch: Batch, ids: list[int]) -> None:
        self.intake.counters["committed"] += len(batch.records)
        for number, (generation, event) in zip(ids, self._aboard.events, strict=True):
            self.announcer.committed(number, event, generation)
        for answer in self._aboard.answers:
            self._answer(answer)
        for gateway, epoch in batch.settled:
            self.receipts.owe(gateway, epoch)
        self.receipts.rejected(batch.refusals)

    def _answer(self, answer: Answer) -> None:
        self.session.publish(topics.result(answer.client, answer.action), encode(answer.result))

    def _connected(self) -> None:
        self._say_status(online=True)
        self.announcer.repeat(self.engine.alarms())

    def _say_status(self, *, online: bool) -> None:
        status = HubStatus(
            hub=self._settings.hub,
            online=online,
            time=self._clock.now(),
            version=self._version,
            started=self._started,
            counters=dict(self.intake.counters),
        )
        self.session.publish(topics.hub_status(self._settings.hub), encode(status), retain=True)

    # What happens by itself.

    async def _advance(self) -> None:
        while True:
            events = self.engine.advance(self._clock.now())
            if events:
                self._announce(events)
            await asyncio.sleep(ADVANCE_S)

    async def _send_receipts(self) -> None:
        while True:
            await asyncio.sleep(COALESCE_S)
            if self.session.connected:
                self.receipts.flush(self._clock.now())
            await self._confirm()

    async def _confirm(self) -> None:
        confirmed = self.announcer.confirmed()
        if confirmed:
            await self.committer.confirm(confirmed)

    async def _show(self) -> None:
        """One snapshot per ward and second, spread over the second so that no alarm waits behind a hundred wards."""
        wards = list(self.registry.wards)
        while True:
            for ward in wards:
                snapshot = self.picture.snapshot(ward, self._clock.now(), self.engine.alarms)
                self.session.publish(topics.live(ward), encode(snapshot), qos=0)
                await asyncio.sleep(SNAPSHOT_S / len(wards))

    async def _beat(self) -> None:
        beat = 0
        while True:
            beat += 1
            heartbeat = Heartbeat(hub=self._settings.hub, time=self._clock.now(), beat=beat)
            self.session.publish(topics.heartbeat(self._settings.hub), encode(heartbeat))
            self._say_status(online=True)
            await asyncio.sleep(HEARTBEAT_S)


class _Announced:
    """What was said before its commit: events with the connection they were said in, and answers that wait."""

    __slots__ = ("answers", "events")

    def __init__(self) -> None:
        self.events: list[tuple[int, AlarmEvent]] = []
        self.answers: list[Answer] = []


def _event_row(event: AlarmEvent) -> EventRow:
    alarm = event.alarm
    return EventRow(alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, encode(event))
