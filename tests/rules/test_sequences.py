"""Every sequence of six things that can happen to one alarm, against what must always be true.

Two ways that lead to the same state go on alike, so each state is followed once: the search is complete and takes
seconds. A state is everything the future depends on, with times relative to now.
"""

import pytest

from rules.beds import NEVER
from rules.book import compile_book
from rules.compiled import compile_rules
from rules.documents import read_rules
from rules.engine import Bed, Engine
from rules.machine import Refused
from vitals.alarms import PRIORITY_RANK
from vitals.identity import BedKey
from vitals.readings import Record

LENGTH = 6
BED = BedKey("north", "7")
START = 1_700_000_000_000
HEAD = "format: 1\nid: test-set\ntitle: Test\nprovenance: made up\n"
LIMIT = """
limits:
  - {id: rule, parameter: spo2, low: 90, priority: PRIORITY, for: 2s, hysteresis: 4, off_delay: 2s, message: Low,
     acknowledged_for: 1min EXTREME}
"""
EXTREME = ", extreme: {low: 80, priority: high, for: 2s}"
BOOKS = {
    "medium limit that may rise": LIMIT.replace("PRIORITY", "medium").replace("EXTREME", EXTREME),
    "high limit": LIMIT.replace("PRIORITY", "high").replace("EXTREME", ""),
    "technical": """
conditions:
  - {id: rule, kind: technical, priority: high, when: spo2 < 90, for: 2s, off_delay: 2s, message: Low,
     acknowledged_for: 1min}
""",
}
CALLS = ("raised", "reraised", "escalated")
SILENCED = ("acknowledged", "audio_paused", "alarms_paused")
SENT = {"low": 85.0, "very low": 70.0, "between": 92.0, "fine": 97.0}
ACTS = (*SENT, "missing", "silence", "time", "acknowledge", "reset", "pause audio", "pause alarms", "resume", "restart")


class Play:
    """One bed, and what has happened to it."""

    def __init__(self, book, path=()) -> None:
        self.book = book
        self.now, self.seq, self.kept, self.events = START, 0, {}, []
        self.engine = self._engine()
        self.send(values={"spo2": 97.0})
        for act in path:
            self.take(act)

    def take(self, act):
        """Let one thing happen and a second pass; whether it was refused, and what was told."""
        before = len(self.events)
        refused = False
        if act in SENT:
            self.send(values={"spo2": SENT[act]})
        elif act == "missing":
            self.send(flags={"spo2": "sensor_off"})
        elif act == "restart":
            self.commit()
            self.engine = self._engine()
            self.engine.restore(self.kept.values(), self.now)
        elif act not in ("silence", "time"):
            refused = self.command(act)
        if refused:
            return True, []
        if act == "time":  # until after every acknowledgement, with a patient who does not change
            for _ in range(7):
                self.send(values=dict(self.bed.sources["gw/a"].values))
                self.pass_time(10_000)
        self.pass_time(20_000 if act == "silence" else 1_000)
        return False, self.events[before:]

    def command(self, act):
        engine, now = self.engine, self.now
        alarms = engine.alarms()
        id_ = alarms[0].id if alarms else "0" * 16
        try:
            if act in ("acknowledge", "reset"):
                self.events += getattr(engine, act)(id_, "nurse-1", "", now)
            elif act == "pause audio":
                self.events += engine.pause_audio(BED, "nurse-1", "", now + 3_000, now)
            elif act == "pause alarms":
                self.events += engine.pause_alarms(BED, "nurse-1", "washing", now + 3_000, now)
            else:
                self.events += engine.resume_alarms(BED, "nurse-1", "", now)
        except Refused:
            return True
        return False

    def send(self, **fields):
        self.seq += 1
        record = Record(seq=self.seq, device="a", time=self.now, **fields)
        self.events += self.engine.observe(BED, "gw/a", record, self.now)

    def pass_time(self, milliseconds):
        end = self.now + milliseconds
        while (due := self.engine.next_due()) is not None and due <= end:
            self.now = max(due, self.now)
            self.events += self.engine.advance(self.now)
        self.now = end
        self.events += self.engine.advance(end)
        self.commit()

    def commit(self):
        for row in self.engine.unsaved():
            self.kept[row.rule] = row

    def state(self):
        """All that matters for what comes, with times relative to now and none that is long over."""
        bed = self.bed
        source = bed.sources["gw/a"]
        case = bed.cases.get("rule")
        known = () if case is None else (
            case.state, case.condition, case.priority, case.message,
            *map(self._ago, (case.since, case.risen, case.known)),
            case.alarm and (self._ago(case.alarm.until), case.alarm.acknowledged_by, case.alarm.paused_by),
        )  # fmt: skip
        return (
            known,
            self._ago(bed.pause and bed.pause.until),
            tuple(source.values.items()),
            tuple(source.reasons.items()),
            *map(self._ago, (source.seen.get("spo2"), source.heard if source.heard != NEVER else None)),
            tuple(sorted((rule, self._ago(due)) for rule, due in bed.armed.items())),
            tuple(sorted(rule for rule, row in self.kept.items() if row.body is not None)),
        )

    @property
    def bed(self):
        return self.engine._beds[BED]

    def _ago(self, moment):
        return None if moment is None else max(moment - self.now, -60_000)

    def _engine(self):
        engine = Engine([], [Bed(BED, ("gw/a",))])
        engine.rebook(BED, self.book, self.now)
        return engine


@pytest.mark.parametrize("name", BOOKS)
def test_what_must_always_be_true_is_true_after_every_sequence(name):
    book = compile_book(compile_rules([read_rules(HEAD + BOOKS[name], "test.yaml")]))
    seen = {Play(book).state()}
    paths = [()]
    for _ in range(LENGTH):
        longer = []
        for path in paths:
            for act in ACTS:
                play = Play(book, path)
                before, events = play.state(), len(play.events)
                refused, told = play.take(act)
                if refused:
                    assert play.state() == before, f"{(*path, act)}: a refusal changes nothing"
                    assert len(play.events) == events
                    continue
                check(play, act, told, (*path, act), name)
                state = play.state()
                if state not in seen:
                    seen.add(state)
                    longer.append((*path, act))
        paths = longer
    assert len(seen) > 100


def check(play, act, told, path, name):
    alarms = play.engine.alarms()
    check_history(play.events, path)
    for alarm in alarms:
        last = play.events[-1]
        assert last.alarm.id == alarm.id, path
        if alarm.state == "active":
            assert last.change in CALLS, f"{path}: it calls, and this was the last word"
            assert (alarm.until, alarm.acknowledged_by, alarm.paused_by) == (None, "", ""), path
        elif alarm.state == "latched":
            assert (alarm.until, alarm.kind, alarm.priority) == (None, "physiological", "high"), path
        else:
            assert alarm.state in SILENCED, path
            assert alarm.until is not None, f"{path}: no silence without an end"
            assert alarm.until > play.now or alarm.condition is False, f"{path}: it ends when it says"
            assert alarm.acknowledged_by == ("nurse-1" if alarm.state == "acknowledged" else ""), path
            assert (alarm.paused_by != "") == (alarm.state != "acknowledged"), path
    paused = play.engine.bed_pause(BED)
    if paused is not None:
        assert play.now < paused.until, path
        assert all(alarm.state not in ("active", "audio_paused") for alarm in alarms), f"{path}: it calls in a pause"
    if act == "missing":
        assert all(event.change in ("reraised", "alarms_paused") for event in told), f"{path}: no data is no cause"
    case = play.bed.cases.get("rule")
    if case is not None and case.condition and case.since is None and not alarms:
        raise AssertionError(f"{path}: the condition holds, no delay runs and nobody is told")
    assert name != "technical" or all(event.change != "latched" for event in told), path


def check_history(events, path):
    """What listeners have heard, from the beginning."""
    shown, rev, rank, state = None, 0, 0, ""
    for event in events:
        alarm = event.alarm
        if shown is None:
            assert event.change in ("raised", "alarms_paused"), path
            shown, rev, rank = alarm.id, 0, 0
        else:
            assert event.change != "raised", path
        assert (alarm.id, alarm.rev) == (shown, rev + 1), f"{path}: the revision grows by one"
        assert PRIORITY_RANK[alarm.priority] >= rank, f"{path}: the priority falls"
        assert event.change != "escalated" or PRIORITY_RANK[alarm.priority] > rank, path
        assert event.by or event.change not in ("acknowledged", "audio_paused", "reset"), f"{path}: by nobody"
        assert event.change != "reraised" or event.reason or state == "latched", f"{path}: it calls again without why"
        if event.change == "cleared" and alarm.priority == "high" and alarm.kind == "physiological":
            assert alarm.state in ("acknowledged", "alarms_paused"), f"{path}: seen by nobody, gone all the same"
        rev, rank, state = alarm.rev, PRIORITY_RANK[alarm.priority], alarm.state
        if event.change in ("cleared", "reset"):
            shown = None
