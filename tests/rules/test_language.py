"""Conditions that look back, last, end otherwise than they begin, and read what staff entered; at one bed."""

import pytest

from rules.beds import Entry
from rules.score_documents import NEWS2, shipped_scores
from vitals.identity import BedKey

BED = BedKey("north", "7")
HEAD = "conditions:\n"
BED_RULE = "  - {{id: {id}, kind: physiological, priority: medium, when: '{when}', for: 0s, message: Condition}}\n"
LIMIT = "limits: [{id: spo2-low, parameter: spo2, low: 85, priority: medium, for: 5min, message: SpO2}]\n"


def rule(when, id_="it"):
    return HEAD + BED_RULE.format(id=id_, when=when)


def test_a_fall_within_a_window_is_noticed(new_ward):
    ward = new_ward(rule("change(spo2, 1min) <= -4"))
    ward.each_second(90, values={"spo2": 98.0})
    assert ward.told == []
    ward.each_second(1, values={"spo2": 94.0})
    assert ward.told == [(90.0, "raised", "it")]
    ward.each_second(62, values={"spo2": 94.0})
    assert ward.told[-1] == (150.0, "cleared", "it")


def test_a_window_says_nothing_before_it_is_known(new_ward):
    ward = new_ward(rule("mean(hr, 1min) > 120"))
    ward.each_second(44, values={"hr": 150.0})
    assert ward.told == []
    ward.each_second(3, values={"hr": 150.0})
    assert ward.told == [(45.0, "raised", "it")]


def test_windows_of_two_devices_are_not_mixed(new_ward):
    ward = new_ward(rule("change(hr, 20s) > 5"), sources=("gw/a", "gw/b"))
    for _ in range(40):
        ward.send(values={"hr": 70.0}, source="gw/a")
        ward.send(values={"hr": 90.0}, source="gw/b")
        ward.wait(1)
    assert ward.told == []


def test_a_window_sees_every_value_even_where_the_rest_of_the_expression_is_false(new_ward):
    ward = new_ward(rule("rr > 20 and min(spo2, 20s) < 90"))
    ward.each_second(20, values={"rr": 15.0, "spo2": 97.0})
    ward.each_second(1, values={"rr": 15.0, "spo2": 88.0})
    ward.each_second(5, values={"rr": 15.0, "spo2": 97.0})
    ward.each_second(1, values={"rr": 25.0, "spo2": 97.0})
    assert ward.told == [(26.0, "raised", "it")]


def test_a_part_of_an_expression_may_have_to_last(new_ward):
    ward = new_ward(rule("hr > 120 for 10s and rr > 20 for 3s"))
    ward.each_second(3, values={"hr": 80.0, "rr": 15.0})
    ward.each_second(9, values={"hr": 130.0, "rr": 15.0})
    ward.each_second(2, values={"hr": 130.0, "rr": 25.0})
    assert ward.told == []
    ward.each_second(2, values={"hr": 130.0, "rr": 25.0})
    assert ward.told == [(15.0, "raised", "it")]
    ward.each_second(1, values={"hr": 110.0, "rr": 25.0})
    assert ward.told[-1] == (16.0, "cleared", "it")


def test_a_part_that_lasts_is_noticed_without_a_further_record(new_ward):
    ward = new_ward(rule("temp > 39 for 5min"))
    ward.send(values={"temp": 37.0})
    ward.wait(60)
    ward.send(values={"temp": 39.5})
    ward.wait(400)
    assert ward.told == [(360.0, "raised", "it")]
    assert ward.events[0].alarm.onset == ward.events[0].time


def test_an_alarm_that_has_to_last_survives_a_restart_without_a_break(new_ward):
    ward = new_ward(rule("hr > 120 for 30s"))
    ward.each_second(2, values={"hr": 80.0})
    ward.each_second(40, values={"hr": 130.0})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.restart(down_s=3)
    ward.each_second(60, values={"hr": 130.0})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(2, values={"hr": 80.0})
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]


def test_an_alarm_may_end_otherwise_than_it_begins(new_ward):
    ward = new_ward(rule("spo2 < 90 until spo2 > 93 for 10s"))
    ward.each_second(3, values={"spo2": 89.0})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(60, values={"spo2": 92.0})
    ward.each_second(5, values={"spo2": 94.0})
    ward.each_second(2, values={"spo2": 92.0})
    ward.each_second(9, values={"spo2": 94.0})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(1, values={"spo2": 94.0})
    assert ward.told[-1] == (80.0, "cleared", "it")


def test_the_state_between_beginning_and_end_survives_a_restart(new_ward):
    ward = new_ward(rule("spo2 < 90 until spo2 > 93"))
    ward.each_second(3, values={"spo2": 89.0})
    ward.each_second(3, values={"spo2": 92.0})
    ward.restart()
    ward.each_second(30, values={"spo2": 92.0})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(1, values={"spo2": 94.0})
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]


def test_values_between_beginning_and_end_raise_nothing(new_ward):
    ward = new_ward(rule("spo2 < 90 until spo2 > 93"))
    ward.each_second(20, values={"spo2": 92.0})
    assert ward.told == []


def test_a_condition_may_ask_for_the_limit_of_the_bed(new_ward):
    ward = new_ward(LIMIT + rule("spo2 < limit(spo2, low) + 3"))
    ward.each_second(1, values={"spo2": 88.0})
    assert ward.told == []
    ward.each_second(1, values={"spo2": 87.0})
    assert ward.told == [(1.0, "raised", "it")]


HOUR = 3_600_000


def enter(ward, until=12 * HOUR, **values):
    entries = {name: Entry(value, ward.now, ward.now + until) for name, value in values.items()}
    return ward._keep(ward.engine.enter(BED, entries, ward.now))


def test_what_staff_enter_is_judged_at_once_and_expires(new_ward):
    ward = new_ward(rule("acvpu > 0"))
    ward.each_second(3, values={"hr": 70.0})
    assert ward.told == []
    enter(ward, until=20_000, acvpu=2.0)
    assert ward.told == [(3.0, "raised", "it")]
    ward.each_second(30, values={"hr": 70.0})
    # It is not known to be over: nobody has looked again.
    assert ward.told == [(3.0, "raised", "it")]
    enter(ward, acvpu=0.0)
    assert ward.told[-1] == (33.0, "cleared", "it")


SICK = {"rr": 25.0, "spo2": 93.0, "nibp_sys": 95.0, "hr": 100.0, "temp": 38.5}


def test_news2_alarms_only_once_it_is_complete(new_ward):
    ward = new_ward(rule("news2() >= 7"))
    ward.each_second(20, values=SICK)
    assert ward.told == []
    enter(ward, acvpu=0.0, oxygen=0.0)
    assert ward.told == [(20.0, "raised", "it")]


def test_a_stale_value_makes_news2_incomplete_and_neither_raises_nor_clears(new_ward):
    ward = new_ward(rule("news2() >= 7"))
    enter(ward, acvpu=0.0, oxygen=0.0)
    ward.each_second(2, values=SICK)
    assert [change for _, change, _ in ward.told] == ["raised"]
    well = {"rr": 14.0, "nibp_sys": 120.0, "hr": 70.0, "temp": 37.0}
    ward.each_second(30, values=well, missing={"spo2": "sensor_off"})
    assert [change for _, change, _ in ward.told] == ["raised"]
    assert ward.alarm.condition is None
    ward.each_second(1, values={"spo2": 98.0})
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]


def test_a_later_entry_of_staff_counts_in_a_score_and_an_older_one_does_not(new_ward):
    ward = new_ward(rule("news2() >= 20"))
    table = shipped_scores()[NEWS2]
    ward.send(values={"nibp_sys": 120.0, "hr": 70.0})
    ward.wait(60)
    ward.send(values={"hr": 70.0})
    enter(ward, nibp_sys=85.0)
    assert ward.engine.score(BED, table, ward.now).points["systolic"] == 3
    ward.wait(60)
    ward.send(values={"nibp_sys": 118.0, "pr": 72.0})
    assert ward.engine.score(BED, table, ward.now).points["systolic"] == 0
    ward.wait(30)
    assert ward.engine.score(BED, table, ward.now).missing == (
        "respiration",
        "spo2",
        "oxygen",
        "pulse",
        "consciousness",
        "temperature",
    )


@pytest.mark.parametrize("minutes", [1, 30])
def test_a_limit_means_what_devices_measure_not_what_staff_enter(new_ward, minutes):
    ward = new_ward("limits: [{id: low, parameter: nibp_sys, low: 90, priority: low, for: 0s, message: Low}]\n")
    enter(ward, nibp_sys=70.0)
    ward.wait(60 * minutes, tick_ms=10_000)
    assert ward.told == []
