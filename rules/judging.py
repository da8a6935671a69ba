"""Judging: rules at a bed become steps of their alarms, and the moments at which they must be judged again."""

from __future__ import annotations

import heapq
from collections.abc import Collection, Sequence

from rules.beds import Answer, BedState, Verdict
from rules.cases import NOBODY, Case, Deed
from rules.documents import RULE_FAILED
from rules.machine import Cause, State
from rules.pauses import PAUSE_ROW
from vitals.alarms import AlarmEvent
from vitals.identity import BedKey


class Judging:
    """Judges rules, and knows which alarms are open, what is planned and what is not saved yet."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[BedState, str]] = {}  # announced alarms by id: where, and of which rule
        self.unsaved: dict[tuple[BedKey, str], None] = {}
        self._heap: list[tuple[int, int, BedState, str]] = []
        self._pushed = 0

    # How it is judged --------------------------------------------------------------------------------------------

    def judge_record(
        self,
        bed: BedState,
        values: Collection[str],
        outside: Sequence[str],
        flagged: bool,
        new: bool,
        stirred: bool,
        time: int,
        now: int,
    ) -> list[AlarmEvent]:
        """Judge all that a record can concern.

        Some values are `outside` their quiet bands, a reason is `flagged` anew, the source is `new`, or the bed's
        scores are `stirred`.
        """
        book = bed.book
        ids = {*bed.cases, *bed.watched}
        for parameter in outside:
            ids.update(book.limits_of[parameter])
        if new:
            ids.update(book.conditions)
        elif flagged:
            ids.update(book.flag_rules)
        for parameter in book.read.intersection(values):
            ids.update(book.readers_of[parameter])
        if stirred:
            for parameter in values:
                ids.update(book.scorers_of.get(parameter, ()))
            ids -= bed.calm - bed.cases.keys()
        events: list[AlarmEvent] = []
        for rule in book.in_order(ids):
            self.judge(bed, rule, time, now, events)
            if rule in bed.cases or rule in bed.watched or book.rules[rule].holds or (new and rule in book.timed):
                self.arm(bed, rule, now)
        return events

    def judge_all(self, bed: BedState, rules: Collection[str], time: int, now: int, events: list[AlarmEvent]) -> None:
        """Judge these rules, in the order of the book."""
        for rule in bed.book.in_order(rules):
            self.judge(bed, rule, time, now, events)
            self.arm(bed, rule, now)

    def judge(self, bed: BedState, rule: str, time: int, now: int, events: list[AlarmEvent]) -> None:
        """Take every step the rule's verdict leads to: begun, held and raised can be one moment."""
        try:
            verdict = self.verdict(bed, rule, now)
        except Exception as error:  # whatever is wrong with one rule, the others go on
            self._switch_off(bed, rule, error, time, now, events)
            return
        if verdict.answer is not Answer.HOLDS and rule not in bed.cases:
            if rule in bed.book.scorers:
                bed.calmed(rule)
            return
        paused = bed.pause is not None and now < bed.pause.until
        while True:
            case = bed.cases.get(rule) or new_case(bed, rule, time)
            since, risen = case.since, case.risen
            cause = case.cause(verdict, paused, now)
            if cause is None:
                if case.since is not None or since is not None or case.risen != risen:
                    self.unsaved[bed.key, rule] = None
                return
            self.take(bed, case, cause, verdict, now, events)

    def verdict(self, bed: BedState, rule: str, now: int) -> Verdict:
        """What the rule says now; of one that is switched off, nothing is known."""
        bed.now = now
        if rule in bed.off:
            return Verdict(Answer.UNKNOWN, now)
        return bed.book.rules[rule].judge(bed)

    def take(
        self,
        bed: BedState,
        case: Case,
        cause: Cause,
        verdict: Verdict | None,
        now: int,
        events: list[AlarmEvent],
        deed: Deed = NOBODY,
    ) -> None:
        """Take one step, and keep the books of it. Raises Refused."""
        event = case.apply(cause, bed, verdict, now, deed)
        rule = case.rule.id
        self.unsaved[bed.key, rule] = None
        if case.state is State.INACTIVE:
            bed.cases.pop(rule, None)
            if case.alarm is not None:
                self.open.pop(case.alarm.id, None)
        else:
            bed.cases[rule] = case
            if case.alarm is not None:
                self.open[case.alarm.id] = (bed, rule)
        if event is not None:
            events.append(event)

    def call(
        self, bed: BedState, case: Case, cause: Cause, now: int, events: list[AlarmEvent], deed: Deed = NOBODY
    ) -> None:
        """Take a step that calls people, withheld where the bed's alarms are paused."""
        paused = bed.pause is not None and now < bed.pause.until
        self.take(bed, case, Cause.WITHHELD if paused else cause, None, now, events, deed)

    def _switch_off(
        self, bed: BedState, rule: str, error: Exception, time: int, now: int, events: list[AlarmEvent]
    ) -> None:
        bed.off[rule] = f"{rule} ({type(error).__name__})"
        case = bed.cases.get(rule)
        if case is not None:
            case.condition, case.since, case.risen = None, None, None
            if case.state is State.PENDING:
                self.take(bed, case, Cause.LOST, None, now, events)
        message = f"Switched off at this bed after a failure: {', '.join(sorted(bed.off.values()))}"
        failed = bed.cases.get(RULE_FAILED)
        if failed is not None:
            failed.message = message
            self.call(bed, failed, Cause.AGAIN, now, events)
            return
        failed = bed.cases[RULE_FAILED] = new_case(bed, RULE_FAILED, time)
        failed.message = message
        self.judge(bed, RULE_FAILED, time, now, events)

    # When it is judged without a record --------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """The next planned moment."""
        return self._heap[0][0] if self._heap else None

    def take_due(self, now: int) -> tuple[BedState, str, int] | None:
        """The next planned moment that has come: the bed, the rule (or PAUSE_ROW), and when it was due."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            due, _, bed, rule = heapq.heappop(heap)
            if bed.armed.get(rule) == due:
                del bed.armed[rule]
                if rule == PAUSE_ROW or rule in bed.book.rules:
                    return bed, rule, due
        return None

    def wake(self, bed: BedState, rule: str, due: int, now: int, events: list[AlarmEvent]) -> None:
        """Judge a rule at its planned moment."""
        moments = [moment for moment in bed.book.rules[rule].moments(bed) if moment <= now]
        onset = min(moments) if moments and due not in moments else due
        self.judge(bed, rule, onset, now, events)
        self.arm(bed, rule, now)

    def arm(self, bed: BedState, rule: str, now: int) -> None:
        """Plan the next judgement that needs no record: a delay's end, an absence or silence coming of age."""
        case = bed.cases.get(rule)
        due = case.due(now) if case is not None else None
        if rule in bed.book.timed and rule not in bed.off:
            moments = bed.book.rules[rule].moments(bed)
            if any(moment <= now for moment in moments):
                bed.watched[rule] = None
            else:
                bed.watched.pop(rule, None)
            due = min((moment for moment in (*moments, due) if moment is not None and moment > now), default=None)
        told = bed.told.get(rule) if bed.told else None
        if told is not None and told.until is not None and now < told.until:
            due = told.until if due is None else min(due, told.until)
        if due is not None:
            self.plan(bed, rule, due)

    def plan(self, bed: BedState, rule: str, due: int) -> None:
        """Judge `rule` at `due`, unless it is planned earlier."""
        armed = bed.armed.get(rule)
        if armed is None or due < armed:
            bed.armed[rule] = due
            self._pushed += 1
            heapq.heappush(self._heap, (due, self._pushed, bed, rule))


def new_case(bed: BedState, rule: str, onset: int) -> Case:
    """A case of which nothing is known yet."""
    case = Case(bed.book.rules[rule], onset)
    told = bed.told.get(rule)
    if told is not None and told.message:
        case.message = told.message
    return case
