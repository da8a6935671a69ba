"""The rule engine: records, commands, faults and the passing of time in, alarm transitions out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from rules import cases, pauses
from rules.beds import HEARD_MS, BedState, Entry, Source, Told
from rules.book import Book, compile_book
from rules.cases import NOBODY, Case, Deed
from rules.compiled import compile_rules
from rules.documents import RuleSet
from rules.faults import BROKER_LOST, DRILL_MS, FAULTS
from rules.judging import Judging, new_case
from rules.machine import ANNOUNCED, PUBLIC, STANDING, Cause, Refused, State, step
from rules.pauses import PAUSE_ROW, Pause
from rules.places import Places
from rules.scores import ScoreResult, ScoreTable
from rules.urgency import in_order, urgency
from vitals.alarms import Alarm, AlarmEvent
from vitals.drills import DRILL
from vitals.identity import BedKey
from vitals.readings import Record

_SOUNDING = frozenset({State.ACTIVE, State.AUDIO_PAUSED})
DRILL_AGAIN_MS = 5_000  # TEST records closer to each other than this are one drill


class Bed(NamedTuple):
    """A bed and the sources (`gateway/device`) that stand at it, the preferred one first."""

    key: BedKey
    sources: tuple[str, ...]


class SavedAlarm(NamedTuple):
    """The machine state of one rule at one bed, as it is kept over a restart. `body` None: it is inactive again.

    The pause of a bed is kept as one more row, under the name PAUSE_ROW.
    """

    ward: str
    bed: str
    rule: str
    body: bytes | None


class Engine:
    """All rules at all beds.

    `now` is UTC milliseconds on a clock that never steps: every delay runs on it. Records must be live and free of
    duplicates. A rule that raises is switched off at that bed until it is exchanged or the hub starts again, with an
    alarm that says so. Equipment that stands at no bed has its own place, a BedKey of its ward and subject.
    """

    def __init__(self, sets: Sequence[RuleSet], beds: Sequence[Bed]) -> None:
        self._book = compile_book(compile_rules(sets))
        self._places = Places([BedState(bed.key, bed.sources) for bed in beds], compile_book(compile_rules(())))
        self._beds = self._places.beds
        for at in self._beds.values():
            at.book = self._book
        self._judging = Judging()
        self._withdrawn: list[Alarm] = []
        self._started = False

    # What happens ------------------------------------------------------------------------------------------------

    def observe(self, bed: BedKey, source: str, record: Record, now: int) -> list[AlarmEvent]:
        """Judge one live record of a source of `bed`. One that a newer record has overtaken is ignored."""
        if not self._started:
            self._start(now)
        at = self._beds[bed]
        if record.states and DRILL in record.states:
            return self._drill(at, source, record, now)
        from_ = at.sources.get(source)
        if from_ is None:
            from_ = at.sources[source] = Source(source)
            self._places.came(at, source)
        elif record.time < from_.newest and from_.overtaken(record, now):
            return []
        back = now - from_.heard > HEARD_MS or from_.hidden
        from_.heard, from_.newest, from_.seq, from_.hidden = now, record.time, record.seq, False
        values = record.values
        new = from_.take_values(values, now) or back
        flagged = False
        if record.flags or from_.reasons or record.states != from_.states:
            flagged = from_.take_flags(record)
        outside: list[str] | None = None
        book = at.book
        bands = book.bands
        for parameter in values:
            if parameter in bands:
                low, high = bands[parameter]
                if not low <= values[parameter] <= high:
                    outside = [parameter] if outside is None else [*outside, parameter]
        gone = flagged or (record.flags and not record.flags.keys().isdisjoint(values))
        for scored in at.scored.values():
            if gone:
                scored.stir()
            else:
                scored.heard(source, values)
        stirred = bool(book.scorers) and at.stirred(now)
        if outside or flagged or new or stirred or at.cases or at.watched or not book.read.isdisjoint(values):
            time = now if record.clock == "unsynced" else record.time
            return self._judging.judge_record(at, values, outside or (), flagged, new, stirred, time, now)
        return []

    def advance(self, now: int) -> list[AlarmEvent]:
        """Let time pass: delays and pauses end, absence and silence are noticed. Cheap while nothing is due."""
        if not self._started:
            self._start(now)
        events = self._withdraw(now) if self._withdrawn else []
        judging = self._judging
        while (due := judging.take_due(now)) is not None:
            at, rule, moment = due
            if rule == PAUSE_ROW:
                self._end_pause(at, now, events)
            else:
                judging.wake(at, rule, moment, now, events)
        return in_order(events)

    def next_due(self) -> int | None:
        """When `advance` may next have something to do if no record comes; None: nothing is planned."""
        return 0 if self._withdrawn else self._judging.next_due()

    def rebook(self, bed: BedKey, book: Book, now: int) -> list[AlarmEvent]:
        """Judge `bed` by other rules from now on; standing alarms go on under the rule of the same id."""
        at = self._beds[bed]
        former, at.book = at.book, book
        changed = {rule.id for rule in book.rules.values() if former.rules.get(rule.id) is not rule}
        events: list[AlarmEvent] = []
        for id_, case in list(at.cases.items()):
            if id_ not in book.rules:
                self._judging.take(at, case, Cause.WITHDRAWN, None, now, events)
            elif id_ in changed:
                case.rule = book.rules[id_]
                if case.state is State.PENDING:
                    case.priority = case.rule.priority
                if case.message == former.rules[id_].message:
                    case.message = case.rule.message
        for id_ in [id_ for id_ in at.watched if id_ not in book.rules]:
            del at.watched[id_]
        at.calm = frozenset()
        for id_ in [id_ for id_ in at.off if id_ not in book.rules or id_ in changed]:
            del at.off[id_]
        if self._started:
            self._judging.judge_all(at, changed | {id_ for id_ in at.cases if id_ in book.rules}, now, now, events)
        return in_order(events)

    def enter(self, bed: BedKey, entries: Mapping[str, Entry], now: int) -> list[AlarmEvent]:
        """Staff entered something: `entries` are all that are valid at `bed` now."""
        if not self._started:
            self._start(now)
        at = self._beds[bed]
        new = [entry.time for name, entry in entries.items() if at.entries.get(name) != entry]
        at.entries = dict(entries)
        events: list[AlarmEvent] = []
        self._judging.judge_all(at, at.book.conditions, min(max(new, default=now), now), now, events)
        return events

    # What people do ----------------------------------------------------------------------------------------------

    def acknowledge(self, alarm_id: str, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """A person has seen the alarm. Raises Refused with a sentence that says why not."""
        return self._command(alarm_id, Cause.ACKNOWLEDGE, Deed(by, reason), now)

    def reset(self, alarm_id: str, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """A person ends a latched alarm, or an acknowledged one of whose condition nothing is known any more.

        Raises Refused with a sentence that says why not.
        """
        return self._command(alarm_id, Cause.RESET, Deed(by, reason), now)

    def pause_audio(self, what: BedKey | str, by: str, reason: str, until: int | None, now: int) -> list[AlarmEvent]:
        """The alarm of this id, or all that call at a bed now, make no sound until `until`. Raises Refused."""
        deed = Deed(by, reason, pauses.audio_end(until, now))
        if isinstance(what, str):
            return self._command(what, Cause.PAUSE_AUDIO, deed, now)
        at = self._places.bed(what)
        calling = [case for case in at.cases.values() if case.state in _SOUNDING]
        if not calling:
            raise Refused(f"no alarm calls at {what} now")
        events: list[AlarmEvent] = []
        for case in calling:
            self._judging.take(at, case, Cause.PAUSE_AUDIO, None, now, events, deed)
            self._judging.arm(at, case.rule.id, now)
        return in_order(events)

    def pause_alarms(self, bed: BedKey, by: str, reason: str, until: int | None, now: int) -> list[AlarmEvent]:
        """All alarms of a bed, those to come too, are shown and call nobody until `until`. Raises Refused."""
        at = self._places.bed(bed)
        end = pauses.alarms_end(until, reason, now)
        at.pause = Pause(end, by, reason)
        at.armed.pop(PAUSE_ROW, None)
        self._judging.plan(at, PAUSE_ROW, end)
        self._judging.unsaved[bed, PAUSE_ROW] = None
        events: list[AlarmEvent] = []
        for case in list(at.cases.values()):
            if case.state in _SOUNDING or case.state is State.ALARMS_PAUSED:
                self._judging.take(at, case, Cause.PAUSE_ALARMS, None, now, events, Deed(by, reason))
                self._judging.arm(at, case.rule.id, now)
        return in_order(events)

    def resume_alarms(self, bed: BedKey, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """A person ends the pause of a bed: what still holds calls again. Raises Refused."""
        at = self._places.bed(bed)
        if at.pause is None:
            raise Refused(f"the alarms of {bed} are not paused")
        events: list[AlarmEvent] = []
        self._end_pause(at, now, events, Deed(by, reason))
        return in_order(events)

    def vacate(self, bed: BedKey, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """The patient has left the bed: their alarms and the pause of the bed end, their values are forgotten."""
        at = self._places.bed(bed)
        events: list[AlarmEvent] = []
        for case in list(at.cases.values()):
            if case.rule.kind == "physiological":
                self._judging.take(at, case, Cause.WITHDRAWN, None, now, events, Deed(by, reason))
        if at.pause is not None:
            self._end_pause(at, now, events, Deed(by, reason))
        at.forget(now)
        return in_order(events)

    def station(self, bed: Bed, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """Other devices stand at a bed from now on. What was wrong with one that has gone is wrong elsewhere.

        An alarm of the patient stands on: that its device was taken away does not mean that its condition is gone.
        """
        if not self._started:
            self._start(now)
        at = self._places.bed(bed.key)
        gone = self._places.station(at, bed.sources, now)
        events: list[AlarmEvent] = []
        for case in list(at.cases.values()):
            if case.rule.kind == "technical" and case.alarm is not None and case.alarm.device in gone:
                self._judging.take(at, case, Cause.WITHDRAWN, None, now, events, Deed(by, reason))
        self._judging.judge_all(at, {*at.book.conditions, *at.cases}, now, now, events)
        return in_order(events)

    # What others know --------------------------------------------------------------------------------------------

    def fault(
        self,
        place: BedKey,
        subject: str,
        rule: str,
        holds: bool | None,
        now: int,
        message: str = "",
        device: str = "",
    ) -> list[AlarmEvent]:
        """Somebody else says whether a fault of the catalogue stands (None: it cannot be known now).

        `subject` names equipment at no bed, such as `gateway/gw-1`; then only the ward of `place` counts. To show
        another message of a fault that stands, end it and tell it anew.
        """
        if rule not in FAULTS:
            raise ValueError(f"{rule} is no fault of the catalogue; known: {', '.join(FAULTS)}")
        if not self._started:
            self._start(now)
        at, former = self._places.settle(BedKey(place.ward, subject) if subject else place, now)
        told = Told(holds, device, None, message)
        if at.told.get(rule) == told:
            return []
        at.told[rule] = told
        events: list[AlarmEvent] = []
        if former is not None:
            for case in list(former.cases.values()):
                self._judging.take(former, case, Cause.WITHDRAWN, None, now, events)
        if rule == BROKER_LOST and holds is not None:
            self._explain(self._places.broker_lost(holds, now), now, events)
        self._judging.judge_all(at, (rule,), now, now, events)
        return in_order(events)

    def gateway_down(self, gateway: str, down: bool, now: int) -> list[AlarmEvent]:
        """While a gateway is down the silence of its devices says nothing of them, and no alarm of theirs says so."""
        if not self._started:
            self._start(now)
        events: list[AlarmEvent] = []
        self._explain(self._places.gateway_down(gateway, down, now), now, events)
        return events

    def adopt(self, alarm: Alarm, now: int) -> list[AlarmEvent]:
        """Take over an alarm the bedside raised: its id, onset and time. Raises Refused where no rule knows it."""
        return self._take_over(msgspec.structs.replace(alarm, bedside=True), NOBODY, now)

    def carry(self, alarm: Alarm, bed: BedKey, by: str, reason: str, now: int) -> list[AlarmEvent]:
        """An alarm of a patient who lies in `bed` now calls there. Raises Refused where no rule there knows it."""
        return self._take_over(cases.carried(alarm, bed, now), Deed(by, reason), now)

    def _take_over(self, alarm: Alarm, deed: Deed, now: int) -> list[AlarmEvent]:
        if not self._started:
            self._start(now)
        at = self._places.bed(BedKey(alarm.ward, alarm.bed))
        if alarm.rule not in at.book.rules:
            raise Refused(f"no rule {alarm.rule} is in force at {at.key}")
        case = at.cases.get(alarm.rule) or new_case(at, alarm.rule, alarm.onset)
        rose = case.adopt(alarm)
        self._judging.unsaved[at.key, alarm.rule] = None
        events: list[AlarmEvent] = []
        if case.state not in STANDING:
            self._judging.call(at, case, Cause.ADOPTED, now, events, deed)
        elif rose:
            self._judging.call(at, case, Cause.ROSE, now, events, deed)
        self._judging.arm(at, alarm.rule, now)
        return events

    # What is so --------------------------------------------------------------------------------------------------

    def alarms(self, bed: BedKey | None = None) -> list[Alarm]:
        """The announced alarms of a bed or other place, or of all, most urgent first; tests last."""
        if bed is not None:
            at = self._beds.get(bed)
            if at is None or not at.cases:
                return []
            found = [case.shown() for case in at.cases.values() if case.state in ANNOUNCED]
        else:
            found = [at.cases[rule].shown() for at, rule in self._judging.open.values()]
        return sorted(found, key=urgency)

    def bed_pause(self, bed: BedKey) -> Pause | None:
        """The pause of all alarms of a bed, if there is one."""
        return self._beds[bed].pause

    def score(self, bed: BedKey, table: ScoreTable, now: int) -> ScoreResult:
        """The points of a bed by this table."""
        at = self._beds[bed]
        at.now = now
        return at.score(table)

    def unsaved(self) -> list[SavedAlarm]:
        """The machine states that changed since the last call, running delays and pauses included."""
        changed, self._judging.unsaved = self._judging.unsaved, {}
        return [SavedAlarm(key.ward, key.bed, rule, self._body(key, rule)) for key, rule in changed]

    def restore(self, saved: Iterable[SavedAlarm], now: int) -> None:
        """Go on where `saved` stopped; nothing is announced again.

        An alarm whose rule or bed is no longer in force is cleared at the next `advance`, a pause or acknowledgement
        that ended meanwhile ends there, too. What cannot be read is dropped: an alarm that still holds is raised anew
        by the next readings.
        """
        if not self._started:
            self._start(now)
        resumed: list[tuple[BedState, Case]] = []
        for row in saved:
            if row.body is None:
                continue
            try:
                found = self._resume(BedKey(row.ward, row.bed), row.rule, row.body, now)
            except msgspec.MsgspecError:
                self._judging.unsaved[BedKey(row.ward, row.bed), row.rule] = None
            else:
                resumed += [found] if found is not None else []
        for at, case in resumed:
            cases.settle(case, at, now)
            for scored in at.scored.values():
                scored.stir()

    # How it is done ----------------------------------------------------------------------------------------------

    def _start(self, now: int) -> None:
        self._started = True
        for at in self._beds.values():
            at.start = at.now = now
            for rule in at.book.in_order(at.book.timed):
                self._judging.arm(at, rule, now)

    def _command(self, alarm_id: str, cause: Cause, deed: Deed, now: int) -> list[AlarmEvent]:
        found = self._judging.open.get(alarm_id)
        if found is None:
            raise Refused("there is no such alarm now; it may have cleared or been raised anew")
        at, rule = found
        case = at.cases[rule]
        if cause is Cause.RESET and case.state is State.ACKNOWLEDGED and case.condition is None:
            cause = Cause.RESET_UNKNOWN
        events: list[AlarmEvent] = []
        self._judging.take(at, case, cause, None, now, events, deed)
        if rule == DRILL and case.state is State.ACKNOWLEDGED:
            at.told[DRILL] = Told(False)  # somebody has seen it, which is all it was for
            self._judging.judge(at, rule, now, now, events)
        elif case.state is State.INACTIVE:
            self._judging.judge(at, rule, now, now, events)  # a condition that has come back begins its next alarm
        self._judging.arm(at, rule, now)
        return events

    def _end_pause(self, at: BedState, now: int, events: list[AlarmEvent], deed: Deed | None = None) -> None:
        """The bed's pause is over, by itself or by a person."""
        at.pause = None
        self._judging.unsaved[at.key, PAUSE_ROW] = None
        for rule, case in list(at.cases.items()):
            if case.state is not State.ALARMS_PAUSED:
                continue
            if deed is not None:
                case.cut_short(now)
            before = len(events)
            self._judging.judge(at, rule, now, now, events)
            self._judging.arm(at, rule, now)
            if deed is not None and len(events) > before and events[before].change == "reraised":
                reason = deed.reason or events[before].reason
                events[before] = msgspec.structs.replace(events[before], by=deed.by, reason=reason)

    def _drill(self, at: BedState, source: str, record: Record, now: int) -> list[AlarmEvent]:
        """A TEST record: it says nothing of any patient or device."""
        at.told[DRILL] = Told(True, source, now + DRILL_MS)
        events: list[AlarmEvent] = []
        case = at.cases.get(DRILL)
        if case is not None and case.alarm is not None and now - case.alarm.changed >= DRILL_AGAIN_MS:
            self._judging.call(at, case, Cause.AGAIN, now, events)
        self._judging.judge(at, DRILL, now if record.clock == "unsynced" else record.time, now, events)
        self._judging.arm(at, DRILL, now)
        return events

    def _explain(self, beds: Iterable[BedState], now: int, events: list[AlarmEvent]) -> None:
        """End what only said that a device is silent, now that something else says why."""
        for at in beds:
            for rule in at.book.in_order(at.book.timed):
                case = at.cases.get(rule)
                if case is not None and case.rule.kind == "technical" and case.rule.silences and rule not in at.off:
                    self._judging.judge(at, rule, now, now, events)
                    if case.state is not State.INACTIVE and case.condition is None:
                        self._judging.take(at, case, Cause.EXPLAINED, None, now, events)
                self._judging.arm(at, rule, now)

    def _body(self, key: BedKey, rule: str) -> bytes | None:
        at = self._beds.get(key)
        if at is None:
            return None
        if rule == PAUSE_ROW:
            return None if at.pause is None else pauses.save(at.pause)
        case = at.cases.get(rule)
        return None if case is None else cases.save(case, at)

    def _resume(self, key: BedKey, rule: str, body: bytes, now: int) -> tuple[BedState, Case] | None:
        at = self._beds.get(key)
        if at is None and "/" in key.bed and rule in FAULTS:
            at, _ = self._places.settle(key, now)
        if rule == PAUSE_ROW:
            pause = pauses.load(body)
            if at is None:
                self._judging.unsaved[key, rule] = None
            else:
                at.pause = pause
                self._judging.plan(at, PAUSE_ROW, pause.until)
            return None
        past = cases.load(body)
        # While the hub was away nobody looked for the broker: that delay begins anew.
        unwatched = rule == BROKER_LOST and past.alarm is None
        if at is None or rule not in at.book.rules or unwatched:
            self._judging.unsaved[key, rule] = None
            if past.alarm is not None:
                self._withdrawn.append(past.alarm)
            return None
        case = cases.resume(past, at.book.rules[rule], at)
        at.cases[rule] = case
        if case.alarm is not None:
            self._judging.open[case.alarm.id] = (at, rule)
            if rule == DRILL:
                at.told[DRILL] = Told(True, case.alarm.device, case.alarm.changed + DRILL_MS)
        self._judging.plan(at, rule, now)
        return at, case

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
