"""The alarm machine: what the table allows, over every sequence of causes."""

import itertools
from typing import get_args

import pytest

from rules.machine import ANNOUNCED, ENDINGS, TABLE, Cause, Refused, State, step
from vitals.alarms import Change

BEGINNINGS = {"raised", "reraised"}


def test_the_table_names_every_state_and_only_known_changes():
    assert set(TABLE) == set(State)
    changes = {taken.change for row in TABLE.values() for taken in row.values()} - {None}
    assert changes <= set(get_args(Change))


def test_every_state_can_be_reached_and_left():
    reached = {State.INACTIVE}
    for _ in State:
        reached |= {taken.state for state in reached for taken in TABLE[state].values()}
    assert reached == set(State)
    assert all(TABLE[state] for state in State)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("cause", Cause)
def test_a_cause_the_table_does_not_know_is_refused_with_a_sentence(state, cause):
    if cause in TABLE[state]:
        assert step(state, cause) == TABLE[state][cause]
    else:
        with pytest.raises(Refused, match=r"^[a-z].{20,}"):
            step(state, cause)


def test_whoever_resets_an_alarm_that_still_holds_is_told_to_acknowledge_it():
    with pytest.raises(Refused, match="acknowledge it"):
        step(State.ACTIVE, Cause.RESET)


def test_what_is_announced_holds_over_every_sequence_of_five_causes():
    """Listeners see raised first, an ending last, and nothing of what was never announced."""
    for causes in itertools.product(Cause, repeat=5):
        state, shown = State.INACTIVE, False
        for cause in causes:
            if cause not in TABLE[state]:
                continue
            before = state
            state, change = step(state, cause)
            if change == "raised":
                assert not shown
            elif change is not None:
                assert shown
            if change in BEGINNINGS or change in ("acknowledged", "latched"):
                assert state in ANNOUNCED
                shown = True
            elif change in ENDINGS:
                assert state is State.INACTIVE
                shown = False
            else:
                assert before not in ANNOUNCED or state is before
            assert shown == (state in ANNOUNCED)


def test_acknowledged_is_not_cleared():
    assert step(State.ACTIVE, Cause.ACKNOWLEDGE).state is State.ACKNOWLEDGED
    assert step(State.ACKNOWLEDGED, Cause.CLEARED) == (State.INACTIVE, "cleared")


def test_every_announced_alarm_can_be_withdrawn():
    assert all(step(state, Cause.WITHDRAWN).state is State.INACTIVE for state in ANNOUNCED)
