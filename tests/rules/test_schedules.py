"""Hours of the day and scopes: when and where a rule is in force."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.beds import Answer, BedState
from rules.compiled import compile_rules
from rules.documents import read_rules
from rules.schedules import Hours, schedule
from rules.scopes import Scope
from vitals.errors import UsageError
from vitals.identity import BedKey

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = schedule(Hours(from_="22:00", to="06:00"), "Europe/Berlin")
DAY = schedule(Hours(from_="06:00", to="22:00"), "Europe/Berlin")
HEAD = "format: 1\nid: test-set\ntitle: Test\nprovenance: made up\n"


def at(text, zone=BERLIN):
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1_000)


@pytest.mark.parametrize(
    ("clock", "night"),
    [("21:59", False), ("22:00", True), ("23:59", True), ("00:00", True), ("05:59", True), ("06:00", False)],
)
def test_hours_begin_with_their_first_minute_and_end_before_their_last(clock, night):
    moment = at(f"2026-07-01T{clock}:00")
    assert NIGHT.holds(moment) is night
    assert DAY.holds(moment) is not night


def test_hours_are_those_of_the_clock_on_the_wall_in_summer_and_in_winter():
    assert NIGHT.holds(at("2026-01-10T21:30:00", UTC))
    assert not NIGHT.holds(at("2026-07-10T19:30:00", UTC))
    assert NIGHT.holds(at("2026-07-10T20:30:00", UTC))


@given(now=st.integers(at("2026-01-01T00:00:00"), at("2027-01-01T00:00:00")))
def test_hours_change_at_the_next_change_and_not_before(now):
    change = NIGHT.next_change(now)
    assert now < change <= now + 25 * 3_600_000
    assert NIGHT.holds(now) is NIGHT.holds(change - 1)
    assert NIGHT.holds(change) is not NIGHT.holds(now)


# The ward of these tests begins at 23:13:20 in Berlin.
ZONE = "time_zone: Europe/Berlin\n"
LIMIT = "limits:\n  - {id: low, parameter: nibp_sys, low: 90, priority: medium, for: 0s, message: Low, %s}\n"
TO_MIDNIGHT_S = 46 * 60 + 40


def test_a_night_bound_takes_the_place_of_the_bound_at_night(new_ward):
    ward = new_ward(ZONE + LIMIT % 'night: {from: "22:00", to: "00:00", low: 80}')
    ward.send(values={"nibp_sys": 85.0})
    assert ward.told == []
    ward.send(values={"nibp_sys": 79.0})
    assert (ward.told, ward.alarm.limit) == ([(0.0, "raised", "low")], 80.0)


def test_at_the_end_of_the_night_a_value_that_stands_is_judged_by_the_bound_of_the_day(new_ward):
    ward = new_ward(ZONE + LIMIT % 'night: {from: "22:00", to: "00:00", low: 80}')
    ward.wait(TO_MIDNIGHT_S - 60, tick_ms=10_000)
    ward.send(values={"nibp_sys": 85.0})
    ward.wait(120)
    assert (ward.told, ward.alarm.limit) == ([(TO_MIDNIGHT_S, "raised", "low")], 90.0)


def test_a_stricter_bound_at_night_is_judged_though_the_day_would_be_quiet(new_ward):
    ward = new_ward(ZONE + LIMIT % 'night: {from: "22:00", to: "00:00", low: 100}')
    ward.send(values={"nibp_sys": 95.0})
    assert ward.told == [(0.0, "raised", "low")]


@pytest.mark.parametrize("hours", ['only: {from: "00:00", to: "06:00"}', 'except: {from: "22:00", to: "00:00"}'])
def test_a_limit_is_silent_outside_its_hours_and_judges_what_stands_when_they_begin(new_ward, hours):
    ward = new_ward(ZONE + LIMIT % hours)
    ward.wait(TO_MIDNIGHT_S - 60, tick_ms=10_000)
    ward.send(values={"nibp_sys": 70.0})
    ward.wait(30)
    assert ward.told == []
    ward.wait(60)
    assert ward.told == [(TO_MIDNIGHT_S, "raised", "low")]


def test_an_alarm_clears_when_the_hours_of_its_rule_end(new_ward):
    ward = new_ward(ZONE + LIMIT % 'only: {from: "22:00", to: "00:00"}')
    ward.wait(TO_MIDNIGHT_S - 60, tick_ms=10_000)
    ward.send(values={"nibp_sys": 70.0})
    ward.wait(120)
    assert [(change, rule) for _, change, rule in ward.told] == [("raised", "low"), ("cleared", "low")]
    assert ward.told[-1][0] == TO_MIDNIGHT_S


def test_a_condition_has_hours_too(new_ward):
    ward = new_ward(
        ZONE
        + "conditions:\n  - {id: late, kind: technical, priority: low, when: silent(15s), for: 0s, message: Silent, "
        'except: {from: "22:00", to: "00:00"}}\n'
    )
    ward.wait(TO_MIDNIGHT_S + 20, tick_ms=1_000)
    assert [change for _, change, _ in ward.told] == ["raised"]
    assert abs(ward.told[0][0] - TO_MIDNIGHT_S) <= 1


@pytest.mark.parametrize(
    ("scope", "included"),
    [
        ({"wards": ["icu"]}, True),
        ({"wards": ["icu", "north"]}, True),
        ({"wards": ["north"]}, False),
        ({"beds": ["icu/7"]}, True),
        ({"beds": ["icu/8"]}, False),
        ({"tags": ["isolation"]}, True),
        ({"tags": ["window"]}, False),
        ({"profiles": ["adult-icu"]}, True),
        ({"profiles": ["neonatal"]}, False),
        ({"wards": ["icu"], "tags": ["window"]}, False),
    ],
)
def test_a_scope_includes_beds_that_meet_every_list(scope, included):
    assert Scope(**scope).includes(BedKey("icu", "7"), ["isolation"], "adult-icu") is included


def rules(text, **at_bed):
    return {rule.id: rule for rule in compile_rules([read_rules(HEAD + text, "test.yaml")], **at_bed)}


SCOPED = LIMIT % "scope: {wards: [icu]}"


def test_a_rule_out_of_scope_is_not_in_the_rules_of_the_bed():
    assert "low" in rules(SCOPED, bed=BedKey("icu", "7"))
    assert "low" not in rules(SCOPED, bed=BedKey("north", "7"))
    assert "low" in rules(SCOPED)


TIERED = LIMIT % "extreme: {low: 80, priority: high, for: 5s, message: Very low}"


def test_bounds_of_a_bed_take_the_place_of_the_documents():
    rule = rules(TIERED, bounds={"low": 95.0, "low.extreme": 70.0})["low"]
    assert (rule.bound, rule.extreme.bound, rule.extreme.priority, rule.extreme.message) == (95, 70, "high", "Very low")


def test_the_extreme_tier_says_the_limits_message_if_it_has_none_of_its_own():
    assert rules(TIERED.replace(", message: Very low", ""))["low"].extreme.message == "Low"


def test_a_bound_set_for_a_bed_holds_by_day_and_by_night():
    text = ZONE + LIMIT % 'night: {from: "22:00", to: "06:00", low: 80}'
    assert rules(text)["low"].night is not None
    assert rules(text, bounds={"low": 70.0})["low"].night is None


def test_an_acknowledgement_stands_the_shorter_the_graver_the_alarm():
    priorities = [rules((LIMIT % "").replace("medium", priority))["low"] for priority in ("high", "medium", "low")]
    assert [rule.acknowledged_for for rule in priorities] == [300_000, 900_000, 3_600_000]
    assert rules(LIMIT % "acknowledged_for: 2min")["low"].acknowledged_for == 120_000


NEAR = """
conditions:
  - {id: near, kind: physiological, priority: low, when: "nibp_sys < limit(nibp_sys, low)", for: 0s, message: Near}
"""


def test_a_condition_that_asks_for_a_limit_nobody_has_is_refused():
    condition = (
        "{id: near, kind: physiological, priority: low, when: 'spo2 < limit(spo2, low)', for: 0s, message: Near}"
    )
    with pytest.raises(UsageError, match="no rule set in use has a low limit of spo2"):
        rules(f"conditions: [{condition}]\n")


@pytest.mark.parametrize(
    ("bed", "bounds", "answer"),
    [
        ("7", {}, Answer.HOLDS),
        ("7", {"low": 77.0}, Answer.GONE),
        ("8", {}, Answer.UNKNOWN),  # the limit is out of scope there
    ],
)
def test_the_limit_a_condition_asks_for_is_the_one_of_the_bed(bed, bounds, answer):
    key = BedKey("icu", bed)
    near = rules((LIMIT % "scope: {beds: [icu/7]}") + NEAR, bounds=bounds, bed=key)["near"]
    state = BedState(key, ("gw/a",))
    state.sources["gw/a"].values["nibp_sys"] = 80.0
    state.sources["gw/a"].seen["nibp_sys"] = 0
    assert near.judge(state).answer is answer
