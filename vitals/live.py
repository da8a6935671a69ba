"""The live snapshot of a ward: all a display needs to draw it, once a second."""

from __future__ import annotations

import msgspec

from vitals.alarms import Alarm
from vitals.readings import Milliseconds


class LiveValue(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The newest word on one parameter: a number, or None with the reason. `age_ms` is by the hub's clock."""

    value: float | None = None
    reason: str = ""  # why there is no number
    time: Milliseconds  # when it was measured, by the gateway's clock
    age_ms: int  # since it was measured, by the hub's clock; what displays judge freshness by
    fresh: bool = True  # younger than the parameter's stale_s


class LiveDevice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One device of a bed. `link` is the gateway's last word, `age_ms` the hub's own count of silence."""

    device: str
    gateway: str
    gateway_online: bool | None = None  # None: the hub has not heard of this gateway yet
    link: str = ""
    detail: str = ""
    states: tuple[str, ...] = ()
    age_ms: int | None = None  # since the last record; None: none since the hub started


class LiveBed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One bed of the snapshot. `silent` is true when no device of it was heard within its silence limit."""

    bed: str
    title: str = ""
    silent: bool = False
    values: dict[str, LiveValue] = {}
    devices: list[LiveDevice] = []
    alarms: list[Alarm] = []  # announced ones only, most urgent first


class WardSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `ward/<ward>/live`, QoS 0, each second. `number` grows by one; a jump means missed snapshots."""

    ward: str
    title: str
    hub: str
    time: Milliseconds
    number: int
    beds: list[LiveBed]
