"""The hub process: messages in; live picture, alarms, commits and receipts out; one loop and one commit thread."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TypeVar

from chassis.clock import Clock, DisciplinedClock, SystemClock
from chassis.failpoints import failpoint
from chassis.listener import Listener
from chassis.session import Session, Will
from chassis.tasks import run_until, supervise
from hub.admissions import Admissions
from hub.adt.assignments import Assignments
from hub.adt.moves import Moves
from hub.adt.stations import Stations
from hub.alarms.acts import alarm_acts
from hub.alarms.announcer import Announcer
from hub.alarms.desk import REMEMBERED, Desk
from hub.alarms.leftovers import Leftovers
from hub.bedside import take_report
from hub.bookkeeping import Bookkeeping
from hub.books import Books
from hub.bundles import Bundles
from hub.clock_offsets import ClockOffsets
from hub.committer import Committer
from hub.deeds import Act, keep_word, past_answers
from hub.drills import Drills
from hub.faults import Faults
from hub.ingest.intake import Intake
from hub.ingest.quota import Quotas
from hub.ingest.receipts import COALESCE_S, Receipts
from hub.ingest.waves import WaveIntake
from hub.journal import Batch, Journal, StateRow, Write
from hub.late import Found, Gaps
from hub.limits import Limits
from hub.live import LivePicture
from hub.lookback import Lookback
from hub.notes import note_acts
from hub.pagers.watch import PagerWatch
from hub.projections.watch import ProjectionWatch
from hub.registry import Registry
from hub.rulebook import Rulebook
from hub.scores import ScoreBook
from hub.settings import HubSettings
from hub.showing import Showing
from hub.tally import Tally
from hub.telling import Telling
from hub.tickets.desk import ticket_acts
from hub.tickets.workshop import Workshop
from hub.ward_round import WardRound
from hub.words import Words
from rules.engine import Bed, Engine, SavedAlarm
from rules.episodes import Episodes
from rules.replay import replay
from rules.watch import Watch
from vitals import topics
from vitals.alarms import AlarmEvent
from vitals.codec import decode, encode
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.pages import PagersStatus
from vitals.projections import ProjectionsStatus
from vitals.readings import Record
from vitals.sessions import Heartbeat, HubStatus

HEARTBEAT_S = 5.0
ADVANCE_S = 0.25
SETTLED_S = 60.0
SWITCH_S = 0.002  # the thread that commits waits so long for the interpreter, several times a commit
MISMATCH = "bookkeeping-mismatch"
WAITING_ROWS = 20_000  # readings kept in memory while the disk takes nothing; the gateways keep them anyway

_Said = TypeVar("_Said", PagersStatus, ProjectionsStatus)

log = logging.getLogger(__name__)


class Hub:
    """Everything of one hub, wired together."""

    def __init__(self, settings: HubSettings, folder: Path, version: str, clock: Clock | None = None) -> None:
        self._settings = settings
        self._version = version
        self._clock = DisciplinedClock(clock or SystemClock())
        now = self._started = self._clock.now()
        self.tally = Tally()
        self.registry = Registry(settings)
        self.journal = Journal(
            folder / settings.journal.path,
            settings.journal.max_bytes,
            waves_sooner_ms=max(0, settings.journal.keep - settings.journal.keep_waves),
        )
        self.assignments = Assignments(self.journal, self.registry, now)
        self.admissions = Admissions(self.journal)
        rulebook = Rulebook(settings, folder)
        self.limits = Limits(rulebook, self.admissions.patient)
        self.limits.load(self.journal.read)
        self.engine = Engine(rulebook.profiles.rule_sets(rulebook.profiles.default), self.registry.beds())
        self.bundles = Bundles(
            (folder / settings.journal.path).parent,
            settings.hub,
            self.registry.gateways,
            lambda bed, now: self.limits.chain.in_force(bed, self.admissions.patient(bed), now),
            round(HEARTBEAT_S * 1_000),
        )
        self.books = Books(self.limits, self.engine, self.bundles, now)
        self.engine.restore([SavedAlarm(*row) for row in self.journal.alarm_states()], now)
        self.round = WardRound(self.engine, self.journal, self.registry, self.admissions, now)
        self.scores = ScoreBook(self.journal)
        self.clocks = ClockOffsets()
        self.picture = LivePicture(self.registry, settings.hub, self.clocks.offset)
        self._beds_of = self.registry.beds_of_gateways()
        self.quotas = Quotas(self.registry.gateways, settings.quota.messages_per_s, settings.quota.mb_per_s * 1_000_000)
        self.watch = Watch(settings.hub, self._beds_of, now)
        self.paging = PagerWatch(settings.hub, expected=settings.pagers.file is not None, now=now)
        self.copies = ProjectionWatch(settings.hub, expected=settings.projections.any, now=now)
        self.drills = Drills(self.registry, settings.hub, settings.drill.every, self.journal, now)
        self.faults = Faults(
            self.engine, settings.hub, self.registry.gateways, self.watch, self.paging, self.drills, now, self.copies
        )
        self.workshop = Workshop(self.registry, self.journal, now)
        self.gaps = Gaps()
        self.gaps.restore(self.journal, now)
        self.intake = Intake(self.registry, self.journal, self.engine, self.picture, self.workshop, self.gaps)
        self.intake.pending.writes += self.assignments.writes
        self.waves = WaveIntake(self.registry, self.intake)
        self.session = Session(
            settings.broker,
            folder,
            client_id=settings.hub,
            subscriptions=(
                topics.ALL_COMMANDS,
                topics.ALL_ALARMS,
                topics.equipment_alarm(settings.hub, "+/+", "+"),
                topics.pagers_status(settings.hub),
                topics.projections_status(settings.hub),
            ),
            on_message=self._receive,
            on_connect=self._connected,
            will=Will(topics.hub_status(settings.hub), encode(HubStatus(hub=settings.hub, online=False))),
        )
        # All that gateways say comes over one connection, so that each of them is heard in its own order.
        self.listener = Listener(
            settings.broker,
            folder,
            client_id=f"{settings.hub[:24]}-listener",
            subscriptions=(topics.ALL_UP,),
            on_message=self._receive,
            on_connect=partial(self._say_status, online=True),
        )
        self.showing = Showing(self.registry.wards, self._show)
        self.receipts = Receipts(self.journal, self.session.publish, settings.credit)
        self.bookkeeping = Bookkeeping(
            self.journal,
            self.intake.declare,
            lambda gateway, message: self.watch.found(gateway, MISMATCH, message),
            self.journal.read("SELECT gateway, epoch, accepted FROM balance"),
        )
        self.words = Words(
            self.registry, self.receipts, self.picture, self.watch, self.workshop, self.bookkeeping, self.clocks
        )
        acts = alarm_acts(self.engine, self.registry.bed_titles) | self.round.acts() | self.books.acts()
        acts |= self._adt_acts()
        acts |= self.drills.acts() | ticket_acts(self.workshop) | note_acts(self.registry.bed_titles)
        acts |= {"anchor": keep_word}
        self.desk = Desk(acts, past_answers(self.journal, REMEMBERED))
        self.announcer = Announcer(self.session, settings.hub)
        self.leftovers = Leftovers(self.engine, self.registry.bed_titles, self.announcer)
        self.telling = Telling(self.session, self.announcer, self.journal.outbox(), self.desk.committed)
        self.committer = Committer(
            self.journal,
            settings.journal.commit_interval.seconds,
            self._take,
            self._committed,
            lambda: self._clock.now() - settings.journal.keep,
        )

        self.lookback = Lookback(
            folder / settings.journal.path, self.gaps, self._judge_again, self._clock, self._found, self._keep
        )

    def _adt_acts(self) -> dict[str, Act]:
        """Patients and devices that are moved, and everybody who keeps a picture of where they are."""
        moves = Moves(
            self.engine, self.picture, self.registry.bed_titles, self.admissions, self.round.entries, self.books
        )

        def follow(gateway: str, beds: Iterable[Bed], now: int) -> None:
            self._beds_of[gateway] = self.registry.beds_of_gateway(gateway)
            self.picture.station(beds, now)
            self.bundles.station(gateway)
            self.watch.station(gateway, self._beds_of[gateway])
            self.workshop.station()

        return moves.acts() | Stations(self.registry, self.assignments, self.engine, follow).acts()

    def now(self) -> int:
        """UTC ms by the hub's clock, which never steps."""
        return self._clock.now()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop`; then commit what waits and say goodbye."""
        # Start-up objects live for ever: keep the collector from walking them in the middle of an alarm.
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        sys.setswitchinterval(SWITCH_S)
        asyncio.get_running_loop().call_later(SETTLED_S, gc.freeze)  # by then every bed has what stays with it
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "broker session": self.session.run,
            "listener": self.listener.run,
            "committer": self.committer.run,
            "receipts": self._send_receipts,
            "alarm timers": self._advance,
            "live snapshots": self.showing.run,
            "look back": self.lookback.run,
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
            self.lookback.close()
            self.committer.close()
            self.journal.close()

    async def _leave(self) -> None:
        self.workshop.watched(self._clock.now())
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
            if not self.quotas.take(gateway, len(payload), now):
                self.watch.heard(gateway, now)  # it is not silent, it shouts
                return
            if channel == "vitals" or channel == "backfill":
                self._records(gateway, channel, topic, payload, retained, now)
                return
            if channel == "wave":
                self._waves(gateway, topic, payload, retained, now)
                return
            try:
                if channel == "bedside":
                    self._bedside(gateway, payload, retained, now)
                else:
                    self.words.take(gateway, channel, payload, retained, now)
            except WireError as error:
                self._refuse(topic, gateway, error.reason, payload, now)
            return
        match topics.split(topic):
            case ["command", client, action]:
                self._command(client, action, payload, retained, now)
            case ["ward", ward, _, "alarm", rule] if ward in self.registry.wards:
                if retained and payload:
                    self.leftovers.of_bed(topic, BedKey(ward, topic.split("/")[-3]), rule)
            case ["hub", _, "alarm", kind, name, rule]:
                if retained and payload:
                    self.leftovers.of_equipment(topic, f"{kind}/{name}", rule)
            case ["hub", _, "pagers"]:
                self._said_of_itself(topic, payload, PagersStatus, self.paging.take, now)
            case ["hub", _, "projections"]:
                self._said_of_itself(topic, payload, ProjectionsStatus, self.copies.take, now)
            case ["ward", *_]:
                pass  # an alarm of another hub's ward
            case _:
                self._refuse(topic, "", "unknown topic", payload, now)

    def _records(self, gateway: str, channel: str, topic: str, payload: bytes, retained: bool, now: int) -> None:
        if retained:  # a retained reading would be judged again at every connect
            self._refuse(topic, gateway, "retained messages never create a reading", payload, now)
            return
        self.watch.heard(gateway, now)
        self.workshop.spoke(gateway, now)
        if self.committer.refused and self.intake.pending.size >= WAITING_ROWS:
            self.intake.shed()
        if channel == "backfill":
            self.receipts.backlog(gateway, now)
        failpoint("admit.before")
        began = perf_counter()
        epoch, events = self.intake.records(gateway, topic, payload, late=channel == "backfill", now=now)
        failpoint("admit.after")
        if events:
            self._announce(events)
            self.tally.announce.observe(perf_counter() - began)
        self._answer(gateway, epoch)
        self.committer.wake()

    def _waves(self, gateway: str, topic: str, payload: bytes, retained: bool, now: int) -> None:
        if retained:
            self._refuse(topic, gateway, "retained messages never create a reading", payload, now)
            return
        if self.committer.refused and self.intake.pending.size >= WAITING_ROWS:
            self.intake.shed()
        for epoch in self.waves.take(gateway, topic, payload, now):
            self._answer(gateway, epoch)
        failpoint("admit.waves.after")
        self.committer.wake()

    def _answer(self, gateway: str, epoch: int) -> None:
        """What a gateway says again it waits for word about; the rest gets its receipt when it is committed."""
        repeated = self.intake.repeated((gateway, epoch))
        if repeated:
            self.receipts.owe(gateway, epoch, repeated)

    def _bedside(self, gateway: str, payload: bytes, retained: bool, now: int) -> None:
        if retained:  # what stood once at the bed; the gateway says it again when it connects
            return
        self.watch.heard(gateway, now)
        former = self.registry.served(gateway)
        taken = take_report(self.engine, self._beds_of, gateway, payload, now, former, self.admissions.left)
        failpoint("adopt.before")
        self._keep(*taken.writes)
        self._announce(taken.events)
        failpoint("adopt.after")

    def _said_of_itself(
        self, topic: str, payload: bytes, kind: type[_Said], take: Callable[[_Said, int], None], now: int
    ) -> None:
        try:
            take(decode(payload, kind), now)
        except WireError as error:
            self._refuse(topic, "", error.reason, payload, now)

    def _refuse(self, topic: str, gateway: str, reason: str, payload: bytes, now: int) -> None:
        self.intake.refuse(topic, gateway, reason, payload, now)
        self.committer.wake()

    def _command(self, client: str, action: str, payload: bytes, retained: bool, now: int) -> None:
        if retained:  # somebody's old wish, not a command of now
            return
        answer = self.desk.handle(client, action, payload, now)
        if answer is None:
            return
        if not answer.writes:
            self.telling.answer(answer)
            return
        log.info("%s by client %s: %s", action, client, answer.result.reason or "done")
        failpoint("command.before")
        self.intake.pending.writes += answer.writes
        self.telling.answer_later(answer)
        self._announce(answer.events)
        failpoint("command.after")

    # Alarms, commits, receipts and answers out.

    def _announce(self, events: Iterable[AlarmEvent]) -> None:
        events = list(events)
        for event in events:
            self.drills.saw(event)
        self.intake.pending.events += self.telling.announce(events)
        self.tally.announced(events)
        self.committer.wake()

    def _take(self) -> Batch:
        batch = self.intake.take()
        batch.writes += self.workshop.take()
        batch.writes += self.scores.take()
        batch.states = [StateRow(*saved) for saved in self.engine.unsaved()]
        self.telling.aboard()
        return batch

    def _committed(self, batch: Batch, ids: list[int]) -> None:
        self.intake.counters["committed"] += batch.size
        self.tally.committed(batch, self._clock.now())
        failpoint("committed.told.before")
        self.telling.committed(ids)
        failpoint("committed.told.after")
        for (gateway, epoch), seqs in batch.settled.items():
            self.receipts.owe(gateway, epoch, seqs)
        self.receipts.rejected(batch.refusals)

    @property
    def _hears(self) -> bool:
        """Whether the hub is there for its gateways: one that cannot hear them must not seem to watch."""
        return self.session.connected and self.listener.connected

    def _connected(self) -> None:
        if self._hears:
            self._say_status(online=True)
        self.announcer.repeat(self.engine.alarms())
        self.bundles.repeat(self._retain)

    @property
    def pending(self) -> int:
        """Records that wait for a commit: received = committed + duplicate + rejected + shed + pending."""
        return self.intake.pending.size + self.committer.aboard

    def _say_status(self, *, online: bool) -> None:
        status = HubStatus(
            hub=self._settings.hub,
            online=online,
            time=self._clock.now(),
            version=self._version,
            started=self._started,
            counters=dict(self.intake.counters) | {"pending": self.pending},
            clocks_off_ms=self.clocks.wrong(),
            books_differ=self.bookkeeping.differing(),
        )
        self.session.publish(topics.hub_status(self._settings.hub), encode(status), retain=True)

    # What happens by itself.

    async def _advance(self) -> None:
        self._announce(self.faults.forgotten(self._clock.now()))
        while True:
            now = self._clock.now()
            connected = self._hears
            for gateway, words in self.quotas.news(now):
                self.watch.found(gateway, "flood", words)
            # Faults come first: what a dead gateway explains must not be raised thirty times beside it.
            events = self.faults.advance(
                now, connected=connected, refusing=self.committer.refused, trouble=self.books.trouble
            )
            due = self.books.advance(now)
            events += due.events
            events += self.engine.advance(now)
            self.workshop.advance(now, connected=connected)
            if writes := [*due.writes, *self.bookkeeping.advance(now)]:
                self._keep(*writes)
            if events:
                self._announce(events)
            elif self.workshop.waiting:
                self.committer.wake()
            self.bundles.publish_if_changed(now, self._retain)
            asleep = perf_counter()
            await asyncio.sleep(ADVANCE_S)
            self.tally.loop_lag.observe(perf_counter() - asleep - ADVANCE_S)

    def _retain(self, topic: str, payload: bytes) -> None:
        self.session.publish(topic, payload, retain=True)

    def _judge_again(self, bed: BedKey, records: Iterable[tuple[str, Record, int]], until: int) -> Episodes:
        """In the thread that looks back: what the rules of now say of readings of then."""
        book = self.limits.book(bed, until)
        return replay((), self.registry.bed(bed), records, until=until, attended=True, book=book)

    def _found(self, found: Found) -> None:
        summary = found.summary
        log.info("%d late readings of ward %s: %d alarms found", summary.records, summary.ward, summary.found)
        failpoint("late.found.before")
        self.telling.say_later(topics.late(summary.ward), encode(summary))
        self._keep(*found.writes)
        failpoint("late.found.after")

    def _keep(self, *writes: Write) -> None:
        self.intake.pending.writes += writes
        self.committer.wake()

    async def _send_receipts(self) -> None:
        while True:
            await asyncio.sleep(COALESCE_S)
            if self.session.connected:
                self.receipts.flush(self._clock.now())
                self.tally.receipted()
            await self._confirm()

    async def _confirm(self) -> None:
        confirmed = self.announcer.confirmed()
        if confirmed:
            await self.committer.confirm(confirmed)

    def _show(self, ward: str) -> None:
        now = self._clock.now()
        snapshot = self.picture.snapshot(ward, now, partial(self.scores.judged, self.round, now))
        self.session.publish(topics.live(ward), encode(snapshot), qos=0)
        if self.scores.waiting:
            self.committer.wake()

    async def _beat(self) -> None:
        beat = 0
        while True:
            if self._hears:
                beat += 1
                heartbeat = Heartbeat(hub=self._settings.hub, time=self._clock.now(), beat=beat)
                self.session.publish(topics.heartbeat(self._settings.hub), encode(heartbeat))
                self._say_status(online=True)
            await asyncio.sleep(HEARTBEAT_S)
