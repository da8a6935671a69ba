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
    clock_offset_ms: int | None = None  # of the gateway's clock, ahead of the hub's; None: nobody knows
    link: str = ""
    detail: str = ""
    states: tuple[str, ...] = ()
    age_ms: int | None = None  # since the last record; None: none since the hub started


class LiveEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What staff entered and still holds, as the number rules see (vitals.entries)."""

    value: float
    time: Milliseconds  # when it was seen or measured
    until: Milliseconds | None = None  # when it is too old to count; None: it holds until it is entered anew


class LiveScore(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An early warning score. An incomplete one has a partial sum and no total: show it as incomplete, never as low."""

    total: int | None = None
    partial: int
    complete: bool
    points: dict[str, int] = {}  # by item, those that are known
    missing: tuple[str, ...] = ()  # items without a value that counts now
    red: bool = False  # one item alone scores the highest points of its own
    risk: str = ""  # of a complete score


class LivePause(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """All alarms of the bed are paused: shown, and neither sounded nor paged, until then."""

    until: Milliseconds
    by: str
    reason: str = ""


class LiveBed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One bed of the snapshot. `silent` is true when no device of it was heard within its silence limit."""

    bed: str
    title: str = ""
    silent: bool = False
    values: dict[str, LiveValue] = {}
    devices: list[LiveDevice] = []
    alarms: list[Alarm] = []  # announced ones only, most urgent first
    entries: dict[str, LiveEntry] = {}
    scores: dict[str, LiveScore] = {}  # by table; only where staff have entered something
    pause: LivePause | None = None
    patient: str = ""  # opaque id; empty: nobody is admitted. Never a name or record number
    patient_since: Milliseconds | None = None


class WardSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Payload of `ward/<ward>/live`, QoS 0, each second. `number` grows by one; a jump means missed snapshots."""

    ward: str
    title: str
    hub: str
    time: Milliseconds
    number: int
    beds: list[LiveBed]
