"""The engine over many beds and rules: order, commands, failing rules, determinism, and what callers can rely on."""

import itertools

import pytest

from rules import compiled
from rules.engine import Bed, Engine
from rules.library import read_set
from rules.machine import Refused
from vitals.alarms import alarm_id
from vitals.errors import UsageError
from vitals.identity import BedKey
from vitals.readings import Record

OTHER = BedKey("north", "8")
RULES = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 0s, message: SpO2 low}
  - {id: rate-low, parameter: hr, low: 40, priority: high, for: 0s, latching: false, message: Heart rate low}
  - {id: temp-high, parameter: temp, high: 39, priority: low, for: 0s, message: Temperature high}
conditions:
  - {id: lead, kind: technical, priority: medium, when: flag(lead_off), for: 0s, message: Lead off}
"""
DELAYED = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: PRIORITY, for: 2s, hysteresis: 2, off_delay: 2s, message: Low}
"""


def test_beds_do_not_hear_each_other(new_ward):
    ward = new_ward(RULES, beds=[Bed(OTHER, ("gw/b",))])
    ward.send(values={"spo2": 80.0}, source="gw/b", bed=OTHER)
    assert [alarm.bed for alarm in ward.engine.alarms()] == ["8"]
    assert ward.engine.alarms(BedKey("north", "7")) == []
    assert len(ward.engine.alarms(OTHER)) == 1


def test_alarms_are_listed_most_urgent_first(new_ward):
    ward = new_ward(RULES)
    ward.send(values={"temp": 40.0})
    ward.wait(1)
    ward.send(values={"spo2": 80.0}, states=["lead_off"])
    ward.wait(1)
    ward.send(values={"hr": 30.0}, states=["lead_off"])
    assert [alarm.rule for alarm in ward.engine.alarms()] == ["rate-low", "spo2-low", "lead", "temp-high"]
    ward.acknowledge(ward.engine.alarms()[1].id)
    assert [alarm.rule for alarm in ward.engine.alarms()] == ["rate-low", "lead", "spo2-low", "temp-high"]


def test_an_alarm_id_follows_from_rule_bed_and_onset(new_ward):
    ids = set()
    for _ in range(2):
        ward = new_ward(RULES)
        ward.send(values={"spo2": 80.0})
        ids.add(ward.alarm.id)
        assert ward.alarm.id == alarm_id("spo2-low", "north", "7", ward.alarm.onset)
    assert len(ids) == 1


def test_a_second_episode_is_another_alarm(new_ward):
    ward = new_ward(RULES)
    ids = set()
    for _ in range(3):
        ward.send(values={"spo2": 80.0})
        ids.add(ward.alarm.id)
        ward.wait(1)
        ward.send(values={"spo2": 99.0})
        ward.wait(1)
    assert len(ids) == 3


def test_a_command_for_an_alarm_nobody_knows_is_refused(new_ward):
    ward = new_ward(RULES)
    for command in (ward.acknowledge, ward.reset):
        with pytest.raises(Refused, match="no such alarm"):
            command("0123456789abcdef")


def test_only_the_change_a_person_caused_carries_their_name(new_ward):
    ward = new_ward(RULES.replace("latching: false", "latching: true, off_delay: 0s"))
    ward.send(values={"hr": 30.0})
    ward.wait(1)
    ward.send(values={"hr": 80.0})
    ward.wait(1)
    (event,) = ward.reset(by="nurse kim")
    assert (event.change, event.by) == ("reset", "nurse kim")
    ward.send(values={"hr": 30.0})
    assert [(event.change, event.by) for event in ward.events[-2:]] == [("reset", "nurse kim"), ("raised", "")]


def test_two_sets_with_the_same_rule_are_refused():
    adult = read_set("adult-ward")
    with pytest.raises(UsageError, match="rule heart-rate-low is in set adult-ward and again"):
        Engine([adult, adult], [])


def test_a_rule_that_fails_is_switched_off_at_its_bed_and_the_others_go_on(new_ward, monkeypatch):
    def broken(limit, *rest):
        judge = unbroken(limit, *rest)

        def fails_at_seven(bed):
            if limit.id == "spo2-low" and bed.key.bed == "7":
                raise OverflowError("wrong")
            return judge(bed)

        return fails_at_seven

    unbroken = compiled._judge_limit
    monkeypatch.setattr(compiled, "_judge_limit", broken)
    ward = new_ward(RULES, beds=[Bed(OTHER, ("gw/b",))])
    ward.send(values={"spo2": 80.0, "hr": 30.0})
    ward.send(values={"spo2": 80.0}, source="gw/b", bed=OTHER)
    assert sorted((rule, event.alarm.bed) for event in ward.events for rule in [event.alarm.rule]) == [
        ("rate-low", "7"),
        ("rule-failed", "7"),
        ("spo2-low", "8"),
    ]
    failed = next(alarm for alarm in ward.engine.alarms() if alarm.rule == "rule-failed")
    assert "spo2-low (OverflowError)" in failed.message
    assert failed.kind == "technical"
    ward.wait(1)
    ward.send(values={"spo2": 80.0, "hr": 30.0})
    assert len(ward.events) == 3, "said once"


def test_a_second_failing_rule_raises_the_alarm_again_even_if_acknowledged(new_ward, monkeypatch):
    def fails(limit, *rest):
        def judge(bed):
            raise ArithmeticError

        return judge

    monkeypatch.setattr(compiled, "_judge_limit", fails)
    ward = new_ward(RULES)
    ward.send(values={"spo2": 80.0})
    ward.acknowledge()
    ward.send(values={"hr": 30.0})
    assert [change for _, change, _ in ward.told] == ["raised", "acknowledged", "reraised"]
    assert "rate-low" in ward.alarm.message
    assert "spo2-low" in ward.alarm.message
    assert ward.alarm.acknowledged_by == ""


def test_a_failed_rule_works_again_after_a_restart(new_ward, monkeypatch):
    ward = new_ward(RULES)
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_judge_limit", lambda limit, *rest: lambda bed: 1 / 0)
        ward.restart()
        ward.send(values={"spo2": 80.0})
        assert ward.told[-1][1:] == ("raised", "rule-failed")
    ward.restart()
    ward.wait(1)
    assert ward.told[-1][1:] == ("cleared", "rule-failed")
    ward.send(values={"spo2": 80.0})
    assert ward.told[-1][1:] == ("raised", "spo2-low")


def test_unsaved_says_what_changed_since_the_last_call_and_what_is_gone(new_ward):
    ward = new_ward(RULES)
    ward.send(values={"spo2": 99.0})
    assert ward.engine.unsaved() == []
    ward.send(values={"spo2": 80.0})
    (row,) = ward.engine.unsaved()
    assert row[:3] == ("north", "7", "spo2-low")
    assert row.body
    ward.send(values={"spo2": 80.0})
    assert ward.engine.unsaved() == [], "an alarm that only goes on costs no writes"
    ward.send(values={"spo2": 99.0})
    assert ward.engine.unsaved() == [("north", "7", "spo2-low", None)]


def test_a_source_the_settings_do_not_name_is_judged_all_the_same(new_ward):
    ward = new_ward(RULES, sources=())
    ward.send(values={"spo2": 80.0}, source="gw/new")
    assert ward.alarm.device == "gw/new"


# Every short story over one limit ------------------------------------------------------------------------------------

STEPS = ("low", "band", "fine", "missing", "pause", "acknowledge", "reset", "restart")
SENT = {"low": {"spo2": 80.0}, "band": {"spo2": 91.0}, "fine": {"spo2": 97.0}}


def take(ward, step):
    if step in SENT:
        ward.send(values=SENT[step])
    elif step == "missing":
        ward.send(missing={"spo2": "searching"})
    elif step == "restart":
        ward.restart()
    elif step != "pause":
        for alarm in ward.engine.alarms():
            try:
                getattr(ward, step)(alarm.id)
            except Refused:
                continue


@pytest.mark.parametrize("priority", ["medium", "high"])
@pytest.mark.parametrize("beginning", [(), ("low", "low", "low")])
def test_what_listeners_see_is_sound_over_every_story_of_four_steps(new_ward, priority, beginning):
    rules = DELAYED.replace("PRIORITY", priority)
    for story in itertools.product(STEPS, repeat=4):
        ward = new_ward(rules)
        for step in (*beginning, *story):
            told = len(ward.events)
            take(ward, step)
            if step == "missing":
                assert len(ward.events) == told, story
            ward.wait(1, tick_ms=500)
            check(ward, story)


def check(ward, story):
    shown, rev = None, 0
    for event in ward.events:
        alarm = event.alarm
        if event.change == "raised":
            assert shown is None, story
            shown, rev = alarm.id, 0
        assert alarm.id == shown, story
        assert alarm.rev == rev + 1, story
        rev = alarm.rev
        assert event.change != "latched" or alarm.priority == "high", story
        if event.change in ("cleared", "reset"):
            shown = None
    assert [alarm.id for alarm in ward.engine.alarms()] == ([shown] if shown else []), story


def test_a_record_inside_every_limit_says_nothing_and_changes_nothing():
    key = BedKey("north", "7")
    engine = Engine([read_set("adult-ward")], [Bed(key, ("gw/a",))])
    for second in range(60):
        now = 1_700_000_000_000 + second * 1_000
        record = Record(seq=second + 1, device="a", time=now, values={"hr": 72.0, "spo2": 97.0, "rr": 14.0})
        assert engine.observe(key, "gw/a", record, now) == []
        assert engine.advance(now) == []
    assert engine.alarms() == []
    assert engine.unsaved() == []
