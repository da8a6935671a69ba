"""The bytes of Contec oximeters: the packets of both streams, commands of the host and replies to them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

NO_RATE = 0xFF
NO_SATURATION = 0x7F
NO_INDEX = 0xFFFF
NO_FINGER_PLETH = 0x40

REALTIME = 0x01  # package types
FEEDBACK = 0x0B
IDLE = 0x0C
PI_SUPPORT = 0x0E
COMMAND = 0x7D

COMMAND_BYTES = 9

# Package type and its length; a package starts with a byte below 80h, all others are above.
LENGTHS = {
    0x01: 9,
    0x02: 9,
    0x03: 9,
    0x04: 9,
    0x05: 9,
    0x06: 4,
    0x07: 8,
    0x08: 8,
    0x09: 6,
    0x0A: 4,
    0x0B: 4,
    0x0C: 2,
    0x0D: 3,
    0x0E: 3,
    0x0F: 8,
    0x10: 3,
    0x11: 9,
    0x12: 8,
    0x13: 9,
    0x14: 9,
    0x15: 9,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One sixtieth of a second. None is a missing number."""

    pr: int | None
    spo2: int | None
    pleth: int
    pi: float | None = None
    bar: int = 0
    signal: int = 0
    beep: bool = False
    dropping: bool = False
    searching: bool = False
    searching_long: bool = False
    probe_error: bool = False


def encode_short(sample: Sample) -> bytes:
    """The five bytes of the older devices."""
    rate = NO_RATE if sample.pr is None else sample.pr
    return bytes(
        (
            0x80 | sample.beep << 6 | sample.dropping << 5 | sample.searching_long << 4 | sample.signal & 0x0F,
            sample.pleth & 0x7F,
            (rate & 0x80) >> 1 | sample.searching << 5 | sample.probe_error << 4 | sample.bar & 0x0F,
            rate & 0x7F,
            NO_SATURATION if sample.spo2 is None else sample.spo2,
        )
    )


def encode_long(sample: Sample) -> bytes:
    """The nine bytes of the newer devices."""
    index = NO_INDEX if sample.pi is None else round(sample.pi * 100)
    state = sample.probe_error << 7 | sample.beep << 6 | sample.dropping << 5 | sample.searching_long << 4
    return pack(
        REALTIME,
        (
            state | sample.signal & 0x0F,
            sample.searching << 7 | sample.pleth & 0x7F,
            (sample.pi is None) << 4 | sample.bar & 0x0F,
            NO_RATE if sample.pr is None else sample.pr,
            NO_SATURATION if sample.spo2 is None else sample.spo2,
            index & 0xFF,
            index >> 8,
        ),
    )


def pack(type_: int, data: Iterable[int] = ()) -> bytes:
    """A package: its type, the high bits of its data, its data."""
    values = tuple(data)
    if not values:
        return bytes((type_, 0x80))
    high = sum((value >> 7 & 1) << place for place, value in enumerate(values))
    return bytes((type_, 0x80 | high, *(0x80 | value for value in values)))


def unpack(package: bytes) -> bytes:
    """The data of a package."""
    return bytes(value & 0x7F | (package[1] >> place & 1) << 7 for place, value in enumerate(package[2:]))


class Commands:
    """Bytes of the host in any pieces; whole commands out: the code and six bytes of data."""

    def __init__(self) -> None:
        self._heard = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The commands that are complete now."""
        found = []
        for byte in data:
            if byte < 0x80:
                self._heard.clear()
                if byte != COMMAND:
                    continue
            elif not self._heard:
                continue
            self._heard.append(byte)
            if len(self._heard) == COMMAND_BYTES:
                found.append(unpack(bytes(self._heard)))
                self._heard.clear()
        return found
