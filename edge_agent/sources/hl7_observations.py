"""ORU^R01 messages become observations per device and time. Who the patient is, is never read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.sources.hl7_codes import parameter_of, reason_of, states_of, unit_of
from edge_agent.sources.hl7_message import Hl7Message, Segment
from edge_agent.sources.intermittent import INTERMITTENT
from vitals.units import conversion

_NUMBER = re.compile(r"[+-]?\d{1,12}(?:\.\d{1,12})?")
_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)?(\.\d{1,4})?(?:([+-]\d\d)(\d\d))?")
_NOT_FINAL = {"X": "not_measured", "D": "device_invalid", "W": "device_invalid", "N": "not_measured"}
_PROCESSING = {"D": "demo", "T": "test"}


@dataclass(slots=True, kw_only=True)
class Told:
    """What was said of one device at one time. `names` are what the device may be called, best first."""

    names: tuple[str, ...]
    time: str  # ISO 8601, with an offset if the sender gave one; empty if there is none
    single: bool  # measured now and then, and repeated meanwhile
    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    states: set[str] = field(default_factory=set)
    exact: set[str] = field(default_factory=set)  # parameters told under the catalogue's own code

    def add(self, parameter: str, value: float | None, reason: str, *, exact: bool) -> None:
        """Take a value or its absence; of two codes for one parameter, the catalogue's own counts."""
        if parameter in self.exact or (not exact and parameter in self.values):
            return
        if exact:
            self.exact.add(parameter)
        self.values.pop(parameter, None)
        self.missing.pop(parameter, None)
        if value is None:
            self.missing[parameter] = reason
        else:
            self.values[parameter] = value


def tell(message: Hl7Message, device_from: Iterable[str]) -> list[Told]:
    """Everything a message says about vital signs, in its order."""
    places = list(device_from)
    found: dict[tuple[tuple[str, ...], str, bool], Told] = {}
    states = {_PROCESSING[mark] for mark in [message.head.part(11, 1)] if mark in _PROCESSING}
    group_time, equipment = "", Equipment(message)
    for segment in message.segments:
        if segment.name == "OBR":
            group_time = segment.part(7, 1)
            equipment.group()
        elif segment.name == "PRT":
            equipment.participation = segment
        elif segment.name == "OBX":
            equipment.observation(segment)
            code = parameter_of(segment.parts(3))
            if code is None:
                continue
            parameter, exact = code
            time = iso_time(segment.part(14, 1) or group_time or message.head.part(7, 1))
            key = (equipment.names(places), time, parameter in INTERMITTENT)
            told = found.setdefault(key, Told(names=key[0], time=time, single=key[2], states=set(states)))
            flags = segment.repetitions(8)
            told.states |= states_of(flags)
            told.add(parameter, *_value(segment, parameter, flags), exact=exact)
    return list(found.values())


class Equipment:
    """Which device the present OBX is of, by the places that may name it."""

    def __init__(self, message: Hl7Message) -> None:
        self._head = message.head
        self._named: Segment | None = None
        self.participation: Segment | None = None

    def group(self) -> None:
        """A new OBR: what named the device before holds no longer."""
        self._named = self.participation = None

    def observation(self, segment: Segment) -> None:
        """An OBX that names its equipment does so for those after it, too."""
        if segment.field(18):
            self._named = segment

    def names(self, places: Iterable[str]) -> tuple[str, ...]:
        """What the device may be called, by the first place that is not empty."""
        segments = {
            "prt-10": (self.participation, 10),
            "obx-18": (self._named, 18),
            "msh-3": (self._head, 3),
            "msh-4": (self._head, 4),
        }
        for place in places:
            segment, number = segments[place]
            if segment is not None and segment.field(number):
                whole = segment.field(number)
                return tuple(dict.fromkeys(name for name in (whole, *segment.parts(number)[:2]) if name))
        return ()


def iso_time(text: str) -> str:
    """An HL7 time as ISO 8601; empty when it is none, or not exact to the minute."""
    match = _TIME.fullmatch(text.strip())
    if match is None:
        return ""
    year, month, day, hour, minute, second, fraction, zone_hours, zone_minutes = match.groups()
    zone = f"{zone_hours}:{zone_minutes}" if zone_hours else ""
    milliseconds = f"{fraction[:4]:0<4}" if fraction else ""
    return f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{milliseconds}{zone}"


def _value(segment: Segment, parameter: str, flags: list[str]) -> tuple[float | None, str]:
    """(the number in our unit, "") or (None, why there is none)."""
    if reason := reason_of(flags):
        return None, reason
    text, status = segment.field(5).strip(), segment.field(11).strip()
    if not text:
        return None, "not_measured"
    if status in _NOT_FINAL:
        return None, _NOT_FINAL[status]
    if segment.field(2).strip() not in ("NM", "ST", "") or not _NUMBER.fullmatch(text):
        return None, "device_invalid"
    known = conversion(parameter, unit_of(segment.parts(6)))
    if known is None:
        return None, "unit_unsupported"
    return known.apply(float(text)), ""
