"""The Datex-Ohmeda record interface (DRI): records into escaped frames, frames of the host into requests."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

FLAG = 0x7E
ESCAPE = 0x7D
ESCAPED_BIT = 0x20  # cleared on the line
HEADER_BYTES = 40
LONGEST_FRAME = 1_491  # un-escaped, with the checksum

PHYSIOLOGICAL = 0
WAVEFORM = 1

DISPLAYED_VALUES = 1  # record type of a request and of a subrecord
SUBRECORDS = 8
LIST_END = 0xFF

_HEADER = struct.Struct("<hBBHIBBHh")
_PHDB_REQUEST = struct.Struct("<Bhih")
_PHDB_REQUEST_BYTES = 49
_WAVE_REQUEST = struct.Struct("<hh8s")
_WAVE_REQUEST_BYTES = 72


@dataclass(frozen=True, slots=True, kw_only=True)
class ValuesRequest:
    """The host wants numbers: each `interval_s`, once for -1, no more for 0."""

    level: int
    type: int
    interval_s: int
    classes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaveRequest:
    """The host wants waves: from now on (0), no more (1), for `seconds` (2)."""

    level: int
    req_type: int
    seconds: int
    types: tuple[int, ...]


Request = ValuesRequest | WaveRequest


def encode_frame(payload: bytes) -> bytes:
    """Flags around payload and checksum, both escaped."""
    out = bytearray((FLAG,))
    for byte in payload + bytes((sum(payload) & 0xFF,)):
        out += bytes((ESCAPE, byte & ~ESCAPED_BIT)) if byte in (FLAG, ESCAPE) else bytes((byte,))
    out.append(FLAG)
    return bytes(out)


def encode_record(
    *, number: int, level: int, time_s: int, maintype: int, subrecords: Sequence[tuple[int, bytes]]
) -> bytes:
    """A record with its header; `subrecords` are type and bytes, in the order they are sent."""
    body = b"".join(data for _, data in subrecords)
    header = bytearray(_HEADER.pack(HEADER_BYTES + len(body), number & 0xFF, level, 0, time_s, 0, 0, 0, maintype))
    offset = 0
    for type_, data in subrecords:
        header += struct.pack("<hB", offset, type_)
        offset += len(data)
    if len(subrecords) < SUBRECORDS:
        header += struct.pack("<hB", 0, LIST_END)
    return bytes(header.ljust(HEADER_BYTES, b"\0")) + body


class Hearing:
    """Bytes of the host in any pieces, requests out. What is no request is ignored."""

    def __init__(self) -> None:
        self._frame = bytearray()
        self._inside = False

    def feed(self, data: bytes) -> list[Request]:
        """The requests that end in `data`."""
        requests = []
        for byte in data:
            if byte == FLAG:
                request = parse_request(bytes(self._frame)) if self._inside else None
                if request is not None:
                    requests.append(request)
                self._frame.clear()
                self._inside = True
            elif self._inside:
                self._frame.append(byte)
                self._inside = len(self._frame) <= 2 * LONGEST_FRAME
        return requests


def parse_request(escaped: bytes) -> Request | None:
    """The request between two flags, or None."""
    frame = _unescape(escaped)
    if len(frame) < HEADER_BYTES + 1 or sum(frame[:-1]) & 0xFF != frame[-1]:
        return None
    payload = frame[:-1]
    length, _, level, _, _, _, _, _, maintype = _HEADER.unpack_from(payload)
    if length != len(payload):
        return None
    if maintype == PHYSIOLOGICAL and length == _PHDB_REQUEST_BYTES:
        type_, interval_s, classes, _ = _PHDB_REQUEST.unpack_from(payload, HEADER_BYTES)
        return ValuesRequest(level=level, type=type_, interval_s=interval_s, classes=classes)
    if maintype == WAVEFORM and length == _WAVE_REQUEST_BYTES:
        req_type, seconds, types = _WAVE_REQUEST.unpack_from(payload, HEADER_BYTES)
        named = tuple(types[: types.index(LIST_END)] if LIST_END in types else types)
        return WaveRequest(level=level, req_type=req_type, seconds=seconds, types=named)
    return None


def _unescape(data: bytes) -> bytes:
    out = bytearray()
    escaped = False
    for byte in data:
        if escaped:
            out.append(byte | ESCAPED_BIT)
            escaped = False
        elif byte == ESCAPE:
            escaped = True
        else:
            out.append(byte)
    return bytes(out)
