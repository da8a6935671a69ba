"""Limits and conditions at one bed: delays, hysteresis, missing values, several devices."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.machine import Refused

SPO2 = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 5s, hysteresis: 2, off_delay: 3s, message: SpO2 low}
"""
DESAT = SPO2.replace("medium", "high")
CVP = "limits: [{id: cvp-low, parameter: cvp, low: 0, priority: low, for: 0s, message: CVP low}]\n"
RATE = """
limits:
  - {id: rate-high, parameter: hr, fallback: pr, high: 120, priority: medium, for: 0s, message: Heart rate high}
"""
TEMP = "limits: [{id: temp-high, parameter: temp, high: 39, priority: low, for: 30s, message: Temperature high}]\n"


def test_an_alarm_is_raised_after_its_delay_and_cleared_after_its_off_delay(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(10, values={"spo2": 89.0})
    ward.each_second(10, values={"spo2": 92.0})
    assert ward.told == [(5.0, "raised", "spo2-low"), (13.0, "cleared", "spo2-low")]


def test_the_alarm_says_what_the_rule_saw(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 89.0})
    alarm = ward.alarm
    assert (alarm.parameter, alarm.value, alarm.limit, alarm.unit) == ("spo2", 89.0, 90.0, "%")
    assert (alarm.device, alarm.kind, alarm.priority, alarm.state) == ("gw/a", "physiological", "medium", "active")
    assert alarm.raised - alarm.onset == 5_000
    assert alarm.rev == 1


def test_each_change_of_an_alarm_grows_its_revision(new_ward):
    ward = new_ward(DESAT)
    ward.each_second(10, values={"spo2": 80.0})
    ward.each_second(10, values={"spo2": 99.0})
    ward.reset()
    assert [event.alarm.rev for event in ward.events] == [1, 2, 3]
    assert len({event.alarm.id for event in ward.events}) == 1


def test_zero_is_a_limit(new_ward):
    ward = new_ward(CVP)
    ward.send(values={"cvp": 0.0})
    assert ward.told == []
    ward.send(values={"cvp": -1.0})
    assert ward.told == [(0.0, "raised", "cvp-low")]


def test_one_good_sample_begins_the_delay_anew(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(4, values={"spo2": 80.0})
    ward.send(values={"spo2": 90.0})
    ward.wait(1)
    ward.each_second(4, values={"spo2": 80.0})
    assert ward.told == []


def test_a_slow_value_is_an_alarm_without_a_second_sample(new_ward):
    ward = new_ward(TEMP)
    ward.send(values={"temp": 39.5})
    ward.wait(40)
    assert ward.told == [(30.0, "raised", "temp-high")]


def test_a_stale_value_does_not_become_an_alarm(new_ward):
    ward = new_ward(SPO2.replace("for: 5s", "for: 20s"))
    ward.send(values={"spo2": 80.0})
    ward.wait(60)
    assert ward.told == []
    assert ward.engine.alarms() == []


def test_a_missing_value_does_not_become_an_alarm_at_the_end_of_the_delay(new_ward):
    ward = new_ward(SPO2)
    ward.send(values={"spo2": 80.0})
    ward.wait(1)
    ward.each_second(30, missing={"spo2": "sensor_off"})
    assert ward.told == []


def test_a_record_without_the_parameter_does_not_bring_a_missing_value_back(new_ward):
    ward = new_ward(SPO2)
    ward.send(values={"spo2": 80.0})
    ward.send(missing={"spo2": "sensor_off"})
    ward.each_second(8, values={"hr": 70.0})
    assert ward.told == []


def test_an_alarm_whose_value_goes_missing_stays_and_says_its_condition_is_unknown(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    ward.each_second(60, missing={"spo2": "searching"})
    assert ward.told == [(5.0, "raised", "spo2-low")]
    assert ward.alarm.condition is None
    assert ward.alarm.rev == 1


def test_an_off_delay_does_not_end_on_missing_values(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    ward.send(values={"spo2": 97.0})
    ward.wait(1)
    ward.each_second(10, missing={"spo2": "searching"})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.send(values={"spo2": 97.0})
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]


def test_a_value_back_inside_the_hysteresis_begins_the_off_delay_anew(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    for _ in range(3):
        ward.each_second(2, values={"spo2": 92.0})
        ward.each_second(1, values={"spo2": 91.0})
    assert [change for _, change, _ in ward.told] == ["raised"]


def test_a_delay_whose_value_is_gone_is_given_up(new_ward):
    ward = new_ward(SPO2.replace("for: 5s", "for: 30s"))
    ward.each_second(1, values={"spo2": 80.0})
    assert [row.body is None for row in ward.kept.values()] == [False]
    ward.each_second(40, missing={"spo2": "sensor_off"})
    assert [row.body is None for row in ward.kept.values()] == [True]


def test_not_a_number_is_no_value(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(4, values={"spo2": 80.0})
    ward.send(values={"spo2": float("nan")})
    ward.wait(1)
    ward.send(values={"spo2": 80.0})
    assert ward.told == [(5.0, "raised", "spo2-low")], "NaN neither clears a waiting alarm nor counts as low"


def test_the_worse_of_two_devices_decides(new_ward):
    ward = new_ward(SPO2, sources=("gw/a", "gw/b"))
    for _ in range(6):
        ward.send(values={"spo2": 97.0}, source="gw/a")
        ward.send(values={"spo2": 80.0}, source="gw/b")
        ward.wait(1)
    assert ward.alarm.device == "gw/b"
    ward.each_second(30, values={"spo2": 97.0}, source="gw/a")
    assert ward.told[-1][1] == "cleared", "a device that fell silent holds an alarm no longer than its value is fresh"


def test_a_fallback_is_judged_only_without_the_parameter(new_ward):
    ward = new_ward(RATE)
    ward.send(values={"hr": 80.0, "pr": 150.0})
    assert ward.told == []
    ward.wait(1)
    ward.send(values={"pr": 150.0}, missing={"hr": "lead_off"})
    assert ward.told == [(1.0, "raised", "rate-high")]
    assert ward.alarm.parameter == "pr"
    ward.wait(1)
    ward.send(values={"hr": 80.0, "pr": 150.0})
    assert ward.told[-1] == (2.0, "cleared", "rate-high")


def test_the_onset_is_the_time_the_first_bad_sample_was_measured(new_ward):
    ward = new_ward(CVP)
    measured = ward.now - 1_234
    ward.send(values={"cvp": -5.0}, time=measured)
    assert ward.alarm.onset == measured


def test_an_unsynced_clock_does_not_say_when_an_alarm_began(new_ward):
    ward = new_ward(CVP)
    ward.send(values={"cvp": -5.0}, time=1_000, clock="unsynced")
    assert ward.alarm.onset == ward.now


def test_an_overtaken_record_moves_nothing(new_ward):
    ward = new_ward(CVP)
    ward.send(values={"cvp": 5.0}, seq=10)
    ward.send(values={"cvp": -5.0}, seq=9, time=ward.now - 1_000)
    assert ward.told == []


def test_a_clock_set_back_by_an_hour_hides_no_alarm(new_ward):
    ward = new_ward(CVP)
    ward.send(values={"cvp": 5.0}, seq=10)
    ward.wait(1)
    ward.send(values={"cvp": -5.0}, seq=11, time=ward.now - 3_600_000)
    assert [change for _, change, _ in ward.told] == ["raised"]


def test_a_new_spool_on_a_clock_set_back_is_heard_after_seconds(new_ward):
    ward = new_ward(CVP)
    ward.send(values={"cvp": 5.0}, seq=1_000)
    ward.wait(11)
    ward.send(values={"cvp": -5.0}, seq=1, time=ward.now - 3_600_000)
    assert [change for _, change, _ in ward.told] == ["raised"]


def test_acknowledging_says_who_and_stops_nothing_else(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    (event,) = ward.acknowledge(by="nurse kim", reason="seen")
    assert (event.change, event.by, event.reason) == ("acknowledged", "nurse kim", "seen")
    assert (event.alarm.state, event.alarm.acknowledged_by, event.alarm.acknowledged_at) == (
        "acknowledged",
        "nurse kim",
        ward.now,
    )
    with pytest.raises(Refused, match="acknowledged already"):
        ward.acknowledge()
    ward.each_second(5, values={"spo2": 97.0})
    assert ward.told[-1][1] == "cleared"
    with pytest.raises(Refused, match="no such alarm"):
        ward.acknowledge(event.alarm.id)


def test_acknowledging_in_the_off_delay_does_not_begin_it_anew(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    ward.each_second(2, values={"spo2": 97.0})
    ward.acknowledge()
    ward.each_second(2, values={"spo2": 97.0})
    assert ward.told[-1] == (9.0, "cleared", "spo2-low")


def test_high_alarms_latch_until_seen_and_come_back_as_themselves(new_ward):
    ward = new_ward(DESAT)
    ward.each_second(6, values={"spo2": 80.0})
    first = ward.alarm.id
    ward.each_second(5, values={"spo2": 99.0})
    assert ward.alarm.state == "latched"
    assert ward.alarm.condition is False
    ward.each_second(6, values={"spo2": 80.0})
    assert ward.alarm.state == "active"
    assert ward.alarm.id == first
    assert [change for _, change, _ in ward.told] == ["raised", "latched", "reraised"]


def test_a_latched_alarm_is_ended_by_reset_or_acknowledgement(new_ward):
    for end in ("reset", "acknowledge"):
        ward = new_ward(DESAT)
        ward.each_second(6, values={"spo2": 80.0})
        ward.each_second(5, values={"spo2": 99.0})
        (event,) = getattr(ward, end)()
        assert (event.change, event.alarm.state, event.by) == ("reset", "latched", "nurse")
        assert ward.engine.alarms() == []


def test_resetting_a_latched_alarm_whose_condition_is_back_begins_the_next_one_at_once(new_ward):
    ward = new_ward(DESAT)
    ward.each_second(6, values={"spo2": 80.0})
    ward.each_second(5, values={"spo2": 99.0})
    ward.send(values={"spo2": 80.0})
    ward.reset()
    ward.wait(6)
    assert ward.told[-2:] == [(11.0, "reset", "spo2-low"), (16.0, "raised", "spo2-low")]


def test_an_active_alarm_cannot_be_reset(new_ward):
    ward = new_ward(DESAT)
    ward.each_second(6, values={"spo2": 80.0})
    with pytest.raises(Refused, match="still active"):
        ward.reset()
    assert ward.alarm.state == "active"


def test_an_acknowledged_alarm_that_ends_does_not_latch(new_ward):
    ward = new_ward(DESAT)
    ward.each_second(6, values={"spo2": 80.0})
    ward.acknowledge()
    ward.each_second(5, values={"spo2": 99.0})
    assert [change for _, change, _ in ward.told] == ["raised", "acknowledged", "cleared"]


SAMPLES = st.lists(st.sampled_from([85.0, 89.0, 90.0, 91.0, 92.0, 97.0, None]), max_size=60)


@given(samples=SAMPLES)
@settings(max_examples=150, deadline=None)
def test_a_signal_between_limit_and_hysteresis_makes_one_raise_and_one_clear_per_episode(new_ward, samples):
    """Between two raises stands a clear, which needed 3 s of samples past the hysteresis; no raise without 5 s low."""
    ward = new_ward(SPO2)
    for sample in samples:
        before = len(ward.events)
        if sample is None:
            ward.send(missing={"spo2": "searching"})
            assert len(ward.events) == before, "a missing value neither raises nor clears"
        else:
            ward.send(values={"spo2": sample})
        ward.wait(1)
    changes = [change for _, change, _ in ward.told]
    assert changes == ["raised", "cleared"] * (len(changes) // 2) + ["raised"] * (len(changes) % 2)
    low = sum(sample is not None and sample < 90 for sample in samples)
    assert changes.count("raised") * 5 <= max(low, 1) * 5
    if not any(sample is not None and sample >= 92 for sample in samples):
        assert len(changes) <= 1


@given(samples=st.lists(st.sampled_from([90.0, 91.0, None]), max_size=40))
@settings(max_examples=50, deadline=None)
def test_inside_the_limit_nothing_is_ever_raised(new_ward, samples):
    ward = new_ward(SPO2)
    for sample in samples:
        ward.send(**({"missing": {"spo2": "searching"}} if sample is None else {"values": {"spo2": sample}}))
        ward.wait(1)
    assert ward.told == []
