"""Alarms as the world sees them: priorities, states, the retained alarm message, the event of a transition."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from vitals.identity import BedId, RuleId, WardId
from vitals.readings import Milliseconds

Priority = Literal["high", "medium", "low"]
Kind = Literal["physiological", "technical"]
AlarmState = Literal["pending", "active", "acknowledged", "latched"]
"""Public states. `inactive` is the absence of the alarm; `pending` is never announced."""

Change = Literal["raised", "escalated", "reraised", "acknowledged", "latched", "cleared", "reset"]
"""What a transition is called on `ward/<ward>/event`."""

PRIORITY_RANK: dict[str, int] = {"low": 1, "medium": 2, "high": 3}
PRIORITY_MARK: dict[str, str] = {"high": "***", "medium": "**", "low": "*"}  # IEC 60601-1-8 practice


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alarm: the retained payload of `ward/<ward>/<bed>/alarm/<rule>`, and the body of each event.

    `condition` says whether the cause holds now: None means unknown, because the value went missing.
    `value` and `limit` are what the rule saw at the last transition, absent for conditions without one number.
    `rev` grows with each change of this alarm; a lower one than already seen is an old retained message.
    """

    id: str
    rule: RuleId
    ward: WardId
    bed: BedId
    kind: Kind
    priority: Priority
    state: AlarmState
    rev: int
    message: str
    onset: Milliseconds  # when the condition began
    raised: Milliseconds  # when it became an alarm, after its delay
    changed: Milliseconds  # when this revision was made
    condition: bool | None = True
    parameter: str | None = None
    value: float | None = None
    limit: float | None = None
    unit: str = ""
    device: str = ""
    acknowledged_by: str = ""
    acknowledged_at: Milliseconds | None = None
    test: bool = False


class AlarmEvent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `ward/<ward>/event`: one transition of one alarm. `by` and `reason` when a person caused it."""

    change: Change
    time: Milliseconds
    alarm: Alarm
    by: str = ""
    reason: str = ""


def alarm_id(rule: str, ward: str, bed: str, onset: int) -> str:
    """The id of an alarm: 16 hex digits, the same wherever the same rule saw the same onset."""
    return hashlib.sha256(f"{rule}\n{ward}\n{bed}\n{onset}".encode()).hexdigest()[:16]
