"""The alarm machine: one table says what each cause does to an alarm in each state.

The diagram in docs/reference/alarm-machine.md is drawn from this table.
"""

from __future__ import annotations

import enum
from typing import NamedTuple

from vitals.alarms import AlarmState, Change
from vitals.errors import WardlineError


class Refused(WardlineError):  # noqa: N818  # nothing failed: the answer is no
    """A person asked an alarm for something its state does not allow; the sentence says why."""


class State(enum.Enum):
    """Where an alarm stands. Inactive and pending ones are never announced."""

    INACTIVE = "inactive"
    PENDING = "pending"
    ACTIVE = "active"
    ACKNOWLEDGED = "acknowledged"
    AUDIO_PAUSED = "audio_paused"
    ALARMS_PAUSED = "alarms_paused"
    LATCHED = "latched"


class Cause(enum.Enum):
    """What can happen to an alarm."""

    BEGAN = "the condition began"
    HELD = "it held through the onset delay"
    CEASED = "it ended before the onset delay"
    LOST = "no data for too long"
    CLEARED = "it was gone through the off-delay"
    CLEARED_LATCHING = "the same, for a latching rule"
    ROSE = "its priority rose"
    AGAIN = "a further cause of the same alarm"
    ADOPTED = "it was raised at the bedside"
    WITHHELD = "it would call, but the alarms of its bed are paused"
    EXPLAINED = "its root cause stands elsewhere"
    WITHDRAWN = "its rule or bed is no longer in force"
    EXPIRED = "the acknowledgement expired"
    PAUSE_ENDED = "the pause ended"
    ACKNOWLEDGE = "a person acknowledges it"
    PAUSE_AUDIO = "a person pauses its sound"
    PAUSE_ALARMS = "a person pauses all alarms of its bed"
    RESET = "a person resets it"
    RESET_UNKNOWN = "a person resets it while nothing is known of its condition"


class Step(NamedTuple):
    """Where a cause leads, and what the world is told. None: nothing is announced."""

    state: State
    change: Change | None


TABLE: dict[State, dict[Cause, Step]] = {
    State.INACTIVE: {
        Cause.BEGAN: Step(State.PENDING, None),
        Cause.ADOPTED: Step(State.ACTIVE, "raised"),
        Cause.WITHHELD: Step(State.ALARMS_PAUSED, "alarms_paused"),
    },
    State.PENDING: {
        Cause.HELD: Step(State.ACTIVE, "raised"),
        Cause.ADOPTED: Step(State.ACTIVE, "raised"),
        Cause.WITHHELD: Step(State.ALARMS_PAUSED, "alarms_paused"),
        Cause.CEASED: Step(State.INACTIVE, None),
        Cause.LOST: Step(State.INACTIVE, None),
        Cause.EXPLAINED: Step(State.INACTIVE, None),
        Cause.WITHDRAWN: Step(State.INACTIVE, None),
    },
    State.ACTIVE: {
        Cause.ACKNOWLEDGE: Step(State.ACKNOWLEDGED, "acknowledged"),
        Cause.PAUSE_AUDIO: Step(State.AUDIO_PAUSED, "audio_paused"),
        Cause.PAUSE_ALARMS: Step(State.ALARMS_PAUSED, "alarms_paused"),
        Cause.ROSE: Step(State.ACTIVE, "escalated"),
        Cause.AGAIN: Step(State.ACTIVE, "reraised"),
        Cause.CLEARED: Step(State.INACTIVE, "cleared"),
        Cause.CLEARED_LATCHING: Step(State.LATCHED, "latched"),
        Cause.EXPLAINED: Step(State.INACTIVE, "cleared"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
    State.ACKNOWLEDGED: {
        Cause.EXPIRED: Step(State.ACTIVE, "reraised"),
        Cause.ROSE: Step(State.ACTIVE, "escalated"),
        Cause.AGAIN: Step(State.ACTIVE, "reraised"),
        Cause.WITHHELD: Step(State.ALARMS_PAUSED, "alarms_paused"),
        Cause.CLEARED: Step(State.INACTIVE, "cleared"),
        # Somebody has seen it, so there is nothing left to keep on the screen.
        Cause.CLEARED_LATCHING: Step(State.INACTIVE, "cleared"),
        # A monitor that was taken away says no more; without this its alarm would call for ever.
        Cause.RESET_UNKNOWN: Step(State.INACTIVE, "reset"),
        Cause.EXPLAINED: Step(State.INACTIVE, "cleared"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
    State.AUDIO_PAUSED: {
        Cause.PAUSE_ENDED: Step(State.ACTIVE, "reraised"),
        Cause.ROSE: Step(State.ACTIVE, "escalated"),
        Cause.AGAIN: Step(State.ACTIVE, "reraised"),
        Cause.ACKNOWLEDGE: Step(State.ACKNOWLEDGED, "acknowledged"),
        Cause.PAUSE_AUDIO: Step(State.AUDIO_PAUSED, "audio_paused"),
        Cause.PAUSE_ALARMS: Step(State.ALARMS_PAUSED, "alarms_paused"),
        Cause.CLEARED: Step(State.INACTIVE, "cleared"),
        # To want silence is not to have seen what it was about.
        Cause.CLEARED_LATCHING: Step(State.LATCHED, "latched"),
        Cause.EXPLAINED: Step(State.INACTIVE, "cleared"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
    State.ALARMS_PAUSED: {
        Cause.PAUSE_ENDED: Step(State.ACTIVE, "reraised"),
        Cause.ACKNOWLEDGE: Step(State.ACKNOWLEDGED, "acknowledged"),
        # The bed's pause was given another end.
        Cause.PAUSE_ALARMS: Step(State.ALARMS_PAUSED, "alarms_paused"),
        # It rose, or has a further cause: shown so, and still nobody is called.
        Cause.WITHHELD: Step(State.ALARMS_PAUSED, "alarms_paused"),
        Cause.CLEARED: Step(State.INACTIVE, "cleared"),
        # Whoever paused all alarms of a bed stands beside it until they resume.
        Cause.CLEARED_LATCHING: Step(State.INACTIVE, "cleared"),
        Cause.EXPLAINED: Step(State.INACTIVE, "cleared"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
    State.LATCHED: {
        Cause.HELD: Step(State.ACTIVE, "reraised"),
        Cause.ADOPTED: Step(State.ACTIVE, "reraised"),
        Cause.WITHHELD: Step(State.ALARMS_PAUSED, "alarms_paused"),
        # To acknowledge what is over is to have seen it: the same as a reset, and announced as one.
        Cause.ACKNOWLEDGE: Step(State.INACTIVE, "reset"),
        Cause.RESET: Step(State.INACTIVE, "reset"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
}

PUBLIC: dict[State, AlarmState] = {
    State.PENDING: "pending",
    State.ACTIVE: "active",
    State.ACKNOWLEDGED: "acknowledged",
    State.AUDIO_PAUSED: "audio_paused",
    State.ALARMS_PAUSED: "alarms_paused",
    State.LATCHED: "latched",
}
# Tuples: they are asked for each record of a bed with an alarm, and the hash of an enum member is slow.
ANNOUNCED = (State.ACTIVE, State.ACKNOWLEDGED, State.AUDIO_PAUSED, State.ALARMS_PAUSED, State.LATCHED)
SILENCED = (State.ACKNOWLEDGED, State.AUDIO_PAUSED, State.ALARMS_PAUSED)
"""States in which an alarm calls nobody though it is not over; each ends by itself at the alarm's `until`."""
STANDING = (State.ACTIVE, *SILENCED)
"""States of an alarm that is not over."""
CALLS = frozenset({Cause.HELD, Cause.ROSE, Cause.AGAIN, Cause.ADOPTED, Cause.EXPIRED, Cause.PAUSE_ENDED})
"""Causes that make an alarm call, so that a pause of its bed withholds them."""
BY_ITSELF = frozenset({Cause.EXPIRED, Cause.PAUSE_ENDED, Cause.ROSE, Cause.EXPLAINED, Cause.WITHDRAWN, Cause.WITHHELD})
"""Causes whose event gives the cause as its reason, because neither data nor a person explains it."""
ENDINGS: frozenset[Change] = frozenset({"cleared", "reset"})
"""Changes after which the alarm is gone; its `state` is the one it was in before."""

_REFUSALS = {
    (State.ACTIVE, Cause.RESET): "this alarm is still active; acknowledge it, only a latched alarm can be reset",
    (State.ACKNOWLEDGED, Cause.RESET): "this alarm's condition still holds; only a latched alarm can be reset",
    (State.ACKNOWLEDGED, Cause.ACKNOWLEDGE): "this alarm is acknowledged already",
    (State.ACKNOWLEDGED, Cause.PAUSE_AUDIO): "this alarm is acknowledged already, it makes no sound",
    (State.AUDIO_PAUSED, Cause.RESET): "this alarm is not over; acknowledge it, only a latched alarm can be reset",
    (State.ALARMS_PAUSED, Cause.RESET): "this alarm is not over; acknowledge it, only a latched alarm can be reset",
    (State.ALARMS_PAUSED, Cause.PAUSE_AUDIO): "all alarms of this bed are paused already, it makes no sound",
    (State.LATCHED, Cause.PAUSE_AUDIO): "this alarm is over and makes no sound; reset it",
}


def step(state: State, cause: Cause) -> Step:
    """Where `cause` takes an alarm in `state`. Raises Refused if the table has no such way."""
    found = TABLE[state].get(cause)
    if found is None:
        raise Refused(
            _REFUSALS.get((state, cause), f"an alarm that is {state.value} has no use for this: {cause.value}")
        )
    return found


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> inactive"]
    for state, row in TABLE.items():
        for cause, (target, change) in row.items():
            told = f" / {change}" if change else ""
            lines.append(f"    {state.value} --> {target.value}: {cause.value}{told}")
    return "\n".join(lines)
