"""Field maps: what stands where in a stranger's messages, declared in the settings and checked before anything runs."""

from __future__ import annotations

import datetime
import math
import zoneinfo
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

from edge_agent.sources.messages import Refused
from edge_agent.sources.paths import ABSENT, follow, parse_path
from vitals.durations import Duration
from vitals.parameters import PARAMETERS
from vitals.readings import Observation
from vitals.units import conversion, known_units
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

MAX_ID = 128  # characters of a sender's device id
_EPOCH_FACTOR = {"epoch_s": 1_000, "epoch_ms": 1}

PathText = Annotated[
    str, msgspec.Meta(min_length=1, max_length=200, description="Path such as a.b[0].c; $ is all of it")
]
Scalar = int | float | str | bool | None


class Equals(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A condition on the message: what stands at `path` is `equals`."""

    path: PathText
    equals: Scalar

    def __post_init__(self) -> None:
        parse_path(self.path)

    def holds(self, message: object) -> bool:
        """Whether it is so; 1 is not true, and "1" is not 1."""
        return _same(follow(message, parse_path(self.path)), self.equals)


class ValueMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where one parameter stands."""

    parameter: Annotated[str, msgspec.Meta(description="Name in the parameter catalogue, such as hr or spo2")]
    path: PathText
    unit: Annotated[str, msgspec.Meta(description="Unit of the sender; it is converted to the catalogue's")]
    missing: Annotated[
        list[Scalar], msgspec.Meta(description="What the sender writes when there is no value, such as 0 or -999")
    ] = msgspec.field(default_factory=lambda: [None])
    reason: Annotated[str, msgspec.Meta(description="Why there is none then, see the vocabulary")] = "not_measured"
    low: Annotated[float | None, msgspec.Meta(description="A number below is out_of_range, in the unit sent")] = None
    high: Annotated[float | None, msgspec.Meta(description="A number above is out_of_range, in the unit sent")] = None
    when: Annotated[Equals | None, msgspec.Meta(description="Only messages in which this holds")] = None

    def __post_init__(self) -> None:
        parse_path(self.path)
        if self.parameter not in PARAMETERS:
            raise ValueError(f"there is no parameter {self.parameter!r}; known are {', '.join(PARAMETERS)}")
        if conversion(self.parameter, self.unit) is None:
            known = ", ".join(known_units(self.parameter))
            raise ValueError(f"{self.parameter} cannot be converted from {self.unit!r}; known units are {known}")
        if self.reason not in MISSING_REASONS:
            raise ValueError(f"there is no reason {self.reason!r}; known are {', '.join(sorted(MISSING_REASONS))}")
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")


class StateMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When the device is in a state of the vocabulary."""

    state: str
    when: Equals

    def __post_init__(self) -> None:
        if self.state not in DEVICE_STATES:
            raise ValueError(f"there is no state {self.state!r}; known are {', '.join(sorted(DEVICE_STATES))}")


class TimeMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the time of measurement stands, and how far the sender's clock is believed."""

    path: PathText
    format: Annotated[
        Literal["epoch_s", "epoch_ms", "iso8601"],
        msgspec.Meta(description="Seconds or milliseconds since 1970, or text such as 2026-11-21T08:00:00+01:00"),
    ]
    zone: Annotated[
        str | None, msgspec.Meta(description="Time zone of texts without one, such as Europe/Berlin or UTC")
    ] = None
    max_age: Annotated[
        Duration,
        msgspec.Meta(description="Older times are not believed: the time of arrival stands, marked unsynced"),
    ] = msgspec.field(default_factory=lambda: Duration(30_000))
    max_ahead: Annotated[
        Duration, msgspec.Meta(description="Times this far in the future count as now; later ones are not believed")
    ] = msgspec.field(default_factory=lambda: Duration(5_000))

    def __post_init__(self) -> None:
        parse_path(self.path)
        if self.zone is not None:
            if self.format != "iso8601":
                raise ValueError("zone belongs to iso8601 only: seconds since 1970 have no zone")
            zone_of(self.zone)


class FieldMap(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a message of a stranger becomes an observation."""

    device: Annotated[PathText | None, msgspec.Meta(description="Where the sender's id of the device stands")] = None
    time: Annotated[
        TimeMap | None, msgspec.Meta(description="Time of measurement; left out, the time of arrival stands")
    ] = None
    values: Annotated[list[ValueMap], msgspec.Meta(min_length=1)]
    states: list[StateMap] = []

    def __post_init__(self) -> None:
        if self.device is not None:
            parse_path(self.device)
        unconditional = [value.parameter for value in self.values if value.when is None]
        for name in sorted({name for name in unconditional if unconditional.count(name) > 1}):
            raise ValueError(f"{name} is mapped twice; give each a `when`, or keep one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapped:
    """What a message said: about which device, and the observation."""

    device: str | None  # the sender's own id; None when the map does not say where it stands
    observation: Observation


def zone_of(name: str) -> zoneinfo.ZoneInfo:
    """The time zone called `name`. Raises ValueError."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError(f"there is no time zone {name!r}; write it such as Europe/Berlin or UTC") from exc


def device_of(message: object, fields: FieldMap) -> str | None:
    """The sender's id of the device. Raises Refused."""
    if fields.device is None:
        return None
    found = follow(message, parse_path(fields.device))
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str) or not 0 < len(found) <= MAX_ID:
        raise Refused("no_device_id", f"there is no device id at {fields.device}")
    return found


def apply(message: object, fields: FieldMap, wall_ms: int) -> Mapped:
    """Read a message that arrived at `wall_ms`. Raises Refused when it says nothing of what is mapped."""
    device = device_of(message, fields)
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for value in fields.values:
        if value.when is not None and not value.when.holds(message):
            continue
        found = follow(message, parse_path(value.path))
        if found is not ABSENT:
            number, reason = read_number(found, value)
            if number is not None:
                values[value.parameter] = number
            elif reason:
                missing[value.parameter] = reason
    states = tuple(sorted({state.state for state in fields.states if state.when.holds(message)}))
    if not (values or missing or states):
        raise Refused("nothing_mapped", "the message holds none of the fields that are mapped")
    for name in missing.keys() & values.keys():
        del missing[name]
    age, said = (None, None) if fields.time is None else read_time(message, fields.time, wall_ms)
    observation = Observation(
        values=values,
        missing=missing,
        flags=states,
        aperiodic=age is not None,
        age_ms=age or 0,
        device_time=said,
        untimed=fields.time is not None and age is None,
    )
    return Mapped(device=device, observation=observation)


def read_number(found: object, value: ValueMap) -> tuple[float | None, str]:
    """(the number in our unit, "") or (None, why there is none)."""
    if any(_same(found, marker) for marker in value.missing):
        return None, value.reason
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None, "device_invalid"
    try:
        number = float(found)
    except OverflowError:
        return None, "device_invalid"
    if not math.isfinite(number):
        return None, "device_invalid"
    if (value.low is not None and number < value.low) or (value.high is not None and number > value.high):
        return None, "out_of_range"
    found_conversion = conversion(value.parameter, value.unit)
    assert found_conversion is not None  # checked when the settings were read
    return found_conversion.apply(number), ""


def read_time(message: object, time: TimeMap, wall_ms: int) -> tuple[int | None, str | None]:
    """(how old the measurement is, what the sender wrote); no age when the sender's time cannot be believed."""
    found = follow(message, parse_path(time.path))
    measured = _epoch_ms(found, time)
    said = str(found)[:40] if isinstance(found, str | int | float) else None
    return (None if measured is None else age_of(measured, wall_ms, time.max_age, time.max_ahead)), said


def age_of(measured_ms: int, wall_ms: int, max_age: int, max_ahead: int) -> int | None:
    """How old a measurement is; None when that is beyond belief. A little in the future is now."""
    age = wall_ms - measured_ms
    return max(0, age) if -max_ahead <= age <= max_age else None


def parse_iso(text: str, zone: str | None) -> int | None:
    """UTC milliseconds of an ISO 8601 text; None when it is none, or has no zone and none is given."""
    try:
        moment = datetime.datetime.fromisoformat(text.strip())
        if moment.tzinfo is None:
            if zone is None:
                return None
            moment = moment.replace(tzinfo=zone_of(zone))
        return round(moment.timestamp() * 1_000)
    except (ValueError, OverflowError, OSError):
        return None


def _epoch_ms(found: object, time: TimeMap) -> int | None:
    if time.format == "iso8601":
        return parse_iso(found, time.zone) if isinstance(found, str) else None
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return round(found * _EPOCH_FACTOR[time.format])
    except (ValueError, OverflowError):
        return None


def _same(found: object, wanted: object) -> bool:
    if isinstance(found, bool) or isinstance(wanted, bool):
        return found is wanted
    if found is None or wanted is None:
        return found is wanted
    return isinstance(found, int | float) == isinstance(wanted, int | float) and found == wanted
