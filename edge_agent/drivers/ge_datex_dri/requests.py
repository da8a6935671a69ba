"""What a host says to the monitor: send displayed values, send waveforms, tell the alarms, and stop."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from edge_agent.drivers.ge_datex_dri.frames import enclose
from edge_agent.drivers.ge_datex_dri.records import ALARM, COMMAND, END_OF_LIST, HEADER, PHYSIOLOGICAL, WAVEFORM

ALL_CLASSES = 0x0E  # extended classes 1 to 3 asked for, basic not denied
DISPLAYED_VALUES = 1
MAX_WAVES = 8
_START, _STOP = 0, 1
_ALARM_STATUS = 0


def displayed_values(*, level: int, interval_s: int, classes: int = ALL_CLASSES) -> bytes:
    """Ask for the values on the screen each `interval_s` (at least 5); -1 asks for them once."""
    return _request(level, PHYSIOLOGICAL, struct.pack("<BhIH", DISPLAYED_VALUES, interval_s, classes, 0))


def stop_values(*, level: int) -> bytes:
    """Stop the values."""
    return displayed_values(level=level, interval_s=0, classes=0)


def waveforms(types: Sequence[int], *, level: int) -> bytes:
    """Ask for these wave types until told to stop."""
    return _waves(_START, types, level)


def stop_waveforms(*, level: int) -> bytes:
    """Stop all waves."""
    return _waves(_STOP, (), level)


def alarm_status(*, level: int) -> bytes:
    """Ask once for the alarms on the screen."""
    return _request(level, ALARM, struct.pack("<h10x", _ALARM_STATUS))


def _waves(what: int, types: Sequence[int], level: int) -> bytes:
    listed = bytes(types) + (bytes([END_OF_LIST]) if len(types) < MAX_WAVES else b"")
    return _request(level, WAVEFORM, struct.pack("<hh8s20x", what, 0, listed))


def _request(level: int, main_type: int, body: bytes) -> bytes:
    header = struct.pack("<hBBHIBBHh", HEADER + len(body), 0, level, 0, 0, 0, 0, 0, main_type)
    table = struct.pack("<hBhB", 0, COMMAND, 0, END_OF_LIST)
    return enclose((header + table).ljust(HEADER, b"\0") + body)
