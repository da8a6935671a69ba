"""Frames of the Capnostream: an escaped stream of bytes in, checksummed messages out; and messages into frames."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import xor

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.gap import Gap

_START, _ESCAPE = 0x85, 0x80
_UNTIL_START = re.compile(rb"[^\x85]*")

# Of messages that carry measurements only the length they have is believed.
CO2_WAVE, NUMERICS, DEVICE_ID = 0, 1, 4
PAYLOADS = {CO2_WAVE: 4, NUMERICS: 27}

ENABLE, DISABLE, START, STOP, LINK_ACTIVE, SETUP = 1, 2, 4, 5, 6, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the device."""

    code: int
    payload: bytes


def encode(code: int, payload: bytes = b"") -> bytes:
    """The frame of a message."""
    body = bytes([1 + len(payload), code, *payload])
    body += bytes([reduce(xor, body)])
    return bytes([_START]) + body.replace(b"\x80", b"\x80\x00").replace(b"\x85", b"\x80\x05")


class FrameDecoder:
    """Finds messages in a stream of bytes; holds less than one frame, and one sample of the wave.

    A bare 85 always begins a frame. The sample is held until the byte after its frame has shown that it ended there:
    a damaged escape makes a frame end early, and can do so with a checksum that fits.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything heard; the next bytes may stand anywhere inside a frame."""
        self._raw: bytes | None = None  # what came after the 85, still escaped; None: between two frames
        self._held: Message | None = None
        self._gap = Gap()

    def feed(self, data: bytes) -> list[Message | BadFrame]:
        """Take the next piece of the stream."""
        found: list[Message | BadFrame] = []
        at = 0
        while at < len(data):
            if data[at] == _START:
                self._begin(found)
                at += 1
                continue
            end = _stop(data, at)
            if self._raw is None:
                self._refuse_held(found)
                self._skip(end - at, found)
                at = end
            else:
                at += self._add(data[at:end], found)
        return found

    def finish(self) -> list[Message | BadFrame]:
        """The stream ended. A frame cut by the end is no fault."""
        found: list[Message | BadFrame] = []
        self._tell_held(found)
        self._close_gap(found)
        self.reset()
        return found

    def _begin(self, found: list[Message | BadFrame]) -> None:
        self._tell_held(found)
        self._close_gap(found)
        if self._raw is not None:
            found.append(BadFrame(reason="incomplete", size=1 + len(self._raw)))
        self._raw = b""

    def _add(self, piece: bytes, found: list[Message | BadFrame]) -> int:
        """How many bytes of this piece, which has no 85, belong to the frame under way."""
        assert self._raw is not None
        before, raw = len(self._raw), self._raw + piece
        plain, used, fault = _unescape(raw)
        if fault:
            found.append(BadFrame(reason="bad_frame", size=1 + used))
            self._raw = None
        elif plain and len(plain) == plain[0] + 2:
            self._end(plain, 1 + used, found)
            self._raw = None
        else:
            self._raw = raw
        return used - before

    def _end(self, plain: bytes, size: int, found: list[Message | BadFrame]) -> None:
        message = Message(code=plain[1], payload=plain[2:-1])
        if reduce(xor, plain):
            found.append(BadFrame(reason="bad_checksum", size=size))
        elif len(message.payload) != PAYLOADS.get(message.code, len(message.payload)):
            found.append(BadFrame(reason="bad_length", size=size))
        elif message.code == CO2_WAVE:
            self._held = message
        else:
            found.append(message)

    def _tell_held(self, found: list[Message | BadFrame]) -> None:
        if self._held:
            found.append(self._held)
        self._held = None

    def _refuse_held(self, found: list[Message | BadFrame]) -> None:
        if self._held:
            found.append(BadFrame(reason="bad_frame", size=2 + PAYLOADS[CO2_WAVE]))
        self._held = None

    def _skip(self, size: int, found: list[Message | BadFrame]) -> None:
        self._gap, told = self._gap.widened(size)
        found += told

    def _close_gap(self, found: list[Message | BadFrame]) -> None:
        found += self._gap.closed()
        self._gap = Gap()


def _stop(data: bytes, at: int) -> int:
    match = _UNTIL_START.match(data, at)
    assert match is not None  # it matches nothing at least
    return match.end()


def _unescape(raw: bytes) -> tuple[bytes, int, bool]:
    """Length, contents and checksum as far as they are there, the bytes they took, and whether an escape is wrong."""
    plain = bytearray()
    at = 0
    while at < len(raw) and not (plain and (plain[0] == 0 or len(plain) == plain[0] + 2)):
        if raw[at] != _ESCAPE:
            plain.append(raw[at])
            at += 1
            continue
        if at + 1 == len(raw):
            break
        if raw[at + 1] not in (0x00, 0x05):
            return bytes(plain), at + 2, True
        plain.append(_ESCAPE + raw[at + 1])
        at += 2
    if plain and plain[0] == 0:  # a message has a code at least
        return bytes(plain), at, True
    return bytes(plain), at if _is_whole(plain) else len(raw), False


def _is_whole(plain: bytearray) -> bool:
    return bool(plain) and len(plain) == plain[0] + 2
