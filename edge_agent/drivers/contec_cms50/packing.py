"""Packing of the 9-byte protocol: every byte but the first has bit 7 set, and the second one carries the true bits."""

from __future__ import annotations

START, STOP, PI_SUPPORT, KEEP_ALIVE, SET_TIME = 0xA1, 0xA2, 0xAC, 0xAF, 0xB1

_COMMAND = 0x7D
_COMMAND_DATA = 7  # the command itself and six bytes


def pack(kind: int, data: bytes) -> bytes:
    """A package of one type with up to seven bytes of data."""
    high = 0x80
    for bit, byte in enumerate(data):
        high |= byte >> 7 << bit
    return bytes([kind, high, *(byte | 0x80 for byte in data)])


def unpack(package: bytes) -> bytes:
    """The data of a package."""
    high = package[1]
    return bytes([byte & 0x7F | (high >> bit & 1) << 7 for bit, byte in enumerate(package[2:])])


def command(code: int, *extra: int) -> bytes:
    """What a host sends: one of the commands above and its data."""
    return pack(_COMMAND, bytes([code, *extra]).ljust(_COMMAND_DATA, b"\0"))
