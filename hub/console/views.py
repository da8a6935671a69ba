"""What the console says to its readers: beds, alarms, gateways and health, with every field spelled out."""

from __future__ import annotations

from typing import Literal

import msgspec

from hub.console.printable import printable
from vitals.alarms import Alarm, AlarmEvent, AlarmState, Kind, Priority
from vitals.live import LiveBed, LiveDevice, LiveValue
from vitals.parameters import PARAMETERS

SILENT_AFTER_MS = 5_000  # five snapshots missed: nothing shown is the present any more

_APERIODIC_S = 60  # measured now and then: the number stays on screen with its age

_DISPLAY_UNITS = {"mm[Hg]": "mmHg", "Cel": "°C"}  # UCUM to what is printed on a monitor


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class ParameterView(_View, frozen=True, kw_only=True):
    """How a parameter is shown. An aperiodic one keeps its number, with its age, when it is old."""

    label: str
    unit: str
    decimals: int
    stale_s: int
    aperiodic: bool


class ValueView(_View, frozen=True, kw_only=True):
    """The newest word on one parameter: a number, or null with the reason. Never 0 for nothing."""

    value: float | None
    reason: str
    time: int
    age_ms: int
    fresh: bool
    unit: str


class DeviceView(_View, frozen=True, kw_only=True):
    """One device at a bed. `age_ms` null: not heard since the hub started."""

    device: str
    gateway: str
    gateway_online: bool | None
    clock_offset_ms: int | None
    link: str
    detail: str
    states: tuple[str, ...]
    age_ms: int | None


class AlarmView(_View, frozen=True, kw_only=True):
    """One alarm as it is now."""

    id: str
    rule: str
    ward: str
    bed: str
    kind: Kind
    priority: Priority
    state: AlarmState
    rev: int
    message: str
    onset: int
    raised: int
    changed: int
    condition: bool | None
    parameter: str | None
    value: float | None
    limit: float | None
    unit: str
    device: str
    acknowledged_by: str
    acknowledged_at: int | None
    subject: str
    until: int | None
    paused_by: str
    paused_reason: str
    test: bool
    late: bool
    bedside: bool


class AlarmEventView(_View, frozen=True, kw_only=True):
    """One transition of an alarm: what happened, when, by whom, and the alarm just after it.

    `event` is its number in the journal; null on the live stream, which is ahead of the journal.
    """

    event: int | None
    change: str
    time: int
    by: str
    reason: str
    alarm: AlarmView


class EntryView(_View, frozen=True, kw_only=True):
    """What staff entered and still holds; `until` null: until it is entered anew."""

    value: float
    time: int
    until: int | None


class ScoreView(_View, frozen=True, kw_only=True):
    """An early warning score. `total` null: it is incomplete, and `partial` is only what is known of it."""

    total: int | None
    partial: int
    complete: bool
    points: dict[str, int]
    missing: tuple[str, ...]
    red: bool
    risk: str


class PauseView(_View, frozen=True, kw_only=True):
    """All alarms of the bed are shown and neither sounded nor paged until then."""

    until: int
    by: str
    reason: str


class BedView(_View, frozen=True, kw_only=True):
    """One bed. `stream_age_ms` is since the hub last spoke of it; null: not since the console started."""

    ward: str
    bed: str
    title: str
    silent: bool
    stream_age_ms: int | None
    values: dict[str, ValueView]
    flags: dict[str, str]
    states: tuple[str, ...]
    devices: list[DeviceView]
    alarms: list[AlarmView]
    entries: dict[str, EntryView]
    scores: dict[str, ScoreView]
    pause: PauseView | None
    patient: str  # opaque id; '' while nobody is admitted
    patient_initials: str  # or the whole name, where the site shows it; '' where it shows neither
    patient_since: int | None


class WardView(_View, frozen=True, kw_only=True):
    """One ward with its beds in the order of the settings."""

    ward: str
    title: str
    stream_age_ms: int | None
    beds: list[BedView]


class GatewayDeviceView(_View, frozen=True, kw_only=True):
    """One registered device and where it stands."""

    device: str
    ward: str | None
    bed: str | None
    link: str
    detail: str
    states: tuple[str, ...]
    age_ms: int | None


class GatewayView(_View, frozen=True, kw_only=True):
    """One registered gateway. `online` and `clock_offset_ms` null: the hub has not heard of it.

    From `said` (UTC ms) on: what it has last said of itself; null where it never has. `spooled` records wait there for
    a receipt, `durability` is full or degraded, `reason` names what a person should look at.
    """

    gateway: str
    online: bool | None
    clock_offset_ms: int | None
    devices: list[GatewayDeviceView]
    said: int | None = None
    spooled: int | None = None
    accepted: int | None = None
    durability: str | None = None
    reason: str = ""
    version: str = ""


class QuarantineView(_View, frozen=True, kw_only=True):
    """One refused message: who sent it, why it was refused, how many records it would have been."""

    id: int
    received: int
    topic: str
    gateway: str
    reason: str
    records: int
    size: int
    sha256: str


class HubView(_View, frozen=True, kw_only=True):
    """The hub as the console sees it. Ages null: nothing heard since the console started."""

    hub: str
    connected: bool
    version: str
    heartbeat_age_ms: int | None
    silent_ms: int | None


class BrokerView(_View, frozen=True, kw_only=True):
    """Whether the console is connected to the broker."""

    connected: bool


class JournalView(_View, frozen=True, kw_only=True):
    """Whether the journal can be read."""

    readable: bool


class HealthView(_View, frozen=True, kw_only=True):
    """`ok`; `degraded` while history cannot be read; `failed` (status 503) while there is no live picture."""

    status: Literal["ok", "degraded", "failed"]
    reason: str
    version: str
    hub: HubView
    broker: BrokerView
    journal: JournalView


class CommandView(_View, frozen=True, kw_only=True):
    """What the hub did; `state` is the alarm's afterwards, `inactive` when it is gone."""

    alarm: str
    state: str
    time: int


class ErrorView(_View, frozen=True, kw_only=True):
    """Why a request was refused, in one sentence."""

    error: str


def parameter_views() -> dict[str, ParameterView]:
    """The catalogue, for displays."""
    return {
        parameter.name: ParameterView(
            label=parameter.label.replace("O2", "O₂"),
            unit=_DISPLAY_UNITS.get(parameter.unit, parameter.unit),
            decimals=parameter.decimals,
            stale_s=parameter.stale_s,
            aperiodic=parameter.stale_s > _APERIODIC_S,
        )
        for parameter in PARAMETERS.values()
    }


def value_view(name: str, value: LiveValue, elapsed_ms: int, hub_silent: bool) -> ValueView:
    """`value` as it is `elapsed_ms` after its snapshot; nothing is fresh while the hub is silent."""
    parameter = PARAMETERS.get(name)
    age = value.age_ms + elapsed_ms
    return ValueView(
        value=value.value,
        reason=value.reason,
        time=value.time,
        age_ms=age,
        fresh=value.fresh and not hub_silent and (parameter is None or age <= parameter.stale_s * 1_000),
        unit=parameter.unit if parameter else "",
    )


def device_view(device: LiveDevice, elapsed_ms: int) -> DeviceView:
    """`device` as it is `elapsed_ms` after its snapshot."""
    return DeviceView(
        device=printable(device.device),
        gateway=printable(device.gateway),
        gateway_online=device.gateway_online,
        clock_offset_ms=device.clock_offset_ms,
        link=device.link,
        detail=printable(device.detail),
        states=device.states,
        age_ms=None if device.age_ms is None else device.age_ms + elapsed_ms,
    )


def alarm_view(alarm: Alarm) -> AlarmView:
    """`alarm` with its words made safe to show."""
    fields = msgspec.structs.asdict(alarm)
    for name in ("message", "device", "acknowledged_by", "paused_by", "paused_reason", "unit"):
        fields[name] = printable(fields[name])
    return AlarmView(**fields)


def event_view(number: int | None, event: AlarmEvent) -> AlarmEventView:
    """One transition, with its words made safe to show."""
    return AlarmEventView(
        event=number,
        change=event.change,
        time=event.time,
        by=printable(event.by),
        reason=printable(event.reason),
        alarm=alarm_view(event.alarm),
    )


def bed_view(
    ward: str,
    title: str,
    bed: LiveBed,
    alarms: list[Alarm],
    elapsed_ms: int | None,
    *,
    hub_silent: bool,
    shown: str = "",
) -> BedView:
    """A bed `elapsed_ms` after its snapshot; None when there has been none."""
    elapsed = elapsed_ms or 0
    values = {name: value_view(name, value, elapsed, hub_silent) for name, value in bed.values.items()}
    return BedView(
        ward=ward,
        bed=bed.bed,
        title=printable(title),
        silent=bed.silent or hub_silent,
        stream_age_ms=elapsed_ms,
        values=values,
        flags={name: value.reason for name, value in values.items() if value.value is None},
        states=tuple(sorted({state for device in bed.devices for state in device.states})),
        devices=[device_view(device, elapsed) for device in bed.devices],
        alarms=[alarm_view(alarm) for alarm in alarms],
        entries={
            name: EntryView(value=entry.value, time=entry.time, until=entry.until)
            for name, entry in bed.entries.items()
        },
        scores={name: ScoreView(**msgspec.structs.asdict(score)) for name, score in bed.scores.items()},
        pause=_pause_view(bed),
        patient=printable(bed.patient),
        patient_initials=shown,
        patient_since=bed.patient_since,
    )


def _pause_view(bed: LiveBed) -> PauseView | None:
    if bed.pause is None:
        return None
    return PauseView(until=bed.pause.until, by=printable(bed.pause.by), reason=printable(bed.pause.reason))
