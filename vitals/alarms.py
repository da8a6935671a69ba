"""Alarms as the world sees them: priorities, states, the retained alarm message, the event of a transition."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from vitals.identity import RuleId, SomeBedId, SomeWardId, Subject
from vitals.readings import Milliseconds

Priority = Literal["high", "medium", "low"]
Kind = Literal["physiological", "technical"]
AlarmState = Literal["pending", "active", "acknowledged", "audio_paused", "alarms_paused", "latched"]
"""Public states. `inactive` is the absence of the alarm; `pending` is never announced."""

Change = Literal[
    "raised",
    "escalated",
    "reraised",
    "acknowledged",
    "audio_paused",
    "alarms_paused",
    "latched",
    "cleared",
    "reset",
]
"""What a transition is called on `ward/<ward>/event`."""

PRIORITY_RANK: dict[str, int] = {"low": 1, "medium": 2, "high": 3}
PRIORITY_MARK: dict[str, str] = {"high": "***", "medium": "**", "low": "*"}  # IEC 60601-1-8 practice


class Alarm(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alarm: the retained payload of `ward/<ward>/<bed>/alarm/<rule>`, and the body of each event.

    `condition` says whether the cause holds now: None means unknown, because the value went missing.
    `value` and `limit` are what the rule saw at the last transition, absent for conditions without one number.
    `rev` grows with each change of this alarm; a lower one than already seen is an old retained message.
    An alarm of equipment that stands at no bed has a `subject` and no `bed`; without a `ward` it is the whole hub's.
    """

    id: str
    rule: RuleId
    ward: SomeWardId
    bed: SomeBedId
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
    subject: Subject = ""
    until: Milliseconds | None = None  # when the acknowledgement or pause ends by itself and the alarm is raised again
    paused_by: str = ""
    paused_reason: str = ""
    test: bool = False  # a drill: shown and paged as TEST, never counted
    late: bool = False  # found afterwards in readings that came too late to be judged as live; never paged
    bedside: bool = False  # first raised by the gateway at the bed, while it did not hear the hub


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
