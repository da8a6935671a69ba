"""The rule engine: records and the passing of time in, alarm transitions out."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from rules import cases
from rules.beds import HEARD_MS, BedState, Source, Verdict
from rules.cases import Case
from rules.compiled import Rule, compile_rules, quiet_bands
from rules.documents import RuleSet
from rules.machine import ANNOUNCED, PUBLIC, Cause, Refused, State, step
from vitals.alarms import PRIORITY_RANK, Alarm, AlarmEvent
from vitals.identity import BedKey
from vitals.readings import Record

_STATE_RANK = {"active": 0, "latched": 1, "acknowledged": 2}


class Bed(NamedTuple):
    """A bed and the sources (`gateway/device`) that stand at it, the preferred one first."""

    key: BedKey
    sources: tuple[str, ...]


class SavedAlarm(NamedTuple):
    """The machine state of one rule at one bed, as it is kept over a restart. `body` None: it is inactive again."""

    ward: str
    bed: str
    rule: str
    body: bytes | None


class Engine:
    """All rules at all beds.

    `now` is UTC milliseconds on a clock that never steps: every delay runs on it. Records must be live and free of
    duplicates. A rule that raises is switched off at that bed until the next start, with an alarm that says so.
    """

    def __init__(self, sets: Sequence[RuleSet], beds: Sequence[Bed]) -> None:
        self._rules = compile_rules(sets)
        self._numbers = {rule.id: number for number, rule in enumerate(self._rules)}
        self._failed_rule = len(self._rules) - 1
        self._bands = quiet_bands(self._rules)
        self._limits_of = _by_parameter(rule.limit_of for rule in self._rules)
        self._readers_of = _by_parameter(rule.reads for rule in self._rules)
        self._read = frozenset(self._readers_of)
        self._conditions = [n for n, rule in enumerate(self._rules) if not rule.limit_of and n != self._failed_rule]
        self._flag_rules = [number for number in self._conditions if self._rules[number].flags]
        self._beds = {bed.key: BedState(bed.key, bed.sources) for bed in beds}
        self._open: dict[str, tuple[BedState, int]] = {}  # announced alarms by id
        self._heap: list[tuple[int, int, BedState, int]] = []
        self._pushed = 0
        self._unsaved: dict[tuple[BedKey, str], None] = {}
        self._withdrawn: list[Alarm] = []
        self._started = False

    # What happens ------------------------------------------------------------------------------------------------

    def observe(self, bed: BedKey, source: str, record: Record, now: int) -> list[AlarmEvent]:
        """Judge one live record of a source of `bed`. One that a newer record has overtaken is ignored."""
        if not self._started:
            self._start(now)
        at = self._beds[bed]
        from_ = at.sources.get(source)
        if from_ is None:
            from_ = at.sources[source] = Source(source)
        elif record.time < from_.newest and from_.overtaken(record, now):
            return []
        back = now - from_.heard > HEARD_MS
        from_.heard, from_.newest, from_.seq = now, record.time, record.seq
        values = record.values
        known = len(from_.seen)
        from_.values.update(values)
        from_.seen.update(dict.fromkeys(values, now))
        flagged = False
        if record.flags or from_.reasons or record.states != from_.states:
            flagged = from_.take_flags(record)
        outside: list[str] | None = None
        bands = self._bands
        for parameter in values:
            if parameter in bands:
                low, high = bands[parameter]
                if not low <= values[parameter] <= high:
                    outside = [parameter] if outside is None else [*outside, parameter]
        new = back or len(from_.seen) != known
        if outside or flagged or new or at.cases or at.watched or not self._read.isdisjoint(values):
            time = now if record.clock == "unsynced" else record.time
            return self._judge_record(at, values, outside or (), flagged, new, time, now)
        return []

    def advance(self, now: int) -> list[AlarmEvent]:
        """Let time pass: delays end, absence and silence are noticed. Cheap while nothing is due."""
        if not self._started:
            self._start(now)
        events = self._withdraw(now) if self._withdrawn else []
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, _, bed, number = heapq.heappop(heap)
            if bed.armed.get(number) != due:
                continue
            del bed.armed[number]
            self._wake(bed, number, due, now, events)
        if len(events) > 1:
            events.sort(key=_telling)  # the plan's own order depends on the past, which a restart forgets
        return events

    def next_due(self) -> int | None:
        """When `advance` may next have something to do if no record comes; None: nothing is planned."""
        if self._withdrawn:
            return 0
        return self._heap[0][0] if self._heap else None

    def acknowledge(self, alarm_id: str, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """A person has seen the alarm. Raises Refused with a sentence that says why not."""
        return self._command(alarm_id, Cause.ACKNOWLEDGE, by, reason, now)

    def reset(self, alarm_id: str, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """A person ends a latched alarm. Raises Refused with a sentence that says why not."""
        return self._command(alarm_id, Cause.RESET, by, reason, now)

    # What is so --------------------------------------------------------------------------------------------------

    def alarms(self, bed: BedKey | None = None) -> list[Alarm]:
        """The announced alarms of a bed, or of all, most urgent first."""
        if bed is not None:
            open_ = self._beds[bed].cases
            if not open_:
                return []
            found = [case.shown() for case in open_.values() if case.state in ANNOUNCED]
        else:
            found = [at.cases[number].shown() for at, number in self._open.values()]
        return sorted(found, key=_urgency)

    def unsaved(self) -> list[SavedAlarm]:
        """The machine states that changed since the last call, running delays included."""
        changed, self._unsaved = self._unsaved, {}
        saved: list[SavedAlarm] = []
        for key, rule in changed:
            bed = self._beds.get(key)
            case = bed.cases.get(self._numbers[rule]) if bed is not None and rule in self._numbers else None
            body = cases.save(case, bed) if bed is not None and case is not None else None
            saved.append(SavedAlarm(key.ward, key.bed, rule, body))
        return saved

    def restore(self, saved: Iterable[SavedAlarm], now: int) -> None:
        """Go on where `saved` stopped; nothing is announced again.

        An alarm whose rule or bed is no longer in force is cleared at the next `advance`. What cannot be read is
        dropped: an alarm that still holds is raised anew by the next readings.
        """
        if not self._started:
            self._start(now)
        for row in saved:
            if row.body is None:
                continue
            key = BedKey(row.ward, row.bed)
            bed, number = self._beds.get(key), self._numbers.get(row.rule)
            try:
                past = cases.load(row.body)
            except msgspec.MsgspecError:
                self._unsaved[key, row.rule] = None
                continue
            if bed is None or number is None:
                self._unsaved[key, row.rule] = None
                if past.alarm is not None:
                    self._withdrawn.append(past.alarm)
                continue
            case = bed.cases[number] = cases.resume(past, self._rules[number], bed, now)
            if case.alarm is not None:
                self._open[case.alarm.id] = (bed, number)
            self._push(bed, number, now)

    # How it is judged --------------------------------------------------------------------------------------------

    def _start(self, now: int) -> None:
        self._started = True
        for bed in self._beds.values():
            bed.start = bed.now = now
            for number in self._conditions:
                if self._rules[number].timed:
                    self._arm(bed, number, now)

    def _judge_record(
        self,
        bed: BedState,
        values: dict[str, float],
        outside: Sequence[str],
        flagged: bool,
        new: bool,
        time: int,
        now: int,
    ) -> list[AlarmEvent]:
        numbers = {*bed.cases, *bed.watched}
        for parameter in outside:
            numbers.update(self._limits_of[parameter])
        if new:
            numbers.update(self._conditions)
        elif flagged:
            numbers.update(self._flag_rules)
        for parameter in self._read.intersection(values):
            numbers.update(self._readers_of[parameter])
        events: list[AlarmEvent] = []
        for number in sorted(numbers):
            self._judge(bed, number, time, now, events)
            if new or number in bed.cases or number in bed.watched:
                self._arm(bed, number, now)
        return events

    def _wake(self, bed: BedState, number: int, due: int, now: int, events: list[AlarmEvent]) -> None:
        moments = [moment for moment in _moments(self._rules[number], bed) if moment <= now]
        onset = min(moments) if moments and due not in moments else due
        self._judge(bed, number, onset, now, events)
        self._arm(bed, number, now)

    def _judge(self, bed: BedState, number: int, time: int, now: int, events: list[AlarmEvent]) -> None:
        if number in bed.off:
            return
        rule = self._rules[number]
        bed.now = now
        try:
            verdict = rule.judge(bed)
        except Exception as error:  # whatever is wrong with one rule, the others go on
            self._switch_off(bed, number, error, time, now, events)
            return
        self._follow(bed, number, verdict, time, now, events)

    def _follow(
        self, bed: BedState, number: int, verdict: Verdict, time: int, now: int, events: list[AlarmEvent]
    ) -> None:
        """Take every step the verdict leads to: begun, held and raised can be one moment."""
        while True:
            case = bed.cases.get(number) or Case(self._rules[number], time)
            since = case.since
            cause = case.cause(verdict, now)
            if cause is None:
                if case.since is not None or since is not None:
                    self._unsaved[bed.key, case.rule.id] = None
                return
            self._take(bed, number, case, cause, verdict, now, events)

    def _take(
        self,
        bed: BedState,
        number: int,
        case: Case,
        cause: Cause,
        verdict: Verdict | None,
        now: int,
        events: list[AlarmEvent],
    ) -> None:
        event = case.apply(cause, bed, verdict, now)
        self._unsaved[bed.key, case.rule.id] = None
        if case.state is State.INACTIVE:
            bed.cases.pop(number, None)
            if case.alarm is not None:
                self._open.pop(case.alarm.id, None)
        else:
            bed.cases[number] = case
            if case.alarm is not None:
                self._open[case.alarm.id] = (bed, number)
        if event is not None:
            events.append(event)

    def _switch_off(
        self, bed: BedState, number: int, error: Exception, time: int, now: int, events: list[AlarmEvent]
    ) -> None:
        rule = self._rules[number]
        bed.off[number] = f"{rule.id} ({type(error).__name__})"
        case = bed.cases.get(number)
        if case is not None:
            case.condition, case.since = None, None
            if case.state is State.PENDING:
                self._take(bed, number, case, Cause.LOST, None, now, events)
        message = f"Switched off at this bed after a failure: {', '.join(sorted(bed.off.values()))}"
        failed = bed.cases.get(self._failed_rule)
        if failed is not None:
            failed.message = message
            self._take(bed, self._failed_rule, failed, Cause.AGAIN, None, now, events)
            return
        failed = bed.cases[self._failed_rule] = Case(self._rules[self._failed_rule], time)
        failed.message = message
        self._judge(bed, self._failed_rule, time, now, events)

    def _command(self, alarm_id: str, cause: Cause, by: str, reason: str, now: int) -> list[AlarmEvent]:
        found = self._open.get(alarm_id)
        if found is None:
            raise Refused("there is no such alarm now; it may have cleared or been raised anew")
        bed, number = found
        case = bed.cases[number]
        taken = step(case.state, cause)
        assert case.alarm is not None
        if taken.state is State.ACKNOWLEDGED:
            case.alarm = msgspec.structs.replace(case.alarm, acknowledged_by=by, acknowledged_at=now)
        since, known = case.since, case.known
        events: list[AlarmEvent] = []
        self._take(bed, number, case, cause, None, now, events)
        if case.state is State.ACKNOWLEDGED:
            case.since, case.known = since, known  # an off-delay that runs is not a person's to stop
        else:
            self._judge(bed, number, now, now, events)  # a condition that has come back begins its next alarm
        self._arm(bed, number, now)
        return [msgspec.structs.replace(events[0], by=by, reason=reason), *events[1:]]

    def _withdraw(self, now: int) -> list[AlarmEvent]:
        withdrawn, self._withdrawn = self._withdrawn, []
        states = {public: state for state, public in PUBLIC.items()}
        events: list[AlarmEvent] = []
        for alarm in withdrawn:
            change = step(states[alarm.state], Cause.WITHDRAWN).change
            if change is not None:
                ended = msgspec.structs.replace(alarm, rev=alarm.rev + 1, changed=now, condition=None)
                events.append(AlarmEvent(change=change, time=now, alarm=ended, reason=Cause.WITHDRAWN.value))
        return events

    # When it is judged without a record --------------------------------------------------------------------------

    def _arm(self, bed: BedState, number: int, now: int) -> None:
        """Plan the next judgement that needs no record: a delay's end, an absence or silence coming of age."""
        rule = self._rules[number]
        case = bed.cases.get(number)
        due = case.due(now) if case is not None and number not in bed.off else None
        if rule.timed and number not in bed.off:
            moments = _moments(rule, bed)
            if any(moment <= now for moment in moments):
                bed.watched.add(number)
            else:
                bed.watched.discard(number)
            due = min((moment for moment in (*moments, due) if moment is not None and moment > now), default=None)
        if due is not None:
            self._push(bed, number, due)

    def _push(self, bed: BedState, number: int, due: int) -> None:
        armed = bed.armed.get(number)
        if armed is None or due < armed:
            bed.armed[number] = due
            self._pushed += 1
            heapq.heappush(self._heap, (due, self._pushed, bed, number))


def _moments(rule: Rule, bed: BedState) -> list[int]:
    """When each absence and silence of the rule comes of age if nothing more is heard."""
    moments: list[int] = []
    for parameter, duration in rule.absences:
        seen = [source.seen[parameter] for source in bed.sources.values() if parameter in source.seen]
        if seen:
            moments.append(max(seen) + duration)
    for duration in rule.silences:
        moments += [bed.last_heard(source) + duration for source in bed.sources.values()]
    return moments


def _by_parameter(lists: Iterable[Iterable[str]]) -> dict[str, list[int]]:
    numbers: dict[str, list[int]] = {}
    for number, parameters in enumerate(lists):
        for parameter in parameters:
            numbers.setdefault(parameter, []).append(number)
    return numbers


def _telling(event: AlarmEvent) -> tuple[int, str, str, str]:
    """The most urgent first, then by place and rule; a stable sort keeps one alarm's own order."""
    alarm = event.alarm
    return -PRIORITY_RANK[alarm.priority], alarm.ward, alarm.bed, alarm.rule


def _urgency(alarm: Alarm) -> tuple[int, int, bool, int, str]:
    return (
        -PRIORITY_RANK[alarm.priority],
        _STATE_RANK[alarm.state],
        alarm.kind == "technical",
        -alarm.raised,
        alarm.rule,
    )
