"""A case: one rule at one bed from the moment its condition begins until its alarm is over."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from rules.beds import NEVER, Answer, BedState, Verdict
from rules.compiled import ACKNOWLEDGED_FOR_MS, UNITS, Rule
from rules.machine import BY_ITSELF, CALLS, ENDINGS, PUBLIC, SILENCED, STANDING, Cause, State, step
from vitals.alarms import PRIORITY_RANK, Alarm, AlarmEvent, Priority, alarm_id
from vitals.drills import DRILL
from vitals.identity import BedKey

_RISING = (State.INACTIVE, State.PENDING, State.LATCHED)
ALWAYS = 2**62  # the gap of a rule whose truth does not grow old


class Deed(NamedTuple):
    """Who made a change, and why; nobody, where it came by itself. `until` of a pause."""

    by: str = ""
    reason: str = ""
    until: int | None = None


NOBODY = Deed()


class Case:
    """The state of the machine, the delays that run, and the alarm as last announced."""

    __slots__ = (
        "alarm",
        "condition",
        "first",
        "known",
        "message",
        "onset",
        "priority",
        "risen",
        "rule",
        "since",
        "state",
    )

    def __init__(self, rule: Rule, onset: int) -> None:
        self.rule = rule
        self.state = State.INACTIVE
        self.onset = onset  # when the condition began, by the clock that measured it
        self.since: int | None = None  # since when what would change the state has held; None: no delay runs
        self.risen: int | None = None  # since when the extreme bound is passed
        self.known = 0  # when data last said anything of the condition
        self.condition: bool | None = True
        self.alarm: Alarm | None = None
        self.first: Alarm | None = None  # as it was raised at the bedside, or where the patient lay before
        self.priority: Priority = rule.priority  # never falls before the alarm is over
        self.message = rule.message

    def cause(self, verdict: Verdict, paused: bool, now: int) -> Cause | None:
        """What `verdict` means to this case now, in a bed whose alarms may be paused."""
        unknown = verdict.answer is Answer.UNKNOWN
        self.condition = None if unknown else verdict.answer is not Answer.GONE
        found: Cause | None = None
        if self.state in SILENCED:
            found = self._ended(now)
        if found is None and (self.rule.extreme is not None or self.rule.priority != self.priority):
            found = self._rises(verdict, now)
        if found is None:
            found = self._cause(verdict, now)
        if not unknown:
            self.known = verdict.seen
        return Cause.WITHHELD if paused and found in CALLS else found

    def _ended(self, now: int) -> Cause | None:
        """An acknowledgement or pause is over. One of a condition just gone waits for what the off-delay says."""
        assert self.alarm is not None
        if self.condition is False or self.alarm.until is None or now < self.alarm.until:
            return None
        return Cause.EXPIRED if self.state is State.ACKNOWLEDGED else Cause.PAUSE_ENDED

    def _rises(self, verdict: Verdict, now: int) -> Cause | None:
        """Its priority rises: the value is extreme for long enough, or its rule is another one now."""
        priority = self.rule.priority
        extreme = self.rule.extreme
        if extreme is not None:
            if verdict.extreme:
                if self.risen is None or verdict.seen - self.known > self.rule.gap:
                    self.risen = now
                if now - self.risen >= extreme.onset_delay and self.state is not State.INACTIVE:
                    priority = extreme.priority
            elif verdict.answer is not Answer.UNKNOWN:
                self.risen = None
        if self.state is State.LATCHED and extreme is not None and priority == extreme.priority and verdict.extreme:
            return Cause.HELD  # the priority is as high already; what is extreme again must not wait any longer
        if PRIORITY_RANK[priority] <= PRIORITY_RANK[self.priority] or self.condition is False:
            return None
        standing = self.state in STANDING
        if not standing and not (extreme is not None and verdict.extreme):
            return None
        self.priority = priority
        if extreme is not None and priority == extreme.priority and verdict.extreme:
            self.message = extreme.message
        return Cause.ROSE if standing else Cause.HELD

    def _cause(self, verdict: Verdict, now: int) -> Cause | None:
        rising = self.state in _RISING
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
            return Cause.BEGAN
        if self.since is None:
            self.since = now
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
        return Cause.CLEARED_LATCHING if self._latches() else Cause.CLEARED

    def _latches(self) -> bool:
        # What has become high through its extreme bound is as grave as what is high from the start.
        risen = self.priority == "high" and self.rule.priority != "high" and self.rule.kind == "physiological"
        return self.rule.latches or risen

    def due(self, now: int) -> int | None:
        """When it must be judged again though no record comes; None if it need not."""
        rule = self.rule
        due = ALWAYS
        if self.since is not None:
            due = self.since + (rule.onset_delay if self.state in _RISING else rule.off_delay)
        if due <= now or (self.since is None and self.condition is not None):
            stale = self.known + rule.gap + 1  # then nothing is known of it any more
            due = stale if stale > now else now + 1
        if self.risen is not None and rule.extreme is not None:
            end = self.risen + rule.extreme.onset_delay
            due = end if now < end < due else due
        if self.state in SILENCED and self.alarm is not None and self.alarm.until is not None:
            due = self.alarm.until if now < self.alarm.until < due else due
        return due if due < ALWAYS else None

    def apply(
        self, cause: Cause, bed: BedState, verdict: Verdict | None, now: int, deed: Deed = NOBODY
    ) -> AlarmEvent | None:
        """Take the step `cause` asks for. Raises Refused. Returns what is announced, if anything is."""
        taken = step(self.state, cause)
        before, self.state = self.state, taken.state
        if before not in STANDING or taken.state not in STANDING:
            self.since = None
            if taken.state is State.PENDING:
                self.since = self.known = now
        if taken.change is None:
            return None
        alarm = self._first(bed, now) if self.alarm is None else self.alarm
        fields: dict[str, Any] = {
            "state": PUBLIC[before if taken.change in ENDINGS else taken.state],
            "rev": alarm.rev if self.alarm is None else alarm.rev + 1,
            "changed": now,
            "condition": self.condition,
            "message": self.message,
            "priority": self.priority,
        }
        if taken.change not in ENDINGS:
            fields |= self._silence(bed, now, deed)
        if verdict is not None:
            fields |= self._saw(verdict)
        self.alarm = msgspec.structs.replace(alarm, **fields)
        reason = deed.reason or (cause.value if cause in BY_ITSELF else "")
        return AlarmEvent(change=taken.change, time=now, alarm=self.alarm, by=deed.by, reason=reason)

    def _silence(self, bed: BedState, now: int, deed: Deed) -> dict[str, Any]:
        """Who has silenced it and until when, as the state it is in now asks for."""
        fields: dict[str, Any] = {"until": None, "paused_by": "", "paused_reason": ""}
        if self.state is State.ACKNOWLEDGED:
            stands = self.rule.acknowledged_for
            if self.priority != self.rule.priority:
                stands = min(stands, ACKNOWLEDGED_FOR_MS[self.priority])
            return fields | {"acknowledged_by": deed.by, "acknowledged_at": now, "until": now + stands}
        fields |= {"acknowledged_by": "", "acknowledged_at": None}
        if self.state is State.AUDIO_PAUSED:
            fields |= {"until": deed.until, "paused_by": deed.by, "paused_reason": deed.reason}
        elif self.state is State.ALARMS_PAUSED and bed.pause is not None:
            pause = bed.pause
            fields |= {"until": pause.until, "paused_by": pause.by, "paused_reason": pause.reason}
        return fields

    def _saw(self, verdict: Verdict) -> dict[str, Any]:
        fields: dict[str, Any] = {"device": verdict.source} if verdict.source else {}
        if verdict.value is None:
            return fields
        limit = self.rule.bound if verdict.limit is None else verdict.limit
        unit = UNITS[verdict.parameter or ""]
        return fields | {"parameter": verdict.parameter, "value": verdict.value, "unit": unit, "limit": limit}

    def _first(self, bed: BedState, now: int) -> Alarm:
        if self.first is not None:
            return self.first
        rule, key = self.rule, bed.key
        equipment = "/" in key.bed
        return Alarm(
            id=alarm_id(rule.id, key.ward, key.bed, self.onset),
            rule=rule.id,
            ward=key.ward,
            bed="" if equipment else key.bed,
            kind=rule.kind,
            priority=self.priority,
            state="active",
            rev=1,
            message=self.message,
            onset=self.onset,
            raised=now,
            changed=now,
            subject=key.bed if equipment else "",
            test=rule.id == DRILL,
        )

    def adopt(self, alarm: Alarm) -> bool:
        """It was raised elsewhere, maybe earlier than it was seen here; whether it is graver there."""
        rose = PRIORITY_RANK[alarm.priority] > PRIORITY_RANK[self.priority]
        if rose:
            self.priority, self.message = alarm.priority, alarm.message
        self.onset = min(self.onset, alarm.onset)
        if self.alarm is None:
            self.first, self.condition = alarm, alarm.condition
        else:
            raised = min(self.alarm.raised, alarm.raised)
            bedside = self.alarm.bedside or alarm.bedside
            self.alarm = msgspec.structs.replace(self.alarm, onset=self.onset, raised=raised, bedside=bedside)
        return rose

    def cut_short(self, now: int) -> None:
        """The pause it waits in ends now."""
        assert self.alarm is not None
        self.alarm = msgspec.structs.replace(self.alarm, until=now)

    def shown(self) -> Alarm:
        """The alarm as announced, with what is known of its condition now."""
        assert self.alarm is not None
        if self.alarm.condition == self.condition:
            return self.alarm
        return msgspec.structs.replace(self.alarm, condition=self.condition)


def carried(alarm: Alarm, bed: BedKey, now: int) -> Alarm:
    """An alarm as it calls at the bed its patient lies in now: nothing is known there yet, and nobody has seen it."""
    return msgspec.structs.replace(
        alarm,
        id=alarm_id(alarm.rule, bed.ward, bed.bed, alarm.onset),
        ward=bed.ward,
        bed=bed.bed,
        state="active",
        rev=alarm.rev + 1,  # the patient may come back, and the alarm with the same id
        raised=now,
        changed=now,
        condition=None,
        acknowledged_by="",
        acknowledged_at=None,
        until=None,
        paused_by="",
        paused_reason="",
    )


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
    risen: int | None = None
    priority: Priority | None = None


_decoder = msgspec.json.Decoder(SavedCase)


def save(case: Case, bed: BedState) -> bytes:
    """The case, with the values its running delay rests on."""
    rule = case.rule
    sources = [
        SavedSource(
            source.name,
            # Only a rule about silence may remember it: a hub that was down has heard nobody.
            bed.last_heard(source) if rule.silences else None,
            {name: source.values[name] for name in rule.inputs if name in source.values},
            {name: source.seen[name] for name in rule.inputs if name in source.seen},
        )
        for source in bed.sources.values()
    ]
    saved = SavedCase(
        case.state,
        case.onset,
        case.known,
        case.since,
        case.condition,
        case.message,
        case.alarm,
        sources,
        case.risen,
        case.priority,
    )
    return msgspec.json.encode(saved)


def load(body: bytes) -> SavedCase:
    """Read what `save` wrote. Raises msgspec.DecodeError."""
    return _decoder.decode(body)


def resume(saved: SavedCase, rule: Rule, bed: BedState) -> Case:
    """Put a saved case back where it was, and its values with it where no other case knows newer ones."""
    case = Case(rule, saved.onset)
    case.state, case.since, case.known, case.risen = saved.state, saved.since, saved.known, saved.risen
    case.condition, case.alarm, case.message = saved.condition, saved.alarm, saved.message or rule.message
    case.priority = saved.priority or (rule.priority if saved.alarm is None else saved.alarm.priority)
    if case.state is State.ACKNOWLEDGED and case.alarm is not None and case.alarm.until is None:
        # Kept by a version in which an acknowledgement stood for ever.
        case.cut_short((case.alarm.acknowledged_at or 0) + rule.acknowledged_for)
    for past in saved.sources:
        source = bed.sources.get(past.name)
        if source is None:
            continue
        if past.heard is not None:
            source.heard = max(source.heard, past.heard)
        newer = {name: seen for name, seen in past.seen.items() if seen > source.seen.get(name, NEVER)}
        source.seen.update(newer)
        source.drop(newer)
        source.values = {**source.values, **{name: past.values[name] for name in newer if name in past.values}}
    return case


def settle(case: Case, bed: BedState, now: int) -> None:
    """Let the restored values of a limit stand for the stale time once more, from now on.

    With no delay running they may be hours old. Until its device speaks again (or its stale time has passed), the
    value that made a limit alarm must still stand against another device's that would clear it. A value that was fine
    must not: an old one would clear what is now unknown.
    """
    if case.since is None and case.condition:
        for source in bed.sources.values():
            source.seen.update((name, now) for name in case.rule.limit_of if name in source.seen)
