"""A drill: a TEST record that takes the way of every reading, from the bed's gateway to a pager and back."""

from __future__ import annotations

import msgspec

from vitals.commands import RequestId
from vitals.identity import DeviceId
from vitals.readings import Milliseconds, Seq

DRILL = "drill"
"""The device state of a TEST record, and the id of the rule that alarms because of it."""


class DrillOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `down/<gateway>/drill`: spool one TEST record of this device."""

    request: RequestId  # that of the command
    device: DeviceId
    time: Milliseconds  # the hub's clock


class DrillTrace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How far the last drill of a gateway has come, by the gateway's clock; part of its status."""

    request: RequestId
    device: DeviceId
    heard: Milliseconds  # when the order came
    seq: Seq | None = None  # of the TEST record in the spool
    spooled: Milliseconds | None = None  # when it was on the disk
    receipted: Milliseconds | None = None  # when the hub's receipt for it came
    problem: str = ""
