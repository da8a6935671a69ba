"""Subrecords of the DRI interface: groups of numbers, and samples of waves, as the monitor lays them out."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

NO_DATA = -32_767
LOWEST = -32_000  # below are codes, not numbers
HIGHEST = 32_767

PRESENT = 0x01
ACTIVE = 0x02

ASYSTOLE = 1 << 2  # ECG status
RATE_FROM_ECG = 1 << 3
NOISE = 1 << 7
ARTIFACT = 1 << 8
CHANNELS_OFF = 0b111 << 11
LEAD_II = 2  # a nibble of the ECG label per channel

CUFF_ADULT = 3  # NIBP label
CUFF_AUTO = 1 << 3
CUFF_OLD = 1 << 8  # the pressure is older than 60 s

APNEA = 1 << 2  # CO2 status
OCCLUSION = 1 << 5
RATE_FROM_CO2 = 1
RATE_FROM_IMPEDANCE = 2

PRESSURE_LABELS = {"abp": 1, "cvp": 2, "icp": 7}
TEMPERATURE_LABELS = {"temp": 11, "temp_core": 15, "temp_skin": 7}

CLASS_BYTES = 270

# Group of the basic class, its offset, and how many words follow its status and label.
BASIC = {
    "ecg": (0, 5),
    "p1": (16, 4),
    "p2": (30, 4),
    "p3": (44, 4),
    "p4": (58, 4),
    "nibp": (72, 4),
    "t1": (86, 1),
    "t2": (94, 1),
    "t3": (102, 1),
    "t4": (110, 1),
    "spo2": (118, 4),
    "co2": (132, 4),
    "o2": (146, 2),
    "n2o": (156, 2),
    "aa": (166, 3),
    "flow": (178, 8),
    "co": (200, 4),
    "nmt": (214, 3),
    "svo2": (232, 1),
    "p5": (240, 4),
    "p6": (254, 4),
}
_ECG_EXTRA_AT = 226

# The same for the extended classes, where nothing is measured here: offset and bytes of each group.
_EXTENDED = {
    1: ((0, 48), (48, 30)),
    2: ((0, 24), (24, 72), (96, 16), (112, 28)),
    3: ((0, 14), (14, 46), (60, 10), (70, 22), (92, 24)),
}
_GROUP_HEAD = struct.Struct("<IH")


@dataclass(frozen=True, slots=True)
class Group:
    """One group: status bits, label, and raw words. None is no data; words left out are too."""

    status: int
    label: int = 0
    words: tuple[int | None, ...] = ()


ABSENT = Group(0)


def encode_basic(groups: Mapping[str, Group], rates: tuple[int | None, ...] = ()) -> bytes:
    """The body of the basic class; `rates` are heart rate, highest and lowest of the extra group."""
    body = bytearray(CLASS_BYTES)
    for name, (offset, count) in BASIC.items():
        group = groups.get(name, ABSENT)
        _GROUP_HEAD.pack_into(body, offset, group.status, group.label)
        _put_words(body, offset + _GROUP_HEAD.size, group.words, count)
    _put_words(body, _ECG_EXTRA_AT, rates, 3)
    return bytes(body)


def encode_extended(number: int) -> bytes:
    """The body of extended class 1, 2 or 3 of a monitor without those modules."""
    body = bytearray(CLASS_BYTES)
    for offset, length in _EXTENDED[number]:
        _put_words(body, offset + _GROUP_HEAD.size, (), (length - _GROUP_HEAD.size) // 2)
    return bytes(body)


def encode_class(number: int, time_s: int, body: bytes) -> bytes:
    """A physiological subrecord: class 0 is basic."""
    return struct.pack("<I", time_s) + body + struct.pack("<BBH", 0, 0, number << 8 | 1)


def encode_wave(samples: Sequence[int | None], *, status: int = 0) -> bytes:
    """A wave subrecord."""
    body = bytearray(2 * len(samples))
    _put_words(body, 0, tuple(samples), len(samples))
    return struct.pack("<HHH", len(samples), status, 0) + bytes(body)


def scaled(value: float | None, factor: float = 1.0) -> int | None:
    """`value` in units of 1/`factor`, or None where a word cannot hold it."""
    if value is None:
        return None
    word = round(value * factor)
    return word if LOWEST <= word <= HIGHEST else None


def _put_words(body: bytearray, offset: int, words: tuple[int | None, ...], count: int) -> None:
    filled = [NO_DATA if word is None else word for word in words]
    struct.pack_into(f"<{count}h", body, offset, *filled, *[NO_DATA] * (count - len(filled)))
