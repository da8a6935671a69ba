"""CRC-8 of the canonical line: polynomial 0x07, initial value 0."""

from __future__ import annotations


def _step(value: int) -> int:
    for _ in range(8):
        value = (value << 1 ^ 0x07 if value & 0x80 else value << 1) & 0xFF
    return value


_TABLE = bytes(_step(value) for value in range(256))


def crc8(data: bytes) -> int:
    """The check value of `data`."""
    crc = 0
    for byte in data:
        crc = _TABLE[crc ^ byte]
    return crc
