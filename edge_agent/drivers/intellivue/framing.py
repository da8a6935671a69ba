"""Frames of the RS-232 line: bytes in, checked messages out, and the way back."""

from __future__ import annotations

import re

from edge_agent.drivers.driver import BadFrame

BOF, EOF, ESCAPE = 0xC0, 0xC1, 0x7D
HEADER = b"\x11\x01"  # protocol id, message type; the length follows
MAX_RAW = 8192  # bytes between BOF and EOF, escapes counted: twice the largest message we ask for, and room to spare
MAX_NOISE = 1024  # skipped bytes are reported in pieces of this size

_DELIMITER = re.compile(b"([\xc0\xc1])")
_GOOD_RESIDUE = 0xF0B8


def _table() -> tuple[int, ...]:
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x8408 if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)


_TABLE = _table()


def _register(data: bytes) -> int:
    register = 0xFFFF
    for byte in data:
        register = register >> 8 ^ _TABLE[(register ^ byte) & 0xFF]
    return register


def fcs(data: bytes) -> bytes:
    """The frame check sequence (CRC-16/X-25), low byte first as on the line."""
    return (_register(data) ^ 0xFFFF).to_bytes(2, "little")


def wrap(message: bytes) -> bytes:
    """One message as a frame."""
    body = HEADER + len(message).to_bytes(2, "big") + message
    return enclose(body)


def enclose(body: bytes) -> bytes:
    """Any bytes with check sequence, escapes and delimiters."""
    escaped = re.sub(b"[\xc0\xc1\x7d]", lambda match: bytes([ESCAPE, match[0][0] ^ 0x20]), body + fcs(body))
    return bytes([BOF]) + escaped + bytes([EOF])


def disclose(raw: bytes) -> bytes | str:
    """What stood between BOF and EOF without escapes and check sequence, or why it cannot be used."""
    plain = _without_escapes(raw)
    if plain is None or len(plain) < 2:
        return "bad_frame"
    return plain[:-2] if _register(plain) == _GOOD_RESIDUE else "bad_checksum"


def _without_escapes(raw: bytes) -> bytes | None:
    """None if the sender aborted the frame: an escape as its last byte."""
    if ESCAPE not in raw:
        return raw
    first, *others = raw.split(bytes([ESCAPE]))
    plain = bytearray(first)
    escaped_escape = False
    for part in others:
        if escaped_escape:
            plain += part
            escaped_escape = False
        elif part:
            plain.append(part[0] ^ 0x20)
            plain += part[1:]
        else:
            plain.append(ESCAPE ^ 0x20)
            escaped_escape = True
    return None if escaped_escape else bytes(plain)


class FrameDecoder:
    """Finds frames in a stream of bytes; holds less than one frame of the largest size."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard."""
        self._frame: bytearray | None = None  # None: outside of a frame
        self._noise = 0

    def feed(self, data: bytes) -> list[bytes | BadFrame]:
        """The messages in the next piece of the stream, and what could not be used."""
        found: list[bytes | BadFrame] = []
        for piece in _DELIMITER.split(data):
            if piece == b"\xc0":
                self._open(found)
            elif piece == b"\xc1":
                self._close(found)
            elif piece:
                self._collect(piece, found)
        return found

    def finish(self) -> list[bytes | BadFrame]:
        """The stream ended. A frame cut by the end is no fault; bytes outside of frames are."""
        found = [BadFrame(reason="resync", size=self._noise)] if self._noise else []
        self.reset()
        return list(found)

    def _open(self, found: list[bytes | BadFrame]) -> None:
        if self._frame:  # a bare BOF inside a frame: the sender began anew
            found.append(BadFrame(reason="incomplete", size=len(self._frame) + 1))
        elif self._frame is not None:
            self._skip(1, found)
        if self._noise:
            found.append(BadFrame(reason="resync", size=self._noise))
            self._noise = 0
        self._frame = bytearray()

    def _close(self, found: list[bytes | BadFrame]) -> None:
        if self._frame is None:
            self._skip(1, found)
            return
        raw, self._frame = bytes(self._frame), None
        body = disclose(raw)
        if isinstance(body, str):
            found.append(BadFrame(reason=body, size=len(raw) + 2))
        elif body[:2] != HEADER:
            found.append(BadFrame(reason="bad_frame", size=len(raw) + 2))
        elif int.from_bytes(body[2:4], "big") != len(body) - 4:
            found.append(BadFrame(reason="bad_length", size=len(raw) + 2))
        else:
            found.append(body[4:])

    def _collect(self, piece: bytes, found: list[bytes | BadFrame]) -> None:
        if self._frame is None:
            self._skip(len(piece), found)
            return
        room = MAX_RAW - len(self._frame)
        self._frame += piece[:room]
        if len(piece) > room:
            found.append(BadFrame(reason="bad_length", size=MAX_RAW + 1))
            self._frame = None
            self._skip(len(piece) - room, found)

    def _skip(self, count: int, found: list[bytes | BadFrame]) -> None:
        self._noise += count
        while self._noise >= MAX_NOISE:
            found.append(BadFrame(reason="resync", size=MAX_NOISE))
            self._noise -= MAX_NOISE
