"""The bedside: hears the hub's beats, judges in its shadow, and alarms by itself while the hub is silent."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from chassis.clock import Clock, DisciplinedClock
from chassis.paho_session import Connection, Message, PahoSession
from edge_agent.bedside.account import Account
from edge_agent.bedside.hearing import Hearing
from edge_agent.bedside.outlets import BedsidePicture, LocalCommand, PictureFile
from edge_agent.bedside.rulebook import Rulebook, open_bundle
from edge_agent.bedside.settings import BedsideSettings
from edge_agent.bedside.shadow import Shadow
from edge_agent.bedside.shelf import KeptState, Shelf
from edge_agent.bedside.trust import Trust
from edge_agent.clock_quality import ClockWatch
from edge_agent.stamp import Draft
from vitals import topics
from vitals.alarms import Alarm, AlarmEvent
from vitals.bundles import BedsideReport
from vitals.codec import decode, encode
from vitals.errors import WireError
from vitals.sessions import Heartbeat, HubStatus

log = logging.getLogger(__name__)

LOOK_S = 0.25
PICTURE_MS = 5_000  # how often the picture is renewed while the hub is silent
RENEW_MS = 600_000  # the state of a long silence is dated anew, so that it is not taken for an old one
SAME_MS = 100  # two clocks are never read in the same moment
STEP_MS = 600_000  # longer than any delay of a rule: a clock that differs by more was set
HANDOVER_MS = 30_000  # heard for so long again, the hub has had the report, whichever connection it came by
MEMORY = 20_000  # records not judged yet; then the oldest go


class Bedside:
    """Put between the session and the recorder of an agent; make it inside the event loop."""

    def __init__(
        self,
        gateway: str,
        settings: BedsideSettings,
        folder: Path,
        clock: Clock,
        quality: ClockWatch,
        changed: Callable[[], None],
    ) -> None:
        """Raises UsageError for a key that cannot be read."""
        self.session: PahoSession | None = None
        self.on_drill: Callable[[bytes], None] = lambda _: None
        self._gateway = gateway
        self._clock = clock
        self._quality = quality
        self._changed = changed
        self._steps = DisciplinedClock(clock)
        self._shelf = Shelf(folder / settings.folder)
        self._trust = Trust(settings.hub_key, folder, self._shelf.folder)
        self._shadow = Shadow()
        self._hearing = Hearing(clock.steady_ms())
        self._account = Account()
        self._command = LocalCommand(settings.command, settings.command_timeout.seconds)
        self._picture = PictureFile(folder / settings.file)
        self._drafts: deque[Draft] = deque(maxlen=MEMORY)
        self._bundles: deque[bytes] = deque(maxlen=1)
        self._work = asyncio.Event()
        self._news = asyncio.Event()  # the picture or the state is to be written
        self._arrived = asyncio.Event()
        self._problem = ""
        self._count = 0
        self._was_silent = False
        self._heard_again_at: int | None = None
        self._hub_started = 0
        self._remember()

    # What others ask ---------------------------------------------------------------------------------------------

    @property
    def rules(self) -> str:
        """SHA-256 of the bundle it judges by; empty if it has none."""
        return self._shadow.rulebook.digest if self._shadow.rulebook else ""

    @property
    def silent_since(self) -> int | None:
        """Since when the hub is silent, by the wall clock."""
        since = self._hearing.silent_since
        return None if since is None else max(0, self._clock.wall_ms() - (self._clock.steady_ms() - since))

    @property
    def reason(self) -> str:
        """What people should know; empty when all is well."""
        # Whoever reads a status takes it apart at semicolons.
        reasons = [f"rules_rejected: {self._problem.replace('; ', ', ')}"] if self._problem else []
        since = self.silent_since
        if since is not None:
            reasons.append(f"hub silent since {_shown(since)}")
            if self._shadow.rulebook is None:
                reasons.append("no bedside alarms: the hub has never sent its rules")
        return "; ".join(reasons)

    def greeting(self) -> list[Message]:
        """What the hub must hear before the next readings: what was alarmed while it was silent."""
        if not self._was_silent and self._heard_again_at is None:
            return []
        report = self._report()
        return [self._message(report)] if report.standing or report.ended else []

    def taken(self, draft: Draft) -> None:
        """A record was made; returns at once."""
        self._drafts.append(draft)
        self._work.set()

    # The session's side ------------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """Listen for the hub's beats, its rules and its drills."""
        del connection
        assert self.session is not None
        for topic in (topics.heartbeat("+"), topics.bundle(self._gateway), topics.drill(self._gateway)):
            self.session.subscribe(topic)
        self._hearing.connected()

    def disconnected(self, reason: str) -> None:
        """Without the broker nobody is heard."""
        del reason
        self._hearing.gone(self._clock.steady_ms())

    def refused(self, reason: str) -> None:
        """Not let in: the same."""
        self.disconnected(reason)

    def acknowledged(self, token: int, failure: str) -> None:
        """The publisher looks after these."""

    def received(self, topic: str, payload: bytes) -> None:
        """A beat, a will, a bundle or an order."""
        try:
            if topic.endswith("/heartbeat"):
                self._beat(decode(payload, Heartbeat))
            elif topic == topics.bundle(self._gateway):
                if payload:
                    self._bundles.append(payload)
                    self._arrived.set()
            elif topic == topics.drill(self._gateway):
                self.on_drill(payload)
            elif topic.endswith("/status"):
                self._status(decode(payload, HubStatus))
        except WireError as error:
            log.warning("message on %s cannot be used: %s", topic, error)

    def _beat(self, beat: Heartbeat) -> None:
        if self._is_ours(beat.hub):
            self._hearing.beat(self._clock.steady_ms())
            self._work.set()

    def _status(self, status: HubStatus) -> None:
        if self._is_ours(status.hub):
            if status.online:
                self._hearing.connected()
                if self._was_silent:  # it has just connected: the report should be there before the next readings
                    self._say()
                elif self._heard_again_at is not None and status.started != self._hub_started:
                    # The hub we told may have died before it had written it down.
                    self._heard_again_at = self._clock.steady_ms()
                    self._say()
                self._hub_started = status.started
            else:
                self._hearing.gone(self._clock.steady_ms())

    def _is_ours(self, hub: str) -> bool:
        return self._shadow.rulebook is None or self._shadow.rulebook.bundle.hub == hub

    # What happens by itself --------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Judge every record as it comes, and look a few times a second whether the hub is heard."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._work.wait()
            self._work.clear()
            events: list[AlarmEvent] = []
            while self._drafts:
                self._count += 1
                events += self._shadow.observe(self._drafts.popleft().record(self._count), self._steps.now())
            events += self._shadow.advance(self._steps.now())
            self._tell(events)
            self._listen()

    async def run_command(self) -> None:
        """Run the local program for what waits."""
        await self._command.run()

    async def take_bundles(self) -> None:
        """Check what the hub sends, in a thread; swap and keep what is good."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._bundles:
                await self._take_bundle(self._bundles.popleft())

    async def keep(self) -> None:
        """Write the picture for displays, and the state a restart goes on with, whenever there is news."""
        kept_at = self._clock.steady_ms()
        while True:
            silent = self._hearing.silent_since is not None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PICTURE_MS / 1_000 if silent else None):
                    await self._news.wait()
            now = self._clock.steady_ms()
            stale = silent and now - kept_at > RENEW_MS
            news = self._news.is_set() or stale
            self._news.clear()
            await asyncio.to_thread(self._picture.write, self._drawn())
            if news:
                kept_at = now
                try:
                    await asyncio.to_thread(self._shelf.keep_state, self._state())
                except OSError as error:
                    log.error("cannot keep the state of the bedside alarms: %s", error)

    # The bundle --------------------------------------------------------------------------------------------------

    def _remember(self) -> None:
        """Go on with the rules, and in the silence, that were on the disk."""
        kept = self._shelf.bundle()
        if kept is not None:
            try:
                rulebook, _ = self._open(kept)
            except WireError as error:
                log.error("the kept rules of the hub cannot be used: %s", error)
                self._problem = error.reason
            else:
                self._swap(rulebook)
        now = self._clock.wall_ms()
        state = self._shelf.state(now)
        if state is not None and self._shadow.rulebook is not None:
            steady = self._clock.steady_ms()
            self._hearing = Hearing(steady, min(steady, steady - (now - state.silent_since)))
            self._hearing.period_ms = self._shadow.rulebook.bundle.heartbeat_ms
            self._account = Account(state.told, state.ended)
            self._shadow.restore(state.alarms, self._steps.now())
            self._was_silent = True
            log.warning("the hub was silent when this gateway stopped: its own alarms go on")

    def _open(self, payload: bytes) -> tuple[Rulebook, str]:
        return open_bundle(
            payload,
            gateway=self._gateway,
            believes=self._trust.believes,
            now=self._clock.wall_ms(),
            clock=self._quality.quality,
            in_force=self._shadow.rulebook,
        )

    async def _take_bundle(self, payload: bytes) -> None:
        try:
            rulebook, key = await asyncio.to_thread(self._open, payload)
        except WireError as error:
            if self._problem != error.reason:
                log.error("the rules of the hub are refused, the old ones stay: %s", error)
            self._problem = error.reason
            self._changed()
            return
        if rulebook.digest != self.rules:
            try:
                await asyncio.to_thread(self._trust.heard, key)
                await asyncio.to_thread(self._shelf.keep_bundle, payload)
            except OSError as error:
                log.error("the rules of the hub are in force but cannot be kept on the disk: %s", error)
            self._tell(self._swap(rulebook))
            log.info("rules of hub %s in force, version %d", rulebook.bundle.hub, rulebook.bundle.version)
        self._problem = ""
        self._changed()

    def _swap(self, rulebook: Rulebook) -> list[AlarmEvent]:
        self._hearing.period_ms = rulebook.bundle.heartbeat_ms
        return self._shadow.take(rulebook, self._steps.now())

    # Telling -----------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        steady = self._clock.steady_ms()
        heard_at = self._hearing.heard_at
        self._hearing.look(steady)
        silent = self._hearing.silent_since is not None
        if silent and not self._was_silent:
            self._fall_silent(self._steps.now() - (steady - heard_at))
        elif self._was_silent and not silent:
            self._hear_again(steady)
        elif self._heard_again_at is not None and steady - self._heard_again_at > HANDOVER_MS:
            self._heard_again_at = None
            self._account.close()
            self._news.set()

    def _fall_silent(self, heard_at: int) -> None:
        self._was_silent = True
        self._heard_again_at = None
        standing = self._shadow.standing()
        self._account.begin(standing, heard_at)
        log.warning(
            "the hub is silent since %s: this gateway alarms by itself; %d alarms stand",
            _shown(self.silent_since or 0),
            len(standing),
        )
        # Those who saw them at the hub may see nothing now: each is told once more.
        for alarm in standing:
            self._sound(AlarmEvent(change="raised", time=alarm.raised, alarm=self._marked(alarm)))
        self._say()
        self._changed()

    def _hear_again(self, steady: int) -> None:
        self._was_silent = False
        self._heard_again_at = steady
        report = self._report()
        log.info(
            "the hub is heard again: %d alarms that stand and %d transitions that are over are told",
            len(report.standing),
            len(report.ended),
        )
        self._say()
        self._shadow.forget_latched(self._steps.now())
        self._changed()

    def _tell(self, events: list[AlarmEvent]) -> None:
        if not events:
            return
        if not self._was_silent:
            if any(event.alarm.state == "latched" for event in events):
                self._shadow.forget_latched(self._steps.now())
            return
        for event in events:
            self._sound(self._account.add(event))
        self._say()

    def _sound(self, event: AlarmEvent) -> None:
        alarm = event.alarm
        log.warning("bedside alarm %s: %s/%s %s (%s)", event.change, alarm.ward, alarm.bed, alarm.rule, alarm.priority)
        self._command.tell(self._dated_event(event))

    def _say(self) -> None:
        if self.session is not None:
            self.session.publish(self._message(self._report()))
        self._news.set()

    def _message(self, report: BedsideReport) -> Message:
        return Message(topic=topics.up(self._gateway, "bedside"), payload=encode(report))

    def _report(self) -> BedsideReport:
        rulebook = self._shadow.rulebook
        account = Account(map(self._dated_event, self._account.told), map(self._dated_event, self._account.ended))
        return account.report(
            [self._dated(alarm) for alarm in self._shadow.standing() if self._is_worth_telling(alarm)],
            self._gateway,
            max(0, self._clock.wall_ms()),
            self.silent_since,
            rulebook.bundle.version if rulebook else 0,
        )

    def _is_worth_telling(self, alarm: Alarm) -> bool:
        """What is over and was the hub's stays the hub's: somebody may have reset it there."""
        return alarm.state != "latched" or self._account.is_own(alarm)

    def _marked(self, alarm: Alarm) -> Alarm:
        return msgspec.structs.replace(alarm, bedside=True) if self._account.is_own(alarm) else alarm

    def _shift(self) -> int:
        """How far the wall clock is ahead of the engine's own: it may have been set since that began to count."""
        shift = self._clock.wall_ms() - self._steps.now()
        return shift if abs(shift) > SAME_MS else 0

    def _dated(self, alarm: Alarm) -> Alarm:
        """With times by the wall clock."""
        shift = self._shift()
        if not shift:
            return alarm
        # The onset is the time of a record, by the wall clock, unless nobody knew the time when it was made.
        was_unknown = abs(shift) > STEP_MS and abs(alarm.onset - alarm.raised) < STEP_MS
        return msgspec.structs.replace(
            alarm,
            onset=max(0, alarm.onset + shift if was_unknown else alarm.onset),
            raised=max(0, alarm.raised + shift),
            changed=max(0, alarm.changed + shift),
        )

    def _dated_event(self, event: AlarmEvent) -> AlarmEvent:
        return msgspec.structs.replace(event, time=max(0, event.time + self._shift()), alarm=self._dated(event.alarm))

    def _drawn(self) -> BedsidePicture:
        report = self._report()
        silent = report.silent_since is not None
        return BedsidePicture(
            gateway=self._gateway,
            time=report.time,
            silent_since=report.silent_since,
            alarms=report.standing if silent else [],
        )

    def _state(self) -> KeptState | None:
        since = self.silent_since
        if since is None:
            return None
        return KeptState(
            time=self._clock.wall_ms(),
            silent_since=since,
            cases=[(row.ward, row.bed, row.rule, row.body) for row in self._shadow.saved() if row.body is not None],
            told=self._account.told,
            ended=self._account.ended,
        )


def _shown(time: int) -> str:
    return datetime.fromtimestamp(time / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
