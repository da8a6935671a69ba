"""What the data of a reply say: records of numbers, alarms, texts, the device and its clock.

Each function takes the data of one reply with a good checksum and returns None if they are not built as they must be:
eight bits of checksum let one damaged frame in 256 pass, and a lost byte shifts every record behind it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from edge_agent.drivers.medibus.frames import ETX

Numbers = dict[int, float | str | None]
"""Numbers by code. None: blank or dashes, nothing was measured. A text: what the device said instead of a number."""

ALARM_BYTES = 15
RT_BYTES = 23

_NUMBER = re.compile(r"(-?) *(\d+\.?\d*|\.\d+)")
_NOTHING = re.compile(r"[ -]*")
_DEVICE = re.compile(r"(.{4})'(.*)'(.{0,11})", re.DOTALL)
_REVISION = re.compile(r"(\d\d\.\d\d):(\d\d\.\d\d)")
_CLOCK = re.compile(r"\s*(\d{1,2}):(\d{2}):?(\d{2})?\s*(\d{1,2})-([A-Z]{3})-(\d{2})\s*")
_MONTHS = {
    "JAN": 1, "FEB": 2, "MAR": 3, "MRZ": 3, "APR": 4, "MAI": 5, "MAY": 5, "JUN": 6, "JUL": 7, "AUG": 8,
    "SEP": 9, "OCT": 10, "OKT": 10, "NOV": 11, "DEC": 12, "DEZ": 12,
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One alarm the device shows now."""

    priority: int  # 1 to 31, 31 is the highest
    code: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceName:
    """Who the device says it is; None where it does not say."""

    id: str | None = None
    name: str | None = None
    software: str | None = None
    medibus: str | None = None  # version of the protocol, as 03.00 or 06.00


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One realtime curve a device offers: counts from 0 to `full` stand for `low` to `high`."""

    code: int
    interval_us: int
    low: int
    high: int
    full: int

    @property
    def usable(self) -> bool:
        """Whether counts can be turned into a quantity over time."""
        return self.interval_us > 0 and self.full > 0 and self.high > self.low


def numbers(data: bytes, width: int) -> Numbers | None:
    """Records of a code and a number of `width` characters: 4 for measured data and limits, 5 for settings."""
    records = _records(data, 2 + width)
    if records is None:
        return None
    found: Numbers = {}
    for record in records:
        code = _hex(record[:2])
        if code is None:
            return None
        found[code] = _number(record[2:])
    return found


def alarms(data: bytes) -> tuple[Alarm, ...] | None:
    """Records of priority, code and phrase."""
    records = _records(data, ALARM_BYTES)
    if records is None:
        return None
    found = []
    for record in records:
        code, priority = _hex(record[1:3]), ord(record[0]) - 0x30
        if code is None or not 0 <= priority <= 31:
            return None
        found.append(Alarm(priority=priority, code=code, text=record[3:].strip()))
    return tuple(found)


def texts(data: bytes) -> dict[int, str] | None:
    """Text messages by code."""
    found: dict[int, str] = {}
    at = 0
    while at < len(data):
        code = _hex(data[at : at + 2].decode("ascii"))
        size = data[at + 2] - 0x30 if at + 2 < len(data) else -1
        end = at + 3 + size
        if code is None or size < 0 or end >= len(data) or data[end] != ETX or ETX in data[at:end]:
            return None
        found[code] = data[at + 3 : end].decode("ascii").strip()
        at = end + 1
    return found


def device_name(data: bytes) -> DeviceName | None:
    """Who the device is; it may say nothing."""
    if not data.strip():
        return DeviceName()
    match = _DEVICE.fullmatch(data.decode("ascii"))
    if match is None:
        return None
    revision = _REVISION.fullmatch(match[3].strip())
    software, medibus = revision.groups() if revision else (None, None)
    return DeviceName(id=match[1].strip(), name=match[2].strip(), software=software, medibus=medibus)


def device_time(data: bytes) -> str | None:
    """The clock of the device, without zone. In the field seconds and leading zeros are missing, months are German."""
    match = _CLOCK.fullmatch(data.decode("ascii"))
    if match is None or match[5] not in _MONTHS:
        return None
    hour, minute, second, day, year = (int(match[n] or 0) for n in (1, 2, 3, 4, 6))
    try:
        return datetime(2000 + year, _MONTHS[match[5]], day, hour, minute, second).isoformat()
    except ValueError:
        return None


def curves(data: bytes) -> tuple[Curve, ...] | None:
    """The realtime curves on offer."""
    records = _records(data, RT_BYTES)
    if records is None:
        return None
    found = []
    for record in records:
        code, full = _hex(record[:2]), _hex(record[20:23])
        interval, low, high = (_whole(record[a:b]) for a, b in ((2, 10), (10, 15), (15, 20)))
        if code is None or full is None or interval is None or low is None or high is None:
            return None
        found.append(Curve(code=code, interval_us=interval, low=low, high=high, full=full))
    return tuple(found)


def _records(data: bytes, size: int) -> list[str] | None:
    if len(data) % size or ETX in data:
        return None
    text = data.decode("ascii")
    return [text[at : at + size] for at in range(0, len(text), size)]


def _hex(digits: str) -> int | None:
    """Capital digits; a blank stands for 0."""
    filled = digits.replace(" ", "0")
    return int(filled, 16) if all(digit in "0123456789ABCDEF" for digit in filled) else None


def _number(text: str) -> float | str | None:
    """Decimal digits with blanks around them, or between the sign and them."""
    text = text.strip(" ")
    if _NOTHING.fullmatch(text):
        return None
    match = _NUMBER.fullmatch(text)
    return float(match[1] + match[2]) if match else text


def _whole(text: str) -> int | None:
    number = _number(text)
    return int(number) if isinstance(number, float) else None
