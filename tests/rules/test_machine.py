"""The alarm machine: what the table allows, over every way through it."""

from typing import get_args

import pytest

from rules.machine import ANNOUNCED, CALLS, ENDINGS, SILENCED, TABLE, Cause, Refused, State, step
from vitals.alarms import Change

WAYS = [(state, cause, *taken) for state, row in TABLE.items() for cause, taken in row.items()]


def test_the_table_names_every_state_and_only_known_changes():
    assert set(TABLE) == set(State)
    assert {change for *_, change in WAYS} - {None} == set(get_args(Change))


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
    for state in (State.ACTIVE, State.AUDIO_PAUSED, State.ALARMS_PAUSED):
        with pytest.raises(Refused, match="acknowledge it"):
            step(state, Cause.RESET)


@pytest.mark.parametrize(("state", "cause", "target", "change"), WAYS)
def test_listeners_hear_of_whatever_they_can_see(state, cause, target, change):
    """Each alarm they see has begun with a change, ends with one, and what was never announced stays unheard of."""
    if state in ANNOUNCED:
        assert change is not None
        assert (target is State.INACTIVE) == (change in ENDINGS)
    else:
        assert (change is not None) == (target in ANNOUNCED)
        assert change in (None, "raised", "alarms_paused")
    if target in SILENCED or target is State.LATCHED:
        assert change == target.value
    elif target is State.ACTIVE:
        assert change in ("raised", "reraised", "escalated")


def test_acknowledged_is_not_cleared():
    assert step(State.ACTIVE, Cause.ACKNOWLEDGE).state is State.ACKNOWLEDGED
    assert step(State.ACKNOWLEDGED, Cause.CLEARED) == (State.INACTIVE, "cleared")


def test_every_announced_alarm_can_be_withdrawn():
    assert all(step(state, Cause.WITHDRAWN).state is State.INACTIVE for state in ANNOUNCED)


def test_every_silence_ends_by_itself_or_is_withheld_by_the_pause_of_the_bed():
    for state in SILENCED:
        endings = [cause for cause in (Cause.EXPIRED, Cause.PAUSE_ENDED) if cause in TABLE[state]]
        assert [step(state, cause) for cause in endings] == [(State.ACTIVE, "reraised")]


@pytest.mark.parametrize("state", [State.ACTIVE, State.ACKNOWLEDGED, State.AUDIO_PAUSED])
def test_a_rise_of_priority_calls_again_whoever_has_seen_the_alarm(state):
    assert step(state, Cause.ROSE) == (State.ACTIVE, "escalated")


@pytest.mark.parametrize(("state", "cause"), [(s, c) for s, c, target, _ in WAYS if c in CALLS])
def test_whatever_would_call_is_withheld_while_the_alarms_of_the_bed_are_paused(state, cause):
    if state in (State.ACTIVE, State.AUDIO_PAUSED):
        assert step(state, Cause.PAUSE_ALARMS).state is State.ALARMS_PAUSED, "no such alarm is left when a pause begins"
    else:
        assert step(state, Cause.WITHHELD) == (State.ALARMS_PAUSED, "alarms_paused")


def test_nobody_is_called_by_a_change_that_leads_to_silence():
    assert all(change not in ("raised", "reraised", "escalated") for _, _, state, change in WAYS if state in SILENCED)
