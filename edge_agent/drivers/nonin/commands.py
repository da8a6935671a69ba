"""Commands to the Bluetooth models of Nonin: what to ask in, bytes out, and the clock in their answer."""

from __future__ import annotations

from datetime import datetime

ACK, NAK = 0x06, 0x15
_STX, _ETX = 0x02, 0x03
_SET_FORMAT, _CLOCK, _SERIAL = 0x70, 0x72, 0x74
_CENTURY = 2000

CLOCK_REPLY = bytes([_STX, _CLOCK | 0x80, 6])  # followed by six plain binary numbers and 03
CLOCK_REPLY_SIZE = len(CLOCK_REPLY) + 7


def set_format(number: int) -> bytes:
    """Select a data format by its number; answered by ACK, or by NAK if the model has no such format."""
    return _command(_SET_FORMAT, bytes([2, number]))


def get_datetime() -> bytes:
    """Ask for the clock; answered by CLOCK_REPLY."""
    return _command(_CLOCK)


def set_datetime(time: datetime) -> bytes:
    """Set the clock, 2000 to 2255. A 9560 does not answer, other models answer ACK or NAK."""
    fields = (time.year - _CENTURY, time.month, time.day, time.hour, time.minute, time.second)
    return _command(_CLOCK, bytes(fields))


def get_serial() -> bytes:
    """Ask for the serial number."""
    return _command(_SERIAL, b"\x02\x02")


def read_clock(reply: bytes) -> datetime | None:
    """The clock in a whole reply to `get_datetime`; None if it is no such reply or no such time."""
    if len(reply) != CLOCK_REPLY_SIZE or not reply.startswith(CLOCK_REPLY) or reply[-1] != _ETX:
        return None
    year, month, day, hour, minute, second = reply[3:9]
    try:
        return datetime(_CENTURY + year, month, day, hour, minute, second)
    except ValueError:
        return None


def _command(code: int, data: bytes = b"") -> bytes:
    return bytes([_STX, code, len(data), *data, _ETX])
