"""Windows and lasting: what is remembered, what is forgotten, and when nothing may be said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.windows import BUCKETS, Held, Window

S, MIN = 1_000, 60_000


def window(duration, *values, stale=15 * S, now=None):
    """A window told (seconds, value) in order."""
    made = Window(duration, stale)
    for at, value in values:
        made.take(round(at * S), value)
        made.trim(round(at * S))
    made.trim(round((values[-1][0] if now is None else now) * S))
    return made


def each_second(seconds, value=float):
    return [(at, value(at)) for at in range(seconds)]


def test_change_counts_from_the_value_that_stood_when_the_window_began():
    assert window(10 * S, *each_second(30)).change() == 10.0
    assert window(10 * S, *each_second(5)).change() == 4.0


def test_mean_lowest_and_highest_are_of_the_values_in_the_window():
    made = window(10 * S, *each_second(30))
    assert (made.mean(), made.lowest(), made.highest()) == (24.5, 20.0, 29.0)


def test_a_window_is_known_after_three_quarters_of_it():
    assert not window(20 * S, *each_second(15)).known(14 * S)
    assert window(20 * S, *each_second(16)).known(15 * S)


def test_a_gap_counts_only_as_long_as_its_value_stands():
    before, after = each_second(30), [(100 + at, 1.0) for at in range(20)]
    made = window(60 * S, *before, *after)
    assert not made.known(119 * S)
    made = window(60 * S, *before, *after, *[(120 + at, 1.0) for at in range(12)])
    assert made.known(131 * S)


def test_a_value_measured_once_in_a_while_stands_in_between():
    made = window(10 * MIN, (0, 120.0), (900, 90.0), stale=30 * MIN)
    assert made.known(900 * S)
    assert (made.change(), made.mean(), made.lowest()) == (-30.0, 90.0, 90.0)
    made.trim(1_600 * S)
    assert made.known(1_600 * S)
    assert (made.change(), made.mean(), made.lowest(), made.highest()) == (0.0, 90.0, 90.0, 90.0)


def test_what_stood_too_long_ago_is_not_what_a_change_counts_from():
    made = window(60 * S, (0, 50.0), *[(100 + at, 70.0 + at) for at in range(55)])
    assert made.change() == 54.0


def test_nothing_is_known_of_an_empty_window():
    assert not Window(10 * S, 15 * S).known(0)


def test_the_same_value_of_the_same_moment_counts_once_and_another_one_as_well():
    made = window(10 * S, (0, 1.0), (1, 2.0), (1, 2.0), (1, 6.0))
    assert (made.mean(), made.highest(), made.change()) == (3.0, 6.0, 5.0)


def test_decimals_do_not_drift():
    assert window(10 * S, (0, 36.5), (5, 36.9)).change() == 0.4


@given(
    duration=st.integers(1, 24 * 60 * MIN),
    steps=st.lists(st.tuples(st.integers(1, 60 * S), st.floats(0, 300)), min_size=1, max_size=300),
)
def test_memory_is_bounded_and_answers_lie_within_what_was_measured(duration, steps):
    made, now = Window(duration, 15 * S), 0
    measured = []
    for step, value in steps:
        now += step
        made.take(now, value)
        made.trim(now)
        measured.append((now, value))
    assert len(made._buckets) <= 2 * BUCKETS + 1
    inside = [value for at, value in measured if at > now - duration]
    # The edge is exact to one piece of the window: what is just older may still count.
    edge = [value for at, value in measured if at > now - duration - max(1, duration // BUCKETS)]
    assert min(edge) <= made.lowest() <= min(inside)
    assert max(inside) <= made.highest() <= max(edge)
    assert made.lowest() - 1e-5 <= made.mean() <= made.highest() + 1e-5


def told(*answers, duration=10 * S, gap=15 * S):
    """What is said of (second, truth) in order."""
    held = Held()
    return [held.judge(truth, duration, gap, round(at * S)) for at, truth in answers]


def test_what_was_seen_to_begin_lasts_from_then_on():
    assert told((0, False), (1, True), (10, True), (11, True), (12, True)) == [False, False, False, True, True]


def test_what_nobody_saw_begin_is_unknown_until_it_has_lasted():
    assert told((0, True), (9, True), (10, True)) == [None, None, True]


def test_one_break_begins_it_anew():
    assert told((0, False), (1, True), (9, True), (10, False), (11, True), (20, True), (21, True)) == [
        *(False, False, False, False, False, False),
        True,
    ]


def test_a_short_gap_is_no_break():
    assert told((0, False), (1, True), (5, None), (11, True)) == [False, False, None, True]


@pytest.mark.parametrize("between", [[], [(10, None), (18, None)]])
def test_after_a_longer_gap_nobody_knows_how_long_it_has_lasted(between):
    assert told((0, False), (1, True), *between, (17 + 3, True), (30, True))[-2:] == [None, True]
