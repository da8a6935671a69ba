"""A rise of priority: by the extreme tier of a limit, or by other rules."""

import pytest

from rules import compiled
from rules.engine import Bed
from vitals.identity import BedKey

SPO2 = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 15s, hysteresis: 2, off_delay: 3s,
     message: SpO2 low, extreme: {low: 80, priority: high, for: 5s, message: SpO2 very low}}
"""


def test_an_extreme_value_is_an_alarm_after_its_own_delay(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 75.0})
    assert ward.told == [(5.0, "raised", "spo2-low")]
    alarm = ward.alarm
    assert (alarm.priority, alarm.message, alarm.limit, alarm.value) == ("high", "SpO2 very low", 80.0, 75.0)


def test_an_alarm_that_gets_worse_is_the_same_alarm_and_calls_again(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(16, values={"spo2": 85.0})
    first = ward.alarm
    assert (first.priority, first.message) == ("medium", "SpO2 low")
    ward.each_second(6, values={"spo2": 75.0})
    assert ward.told == [(15.0, "raised", "spo2-low"), (21.0, "escalated", "spo2-low")]
    assert (ward.alarm.id, ward.alarm.priority, ward.alarm.rev) == (first.id, "high", first.rev + 1)
    assert ward.events[-1].reason == "its priority rose"


def test_what_is_extreme_for_less_than_its_delay_does_not_escalate(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(16, values={"spo2": 85.0})
    ward.each_second(4, values={"spo2": 75.0})
    ward.each_second(5, values={"spo2": 85.0})
    ward.each_second(4, values={"spo2": 75.0})
    ward.each_second(5, values={"spo2": 85.0})
    assert [change for _, change, _ in ward.told] == ["raised"]


@pytest.mark.parametrize("silence", ["acknowledge", "pause_audio"])
def test_whoever_has_seen_it_is_called_again_when_it_gets_worse(new_ward, silence):
    ward = new_ward(SPO2)
    ward.each_second(16, values={"spo2": 85.0})
    getattr(ward, silence)()
    ward.each_second(6, values={"spo2": 75.0})
    assert ward.told[-1][1] == "escalated"
    alarm = ward.alarm
    assert (alarm.state, alarm.acknowledged_by, alarm.acknowledged_at, alarm.until) == ("active", "", None, None)


def test_in_a_pause_of_the_bed_it_is_shown_as_worse_and_calls_nobody(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(16, values={"spo2": 85.0})
    ward.pause_alarms(60)
    ward.each_second(6, values={"spo2": 75.0})
    assert ward.told[-1] == (21.0, "alarms_paused", "spo2-low")
    assert (ward.alarm.priority, ward.alarm.state) == ("high", "alarms_paused")


def test_the_priority_does_not_fall_before_the_alarm_is_over(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 75.0})
    ward.each_second(30, values={"spo2": 88.0})
    assert ward.alarm.priority == "high"
    ward.each_second(4, values={"spo2": 97.0})
    assert ward.told[-1][1] == "latched", "an alarm that was high and seen by nobody stays"
    ward.reset()
    ward.each_second(16, values={"spo2": 88.0})
    assert (ward.alarm.priority, ward.alarm.message) == ("medium", "SpO2 low")


def test_an_acknowledgement_of_what_has_become_high_stands_as_short_as_one_of_high(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 75.0})
    ward.acknowledge()
    assert ward.alarm.until == ward.now + 300_000


def test_a_lost_value_stops_the_way_to_extreme(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(16, values={"spo2": 85.0})
    ward.send(values={"spo2": 75.0})
    ward.wait(1)
    ward.each_second(18, missing={"spo2": "searching"})
    ward.send(values={"spo2": 75.0})
    ward.wait(1)
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(5, values={"spo2": 75.0})
    assert ward.told[-1][1] == "escalated"


def test_the_way_to_extreme_goes_on_over_a_restart(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(16, values={"spo2": 85.0})
    ward.each_second(3, values={"spo2": 75.0})
    ward.restart(down_s=1)
    ward.each_second(3, values={"spo2": 75.0})
    assert ward.told[-1] == (21.0, "escalated", "spo2-low")
    ward.restart()
    assert ward.alarm.priority == "high"
    ward.each_second(10, values={"spo2": 85.0})
    assert len(ward.events) == 2


# Other rules ---------------------------------------------------------------------------------------------------------

PLAIN = "limits: [{id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 2s, off_delay: 3s, message: Low}]\n"
GRAVER = PLAIN.replace("medium", "high")
LIGHTER = PLAIN.replace("medium", "low")


def test_an_alarm_whose_rule_becomes_graver_calls_again(new_ward):
    ward = new_ward(PLAIN)
    ward.each_second(3, values={"spo2": 80.0})
    ward.acknowledge()
    (event,) = ward.rebook(GRAVER)
    assert (event.change, event.alarm.priority, event.alarm.acknowledged_by) == ("escalated", "high", "")


def test_an_alarm_whose_rule_becomes_lighter_stays_as_grave_as_it_was(new_ward):
    ward = new_ward(PLAIN)
    ward.each_second(3, values={"spo2": 80.0})
    assert ward.rebook(LIGHTER) == []
    assert ward.alarm.priority == "medium"
    ward.each_second(4, values={"spo2": 97.0})
    ward.each_second(3, values={"spo2": 80.0})
    assert ward.alarm.priority == "low"


def test_an_alarm_not_raised_yet_takes_the_priority_of_its_new_rule(new_ward):
    ward = new_ward(PLAIN)
    ward.send(values={"spo2": 80.0})
    ward.rebook(LIGHTER)
    ward.each_second(3, values={"spo2": 80.0})
    assert ward.alarm.priority == "low"


def test_another_limit_is_in_force_at_once(new_ward):
    ward = new_ward(PLAIN)
    ward.each_second(5, values={"spo2": 92.0})
    ward.rebook(PLAIN, {"spo2-low": 94})
    ward.each_second(3, values={"spo2": 92.0})
    assert ward.told == [(7.0, "raised", "spo2-low")]
    assert ward.alarm.limit == 94
    ward.rebook(PLAIN, {"spo2-low": 85})
    ward.wait(3)
    assert ward.told[-1] == (11.0, "cleared", "spo2-low"), "by the value that is known, without waiting for another"


def test_a_standing_alarm_goes_on_under_another_limit(new_ward):
    ward = new_ward(PLAIN)
    ward.each_second(3, values={"spo2": 80.0})
    ward.acknowledge()
    before = ward.alarm
    assert ward.rebook(PLAIN, {"spo2-low": 88}) == []
    assert ward.alarm == before


def test_an_alarm_whose_rule_is_gone_ends_and_says_why(new_ward):
    ward = new_ward(PLAIN + "  # one\n")
    ward.each_second(3, values={"spo2": 80.0})
    (event,) = ward.rebook("limits: [{id: hr-low, parameter: hr, low: 40, priority: high, for: 0s, message: Low}]\n")
    assert (event.change, event.reason) == ("cleared", "its rule or bed is no longer in force")
    ward.each_second(5, values={"spo2": 80.0})
    ward.send(values={"hr": 30.0})
    assert ward.told[-1][1:] == ("raised", "hr-low")
    assert len(ward.events) == 3


def test_a_rule_that_failed_gets_another_chance_when_it_is_exchanged(new_ward, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(compiled, "_judge_limit", lambda *_: lambda bed: 1 / 0)
        ward = new_ward(PLAIN)
        ward.send(values={"spo2": 80.0})
        assert ward.told[-1][1:] == ("raised", "rule-failed")
    ward.rebook(PLAIN.replace("2s", "1s"))
    ward.each_second(2, values={"spo2": 80.0})
    assert [told[1:] for told in ward.told] == [
        ("raised", "rule-failed"),
        ("cleared", "rule-failed"),
        ("raised", "spo2-low"),
    ]


def test_two_beds_may_have_two_limits(new_ward):
    other = BedKey("north", "8")
    ward = new_ward(PLAIN, beds=[Bed(other, ("gw/b",))])
    ward.rebook(PLAIN, {"spo2-low": 70})
    for _ in range(4):
        ward.send(values={"spo2": 80.0})
        ward.send(values={"spo2": 80.0}, source="gw/b", bed=other)
        ward.wait(1)
    assert [alarm.bed for alarm in ward.engine.alarms()] == ["8"]
