"""Acknowledgements and pauses: who silences what, for how long, and how it comes back."""

import pytest

from rules.engine import Bed
from rules.machine import Refused
from rules.pauses import PAUSE_ROW
from vitals.identity import BedKey

OTHER = BedKey("north", "8")
RULES = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 2s, hysteresis: 2, off_delay: 3s,
     acknowledged_for: 1min, message: SpO2 low}
  - {id: rate-low, parameter: hr, low: 40, priority: high, for: 0s, off_delay: 3s, message: Heart rate low}
conditions:
  - {id: lead, kind: technical, priority: low, when: flag(lead_off), for: 0s, message: Lead off}
"""
LOW = {"spo2": 80.0, "hr": 70.0}
FINE = {"spo2": 97.0, "hr": 70.0}
DEAD_SLOW = {"spo2": 97.0, "hr": 30.0}


@pytest.fixture
def ward(new_ward):
    """A bed whose SpO2 alarm has just been raised."""
    ward = new_ward(RULES, beds=[Bed(OTHER, ("gw/b",))])
    ward.each_second(3, values=LOW)
    assert [change for _, change, _ in ward.told] == ["raised"]
    return ward


# Acknowledgement ------------------------------------------------------------------------------------------------------


def test_an_acknowledgement_says_until_when_it_stands(ward):
    ward.acknowledge(by="nurse-1")
    assert (ward.alarm.state, ward.alarm.acknowledged_by) == ("acknowledged", "nurse-1")
    assert ward.alarm.until == ward.now + 60_000


def test_an_acknowledged_alarm_that_goes_on_calls_again(ward):
    ward.acknowledge()
    ward.each_second(59, values=LOW)
    assert ward.told[-1] == (3.0, "acknowledged", "spo2-low")
    ward.each_second(3, values=LOW)
    assert ward.told[-1] == (63.0, "reraised", "spo2-low")
    event = ward.events[-1]
    assert (event.by, event.reason) == ("", "the acknowledgement expired")
    assert (event.alarm.acknowledged_by, event.alarm.acknowledged_at, event.alarm.until) == ("", None, None)


def test_an_acknowledgement_expires_though_nothing_is_known_of_the_patient(ward):
    ward.acknowledge()
    ward.each_second(61, missing={"spo2": "sensor_off"})
    assert ward.told[-1] == (63.0, "reraised", "spo2-low")
    assert ward.alarm.condition is None


def test_an_acknowledgement_that_expires_while_the_condition_is_going_waits_for_the_off_delay(ward):
    ward.acknowledge()
    ward.each_second(58, values=LOW)
    ward.each_second(6, values=FINE)
    assert ward.told[1:] == [(3.0, "acknowledged", "spo2-low"), (64.0, "cleared", "spo2-low")]


def test_it_calls_again_if_the_condition_is_back_before_the_off_delay_is_over(ward):
    ward.acknowledge()
    ward.each_second(58, values=LOW)
    ward.each_second(2, values=FINE)
    ward.each_second(1, values=LOW)
    assert ward.told[-1] == (63.0, "reraised", "spo2-low")


def test_an_acknowledgement_does_not_stop_the_off_delay(ward):
    ward.each_second(2, values=FINE)
    ward.acknowledge()
    ward.each_second(2, values=FINE)
    assert ward.told[-1] == (6.0, "cleared", "spo2-low")


def test_an_acknowledged_alarm_of_which_nothing_is_known_any_more_can_be_reset(ward):
    """The monitor was taken away: its alarm must not call for ever."""
    ward.acknowledge()
    with pytest.raises(Refused, match="still holds"):
        ward.reset()
    ward.wait(20)
    assert ward.alarm.condition is None
    ward.reset(by="nurse-1")
    assert ward.told[-1][1:] == ("reset", "spo2-low")
    assert ward.engine.alarms() == []


# The sound of alarms --------------------------------------------------------------------------------------------------


def test_a_paused_sound_comes_back_after_two_minutes(ward):
    ward.pause_audio(by="nurse-1", reason="drawing blood")
    assert (ward.alarm.state, ward.alarm.paused_by, ward.alarm.paused_reason) == (
        "audio_paused",
        "nurse-1",
        "drawing blood",
    )
    assert ward.alarm.until == ward.now + 120_000
    ward.each_second(121, values=LOW)
    assert ward.told[1:] == [(3.0, "audio_paused", "spo2-low"), (123.0, "reraised", "spo2-low")]
    assert ward.events[-1].reason == "the pause ended"
    assert (ward.alarm.until, ward.alarm.paused_by, ward.alarm.paused_reason) == (None, "", "")


def test_a_paused_sound_touches_only_what_stands_now(ward):
    ward.pause_audio()
    ward.send(values=LOW | {"hr": 30.0})
    assert ward.told[-1] == (3.0, "raised", "rate-low")
    assert [alarm.state for alarm in ward.engine.alarms()] == ["active", "audio_paused"]


def test_the_sound_of_one_alarm_can_be_paused_alone(ward):
    ward.send(values=LOW | {"hr": 30.0})
    (rate, spo2) = ward.engine.alarms()
    ward.pause_audio(rate.id)
    assert [alarm.state for alarm in ward.engine.alarms()] == ["audio_paused", "active"]
    assert ward.engine.alarms()[1] == spo2


def test_a_high_alarm_that_ends_with_its_sound_paused_is_not_forgotten(ward):
    ward.send(values=DEAD_SLOW)
    ward.pause_audio()
    ward.each_second(6, values=FINE)
    assert ("latched", "rate-low") in [told[1:] for told in ward.told]
    assert ward.engine.alarms()[0].until is None


def test_a_paused_alarm_can_be_acknowledged(ward):
    ward.pause_audio()
    ward.acknowledge()
    assert (ward.alarm.state, ward.alarm.paused_by) == ("acknowledged", "")
    ward.each_second(50, values=LOW)
    assert ward.told[-1][1] == "acknowledged"


@pytest.mark.parametrize(
    ("seconds", "sentence"), [(0, "give a later end"), (-5, "give a later end"), (601, "for 10 min at most")]
)
def test_a_sound_is_not_paused_for_ever_or_backwards(ward, seconds, sentence):
    with pytest.raises(Refused, match=sentence):
        ward.pause_audio(seconds=seconds)
    assert ward.alarm.state == "active"


def test_where_nothing_calls_nothing_can_be_paused(ward):
    ward.acknowledge()
    with pytest.raises(Refused, match="no alarm calls at north/7"):
        ward.pause_audio()
    with pytest.raises(Refused, match="acknowledged already"):
        ward.pause_audio(ward.alarm.id)
    with pytest.raises(Refused, match="no bed south/1"):
        ward.pause_audio(BedKey("south", "1"))


# All alarms of a bed --------------------------------------------------------------------------------------------------


def test_while_the_alarms_of_a_bed_are_paused_new_ones_are_shown_and_call_nobody(ward):
    ward.pause_alarms(60, reason="suction")
    ward.send(values=LOW | {"hr": 30.0}, states=["lead_off"])
    assert [told[1:] for told in ward.told[1:]] == [
        ("alarms_paused", "spo2-low"),
        ("alarms_paused", "rate-low"),
        ("alarms_paused", "lead"),
    ]
    for alarm in ward.engine.alarms():
        assert (alarm.state, alarm.until, alarm.paused_by) == ("alarms_paused", ward.now + 60_000, "nurse-1")
    pause = ward.engine.bed_pause(BedKey("north", "7"))
    assert (pause.until, pause.by, pause.reason) == (ward.now + 60_000, "nurse-1", "suction")


def test_the_other_beds_are_not_paused(ward):
    ward.pause_alarms()
    ward.send(values={"hr": 30.0}, source="gw/b", bed=OTHER)
    assert ward.told[-1][1:] == ("raised", "rate-low")
    assert ward.engine.bed_pause(OTHER) is None


def test_at_its_end_what_still_holds_calls_and_what_has_gone_is_gone(ward):
    ward.pause_alarms(60)
    ward.each_second(10, values=LOW | {"hr": 30.0})
    ward.each_second(49, values=LOW)
    assert ward.told[-1][1:] == ("cleared", "rate-low"), "whoever paused the bed has seen it"
    ward.each_second(3, values=LOW)
    assert ward.told[-1] == (63.0, "reraised", "spo2-low")
    assert ward.events[-1].reason == "the pause ended"
    assert ward.engine.bed_pause(BedKey("north", "7")) is None


def test_a_person_can_resume_before_the_end(ward):
    ward.pause_alarms(600)
    ward.each_second(5, values=LOW)
    (event,) = ward.resume_alarms(by="nurse-2", reason="done")
    assert (event.change, event.by, event.reason) == ("reraised", "nurse-2", "done")
    assert ward.alarm.state == "active"
    with pytest.raises(Refused, match="not paused"):
        ward.resume_alarms()


def test_what_ends_just_when_a_person_resumes_does_not_call(ward):
    ward.pause_alarms(600)
    ward.each_second(2, values=FINE)
    assert ward.resume_alarms() == []
    ward.each_second(3, values=FINE)
    assert ward.told[-1][1:] == ("cleared", "spo2-low")


def test_an_acknowledgement_that_expires_in_a_pause_calls_when_the_pause_ends(ward):
    ward.acknowledge()
    ward.pause_alarms(90)
    assert ward.alarm.state == "acknowledged"
    ward.each_second(95, values=LOW)
    assert ward.told[2:] == [(63.0, "alarms_paused", "spo2-low"), (93.0, "reraised", "spo2-low")]


def test_another_pause_replaces_the_first(ward):
    ward.pause_alarms(60)
    ward.pause_alarms(20, by="nurse-2", reason="shorter")
    assert (ward.alarm.until, ward.alarm.paused_by) == (ward.now + 20_000, "nurse-2")
    ward.each_second(21, values=LOW)
    assert ward.told[-1] == (23.0, "reraised", "spo2-low")
    ward.pause_alarms(20)
    ward.pause_alarms(60)
    ward.each_second(30, values=LOW)
    assert ward.alarm.state == "alarms_paused"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"reason": " "}, "say why"),
        ({"seconds": 7_201}, "for 120 min at most"),
        ({"seconds": 0}, "give a later end"),
        ({"bed": BedKey("south", "1")}, "no bed south/1"),
    ],
)
def test_a_bed_is_not_paused_without_reason_or_end(ward, fields, sentence):
    with pytest.raises(Refused, match=sentence):
        ward.pause_alarms(**fields)
    assert ward.alarm.state == "active"
    assert ward.engine.bed_pause(BedKey("north", "7")) is None


def test_when_the_patient_leaves_their_alarms_and_the_pause_end(ward):
    ward.send(values=LOW, states=["lead_off"])
    ward.pause_alarms(600)
    events = ward.engine.vacate(BedKey("north", "7"), "nurse-1", "discharged", ward.now)
    assert [(event.change, event.alarm.rule, event.reason) for event in events] == [
        ("cleared", "spo2-low", "discharged"),
        ("reraised", "lead", "discharged"),
    ]
    assert ward.engine.bed_pause(BedKey("north", "7")) is None


# Over a restart -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("act", ["acknowledge", "pause_audio", "pause_alarms"])
@pytest.mark.parametrize("down_s", [1, 300])
def test_a_silence_goes_on_over_a_restart_and_one_that_ended_meanwhile_ends_at_once(ward, act, down_s):
    getattr(ward, act)()
    until = ward.alarm.until
    ward.restart(down_s=down_s)
    assert ward.alarm.until == until
    end = max(until, ward.now)
    while ward.now <= end + 1_000:
        ward.send(values=LOW)
        ward.wait(1)
    (event,) = ward.events[2:]
    assert event.change == "reraised"
    assert end <= event.time <= end + 250


def test_the_pause_of_a_bed_without_alarms_is_kept(new_ward):
    ward = new_ward(RULES)
    ward.send(values=FINE)
    ward.pause_alarms(60)
    assert [row.rule for row in ward.engine.unsaved() if ward.kept.update({row[:3]: row}) is None] == [PAUSE_ROW]
    ward.restart(down_s=10)
    ward.each_second(5, values=LOW)
    assert [change for _, change, _ in ward.told] == ["alarms_paused"]
    ward.each_second(50, values=LOW)
    assert ward.told[-1][:2] == (60.0, "reraised")
    ward.commit()
    assert ward.kept["north", "7", PAUSE_ROW].body is None
