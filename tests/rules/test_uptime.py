"""Uptime: online time of known time; what nobody knows is neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.uptime import uptime

STATES = st.sampled_from(["online", "offline", "error", "unknown"])


@pytest.mark.parametrize(
    ("changes", "expected", "percent"),
    [
        ([], (0, 0, 100), None),
        ([(0, "online")], (100, 100, 0), 100.0),
        ([(-50, "online"), (25, "offline")], (25, 100, 0), 25.0),
        ([(10, "online"), (40, "unknown"), (60, "error")], (30, 70, 30), 42.85),
        ([(0, "online"), (200, "offline")], (100, 100, 0), 100.0),
    ],
)
def test_known_time_is_shared_between_online_and_the_rest(changes, expected, percent):
    found = uptime(changes, 0, 100)
    assert tuple(found) == expected
    assert found.percent == percent


def test_a_second_offline_in_a_month_is_never_rounded_up_to_all_is_well():
    month = 30 * 86_400_000
    assert uptime([(0, "online"), (month - 1_000, "offline")], 0, month).percent == 99.99


def test_a_span_that_ends_before_it_begins_holds_nothing():
    assert tuple(uptime([(0, "online")], 100, 50)) == (0, 0, 0)


@given(st.lists(st.tuples(st.integers(-50, 150), STATES)).map(lambda rows: sorted(rows, key=lambda row: row[0])))
def test_it_agrees_with_looking_at_each_millisecond(changes):
    def at(moment):
        return next((state for time, state in reversed(changes) if time <= moment), "unknown")

    seen = [at(moment) for moment in range(100)]
    found = uptime(changes, 0, 100)
    assert found.online == seen.count("online")
    assert found.unknown == seen.count("unknown")
    assert found.known + found.unknown == 100
