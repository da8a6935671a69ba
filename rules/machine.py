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
    LATCHED = "latched"


class Cause(enum.Enum):
    """What can happen to an alarm."""

    BEGAN = "the condition began"
    HELD = "it held through the onset delay"
    CEASED = "it ended before the onset delay"
    LOST = "no data for too long"
    CLEARED = "it was gone through the off-delay"
    CLEARED_LATCHING = "the same, for a latching rule"
    AGAIN = "a further cause of the same alarm"
    WITHDRAWN = "its rule or bed is no longer in force"
    ACKNOWLEDGE = "a person acknowledges it"
    RESET = "a person resets it"


class Step(NamedTuple):
    """Where a cause leads, and what the world is told. None: nothing is announced."""

    state: State
    change: Change | None


TABLE: dict[State, dict[Cause, Step]] = {
    State.INACTIVE: {
        Cause.BEGAN: Step(State.PENDING, None),
    },
    State.PENDING: {
        Cause.HELD: Step(State.ACTIVE, "raised"),
        Cause.CEASED: Step(State.INACTIVE, None),
        Cause.LOST: Step(State.INACTIVE, None),
        Cause.WITHDRAWN: Step(State.INACTIVE, None),
    },
    State.ACTIVE: {
        Cause.ACKNOWLEDGE: Step(State.ACKNOWLEDGED, "acknowledged"),
        Cause.AGAIN: Step(State.ACTIVE, "reraised"),
        Cause.CLEARED: Step(State.INACTIVE, "cleared"),
        Cause.CLEARED_LATCHING: Step(State.LATCHED, "latched"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
    State.ACKNOWLEDGED: {
        Cause.AGAIN: Step(State.ACTIVE, "reraised"),
        Cause.CLEARED: Step(State.INACTIVE, "cleared"),
        # Somebody has seen it, so there is nothing left to keep on the screen.
        Cause.CLEARED_LATCHING: Step(State.INACTIVE, "cleared"),
        Cause.WITHDRAWN: Step(State.INACTIVE, "cleared"),
    },
    State.LATCHED: {
        Cause.HELD: Step(State.ACTIVE, "reraised"),
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
    State.LATCHED: "latched",
}
ANNOUNCED = frozenset({State.ACTIVE, State.ACKNOWLEDGED, State.LATCHED})
ENDINGS: frozenset[Change] = frozenset({"cleared", "reset"})
"""Changes after which the alarm is gone; its `state` is the one it was in before."""

_REFUSALS = {
    (State.ACTIVE, Cause.RESET): "this alarm is still active; acknowledge it, only a latched alarm can be reset",
    (State.ACKNOWLEDGED, Cause.RESET): "this alarm's condition still holds; only a latched alarm can be reset",
    (State.ACKNOWLEDGED, Cause.ACKNOWLEDGE): "this alarm is acknowledged already",
}


def step(state: State, cause: Cause) -> Step:
    """Where `cause` takes an alarm in `state`. Raises Refused if the table has no such way."""
    found = TABLE[state].get(cause)
    if found is None:
        raise Refused(_REFUSALS.get((state, cause), f"an {state.value} alarm has no use for: {cause.value}"))
    return found


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2", "    [*] --> inactive"]
    for state, row in TABLE.items():
        for cause, (target, change) in row.items():
            told = f" / {change}" if change else ""
            lines.append(f"    {state.value} --> {target.value}: {cause.value}{told}")
    return "\n".join(lines)
