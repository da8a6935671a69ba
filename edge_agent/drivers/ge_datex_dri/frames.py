"""Framing of the Datex record interface: bytes in, checked payloads out, and payloads back into frames."""

from __future__ import annotations

import re
import struct

from edge_agent.drivers.driver import BadFrame

FLAG, ESCAPE = 0x7E, 0x7D
MAX_PAYLOAD = 1490  # header of 40 bytes and 1450 of data
MIN_PAYLOAD = 40
# With every byte escaped, a payload and its checksum are this long; anything longer is no frame.
MAX_ESCAPED = 2 * (MAX_PAYLOAD + 1)

_FLAG = b"\x7e"
_ESCAPED = re.compile(rb"\x7d([\s\S]?)")
_PLAIN = {b"\x5e": b"\x7e", b"\x5d": b"\x7d"}


def enclose(payload: bytes) -> bytes:
    """The frame of a payload: its checksum added, both escaped, between two flags."""
    inside = payload + bytes([sum(payload) & 0xFF])
    inside = inside.replace(b"\x7d", b"\x7d\x5d").replace(b"\x7e", b"\x7d\x5e")
    return _FLAG + inside + _FLAG


def disclose(inside: bytes) -> bytes | BadFrame:
    """The payload between two flags, if its escapes, its length and its checksum are right."""
    reason, plain = _unescape(inside)
    if reason:
        return BadFrame(reason=reason, size=len(inside))
    payload, checksum = plain[:-1], plain[-1]
    if not MIN_PAYLOAD <= len(payload) <= MAX_PAYLOAD or struct.unpack_from("<h", payload)[0] != len(payload):
        return BadFrame(reason="bad_length", size=len(inside))
    if sum(payload) & 0xFF != checksum:
        return BadFrame(reason="bad_checksum", size=len(inside))
    return payload


def _unescape(inside: bytes) -> tuple[str, bytes]:
    # Strict: if a damaged escape were read leniently, a flipped bit could hide in it.
    if ESCAPE not in inside:
        return "", inside
    if any(match[1] not in _PLAIN for match in _ESCAPED.finditer(inside)):
        return "bad_frame", b""
    return "", _ESCAPED.sub(lambda match: _PLAIN[match[1]], inside)


class FrameDecoder:
    """Finds frames in a stream of bytes; holds less than one frame.

    One flag may close a frame and open the next, so whatever stands between two flags is tried.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard; the next bytes may stand anywhere inside a frame."""
        self._rest = b""
        self._opening = True  # up to the first flag: the tail of a frame we came too late for
        self._hunting = False  # inside something too long to be a frame

    def feed(self, data: bytes) -> list[bytes | BadFrame]:
        """Take the next piece of the stream."""
        found: list[bytes | BadFrame] = []
        buffer = self._rest + data
        at = 0
        while True:
            end = buffer.find(FLAG, at)
            stop = end if end >= 0 else len(buffer)
            while stop - at > MAX_ESCAPED:
                found.append(BadFrame(reason="bad_length", size=MAX_ESCAPED))
                at += MAX_ESCAPED
                self._opening, self._hunting = False, True
            if end < 0:
                break
            self._close(buffer[at:end], found)
            at = end + 1
        self._rest = buffer[at:]
        return found

    def finish(self) -> list[BadFrame]:
        """The stream ended; a frame without its closing flag is none."""
        lost = len(self._rest)
        self.reset()
        return [BadFrame(reason="incomplete", size=lost)] if lost else []

    def _close(self, inside: bytes, found: list[bytes | BadFrame]) -> None:
        opening, hunting = self._opening, self._hunting
        self._opening = self._hunting = False
        if not inside:
            return
        if hunting:
            found.append(BadFrame(reason="resync", size=len(inside)))
            return
        payload = disclose(inside)
        if isinstance(payload, bytes) or not opening:
            found.append(payload)
