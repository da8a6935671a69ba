"""A case: one rule at one bed from the moment its condition begins until its alarm is over."""

from __future__ import annotations

import msgspec

from rules.beds import Answer, BedState, Verdict
from rules.compiled import UNITS, Rule
from rules.machine import ENDINGS, PUBLIC, Cause, State, step
from vitals.alarms import Alarm, AlarmEvent, alarm_id

_CONDITION = {Answer.HOLDS: True, Answer.BETWEEN: True, Answer.GONE: False, Answer.UNKNOWN: None}


class Case:
    """The state of the machine, the delay that runs, and the alarm as last announced."""

    __slots__ = ("alarm", "condition", "known", "message", "onset", "rule", "since", "state")

    def __init__(self, rule: Rule, onset: int) -> None:
        self.rule = rule
        self.state = State.INACTIVE
        self.onset = onset  # when the condition began, by the clock that measured it
        self.since: int | None = None  # since when what would change the state has held; None: no delay runs
        self.known = 0  # when that was last confirmed by data
        self.condition: bool | None = True
        self.alarm: Alarm | None = None
        self.message = rule.message

    def cause(self, verdict: Verdict, now: int) -> Cause | None:
        """What `verdict` means to this case now."""
        self.condition = _CONDITION[verdict.answer]
        rising = self.state in (State.INACTIVE, State.PENDING, State.LATCHED)
        wanted = Answer.HOLDS if rising else Answer.GONE
        if verdict.answer is Answer.UNKNOWN:
            return self._lost() if self._gap(now) else None
        if verdict.answer is not wanted:
            self.since = None
            return Cause.CEASED if self.state is State.PENDING else None
        if self._gap(verdict.seen):
            lost = self._lost()
            if lost is not None:
                return lost
        if self.state is State.INACTIVE:
            self.since = self.known = now
            return Cause.BEGAN
        if self.since is None:
            self.since = now
        self.known = verdict.seen
        return self._elapsed(now, rising)

    def _gap(self, at: int) -> bool:
        return self.since is not None and at - self.known > self.rule.gap

    def _lost(self) -> Cause | None:
        self.since = None
        return Cause.LOST if self.state is State.PENDING else None

    def _elapsed(self, now: int, rising: bool) -> Cause | None:
        assert self.since is not None
        if now - self.since < (self.rule.onset_delay if rising else self.rule.off_delay):
            return None
        if rising:
            return Cause.HELD
        return Cause.CLEARED_LATCHING if self.rule.latches else Cause.CLEARED

    def due(self, now: int) -> int | None:
        """When it must be judged again though no record comes; None if it need not."""
        if self.since is None:
            return None
        rising = self.state in (State.PENDING, State.LATCHED)
        end = self.since + (self.rule.onset_delay if rising else self.rule.off_delay)
        return end if end > now else max(now, self.known + self.rule.gap) + 1

    def apply(self, cause: Cause, bed: BedState, verdict: Verdict | None, now: int) -> AlarmEvent | None:
        """Take the step `cause` asks for. Raises Refused. Returns what is announced, if anything is."""
        taken = step(self.state, cause)
        before, self.state = self.state, taken.state
        if taken.state is not State.PENDING:
            self.since = None
        if taken.change is None:
            return None
        shown = PUBLIC[before if taken.change in ENDINGS else taken.state]
        if self.alarm is None:
            self.alarm = self._first(bed, now)
        else:
            self.alarm = msgspec.structs.replace(
                self.alarm, state=shown, rev=self.alarm.rev + 1, changed=now, message=self.message
            )
        self.alarm = msgspec.structs.replace(self.alarm, condition=self.condition)
        if verdict is not None and verdict.value is not None:
            self.alarm = msgspec.structs.replace(
                self.alarm,
                parameter=verdict.parameter,
                value=verdict.value,
                unit=UNITS[verdict.parameter or ""],
                limit=self.rule.bound,
            )
        if verdict is not None and verdict.source:
            self.alarm = msgspec.structs.replace(self.alarm, device=verdict.source)
        if taken.change == "reraised":
            self.alarm = msgspec.structs.replace(self.alarm, acknowledged_by="", acknowledged_at=None)
        return AlarmEvent(change=taken.change, time=now, alarm=self.alarm)

    def _first(self, bed: BedState, now: int) -> Alarm:
        rule, key = self.rule, bed.key
        return Alarm(
            id=alarm_id(rule.id, key.ward, key.bed, self.onset),
            rule=rule.id,
            ward=key.ward,
            bed=key.bed,
            kind=rule.kind,
            priority=rule.priority,
            state="active",
            rev=1,
            message=self.message,
            onset=self.onset,
            raised=now,
            changed=now,
        )

    def shown(self) -> Alarm:
        """The alarm as announced, with what is known of its condition now."""
        assert self.alarm is not None
        if self.alarm.condition == self.condition:
            return self.alarm
        return msgspec.structs.replace(self.alarm, condition=self.condition)


class SavedSource(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one source had said, as far as a rule looks at it."""

    name: str
    heard: int | None = None
    values: dict[str, float] = {}
    seen: dict[str, int] = {}


class SavedCase(msgspec.Struct, frozen=True, omit_defaults=True):
    """A case as it is kept over a restart."""

    state: State
    onset: int
    known: int
    since: int | None = None
    condition: bool | None = None
    message: str = ""
    alarm: Alarm | None = None
    sources: list[SavedSource] = []


_decoder = msgspec.json.Decoder(SavedCase)


def save(case: Case, bed: BedState) -> bytes:
    """The case, with the values its running delay rests on."""
    rule = case.rule
    sources = [
        SavedSource(
            source.name,
            # Only a rule about silence may remember it: a hub that was down has heard nobody.
            bed.last_heard(source) if rule.silences else None,
            {name: source.values[name] for name in sorted(rule.inputs) if name in source.values},
            {name: source.seen[name] for name in sorted(rule.inputs) if name in source.seen},
        )
        for source in bed.sources.values()
    ]
    saved = SavedCase(case.state, case.onset, case.known, case.since, case.condition, case.message, case.alarm, sources)
    return msgspec.json.encode(saved)


def load(body: bytes) -> SavedCase:
    """Read what `save` wrote. Raises msgspec.DecodeError."""
    return _decoder.decode(body)


def resume(saved: SavedCase, rule: Rule, bed: BedState, now: int) -> Case:
    """Put a saved case back where it was, and its values with it."""
    case = Case(rule, saved.onset)
    case.state, case.since, case.known = saved.state, saved.since, saved.known
    case.condition, case.alarm, case.message = saved.condition, saved.alarm, saved.message or rule.message
    # With no delay running the saved values may be hours old. Until its device speaks again (or its stale time has
    # passed), the value that made a limit alarm must still stand against another device's that would clear it.
    settled = rule.limit_of and saved.since is None
    for past in saved.sources:
        source = bed.sources.get(past.name)
        if source is None:
            continue
        if past.heard is not None:
            source.heard = max(source.heard, past.heard)
        for name, seen in past.seen.items():
            moment = now if settled else seen
            if name not in source.seen or source.seen[name] < moment:
                source.seen[name] = moment
                if name in past.values:
                    source.values[name] = past.values[name]
    return case
