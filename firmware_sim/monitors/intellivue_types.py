"""The data types of IntelliVue messages: numbers, texts, times and lists of attributes, written and read."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import datetime

TICKS_PER_MS = 8
NO_TIME = b"\xff" * 8

Attribute = tuple[int, bytes]
Object = tuple[int, Sequence[Attribute]]  # its handle and its attributes


class Malformed(Exception):  # noqa: N818 - not an error of ours: the message is ignored
    """A message that is none."""


def encode_float(value: float | None, decimals: int = 0) -> bytes:
    """A medical FLOAT with so many decimals; None is not a number."""
    if value is None:
        return b"\x00\x7f\xff\xff"
    return struct.pack(">b", -decimals) + round(value * 10.0**decimals).to_bytes(3, "big", signed=True)


def encode_text(text: str) -> bytes:
    """A string with its length in bytes and a closing zero."""
    data = (text + "\0").encode("utf-16-be")
    return struct.pack(">H", len(data)) + data


def encode_time(clock: datetime) -> bytes:
    """A point of the monitor's clock in BCD."""
    return bytes.fromhex(f"{clock:%Y%m%d%H%M%S}00")


def encode_list(items: Sequence[bytes]) -> bytes:
    """Count, length and items."""
    data = b"".join(items)
    return struct.pack(">HH", len(items), len(data)) + data


def encode_attributes(attributes: Sequence[Attribute]) -> bytes:
    """A list of attributes with their lengths."""
    return encode_list([struct.pack(">HH", id_, len(value)) + value for id_, value in attributes])


class Reader:
    """Big-endian numbers, one after the other. Raises Malformed at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self._data) - self._place

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise Malformed
        self._place += count
        return self._data[self._place - count : self._place]

    def byte(self) -> int:
        return self.take(1)[0]

    def word(self) -> int:
        return int.from_bytes(self.take(2), "big")

    def unpack(self, layout: struct.Struct) -> tuple[int, ...]:
        return layout.unpack(self.take(layout.size))

    def attributes(self) -> list[Attribute]:
        count, length = self.word(), self.word()
        reader = Reader(self.take(length))
        found = []
        for _ in range(count):
            id_, size = reader.word(), reader.word()
            found.append((id_, reader.take(size)))
        return found
