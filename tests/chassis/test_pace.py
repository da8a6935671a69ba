"""The pace: even turns, late ones in small lots, and no endless catching up."""

import pytest

from chassis.pace import Pace


@pytest.fixture
def pace() -> Pace:
    return Pace(0.25, at_once=4, given_up_s=2.0)


def test_turns_come_one_by_one_in_time(pace):
    taken = 0
    for step in range(41):  # called four times for each turn
        taken += pace.due(100.0 + step / 16)
    assert taken == 11


def test_who_is_called_late_keeps_the_pace(pace):
    """Each call a third late: a loop that slept a whole step after each turn would lose a third of its turns."""
    now, taken = 100.0, 0
    while now < 110.0:
        taken += pace.due(now)
        now += pace.wait(now) + 0.08
    assert 39 <= taken <= 41


def test_many_late_turns_are_taken_in_lots(pace):
    assert pace.due(100.0) == 1
    assert pace.due(101.6) == 4
    assert pace.wait(101.6) == 0.0
    assert pace.due(101.6) == 2
    assert pace.due(101.6) == 0
    assert pace.wait(101.6) == pytest.approx(0.15)


def test_what_is_far_too_late_is_given_up(pace):
    assert pace.due(100.0) == 1
    assert pace.due(160.0) == 1
    assert pace.wait(160.0) == pytest.approx(0.25)
