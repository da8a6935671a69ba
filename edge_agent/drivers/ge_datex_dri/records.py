"""The record header: a checked payload becomes a record with its subrecords, or nothing we can trust."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from datetime import UTC, datetime

HEADER = 40  # bytes
PHYSIOLOGICAL, WAVEFORM, ALARM = 0, 1, 4  # main types that are read
COMMAND = 0  # subrecord type of requests; a monitor never sends it
END_OF_LIST = 0xFF
_FIXED = struct.Struct("<hBBHIBBHh")
_ENTRIES = struct.Struct("<hBhBhBhBhBhBhBhB")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record of a monitor."""

    level: int  # version of the interface the monitor speaks
    time: int  # monitor clock, seconds
    main_type: int
    length: int  # without the checksum
    subrecords: tuple[tuple[int, bytes], ...]  # type, and everything from its offset to the end of the record

    @property
    def device_time(self) -> str | None:
        """The monitor's clock for people; None if it was never set."""
        if not self.time:
            return None
        return datetime.fromtimestamp(self.time, UTC).replace(tzinfo=None).isoformat()


def open_record(payload: bytes) -> Record | None:
    """The record in a payload; None if its table points outside, or if it is a request (our own, echoed)."""
    _, _, level, _, time, _, _, _, main_type = _FIXED.unpack_from(payload)
    entries = _ENTRIES.unpack_from(payload, _FIXED.size)
    subrecords = []
    for offset, kind in zip(entries[::2], entries[1::2], strict=True):
        if kind == END_OF_LIST:
            break
        if not 0 <= offset < len(payload) - HEADER or (
            kind == COMMAND and main_type in (PHYSIOLOGICAL, WAVEFORM, ALARM)
        ):
            return None
        subrecords.append((kind, payload[HEADER + offset :]))
    return Record(level=level, time=time, main_type=main_type, length=len(payload), subrecords=tuple(subrecords))
