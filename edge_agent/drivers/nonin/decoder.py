"""Decoder for the Nonin data formats 2 and 7: bytes in, packets of 25 checksummed frames out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from edge_agent.drivers.driver import BadFrame

FRAME = 5  # bytes
FRAMES = 25
PACKET = FRAME * FRAMES
# Three frames in a row: one alone passes its 8-bit checksum by chance in 1 of 256 cases.
TRUSTED = 3 * FRAME
MAX_REPLY = 64  # the longest documented reply has 15 bytes

_ACK, _NAK, _STX, _ETX = 0x06, 0x15, 0x02, 0x03
_SYNC = rb"[\x81\x83\x85\x87\x89\x8b\x8d\x8f\x91\x93\x95\x97\x99\x9b\x9d\x9f"
_SYNC += rb"\xa1\xa3\xa5\xa7\xa9\xab\xad\xaf\xb1\xb3\xb5\xb7\xb9\xbb\xbd\xbf"
_SYNC += rb"\xc1\xc3\xc5\xc7\xc9\xcb\xcd\xcf\xd1\xd3\xd5\xd7\xd9\xdb\xdd\xdf"
_SYNC += rb"\xe1\xe3\xe5\xe7\xe9\xeb\xed\xef\xf1\xf3\xf5\xf7\xf9\xfb\xfd\xff]"

_DF2_HEADS = b"\x01" * FRAMES
# Of each status byte, bit 7 is always 1 and bit 0 is SYNC, on frame 1 alone.
_STATUS_MASK = int.from_bytes(b"\x81" * FRAMES, "big")
_STATUS_BITS = int.from_bytes(b"\x81" + b"\x80" * (FRAMES - 1), "big")


class Format(Enum):
    """A data format; the value is the number Nonin gave it."""

    DF2 = 2  # 01, status, pleth, variable, checksum
    DF7 = 7  # status, pleth high, pleth low, variable, checksum


# Where a packet may begin. A 01 at the very end may be followed by its status in the next piece.
_STARTS = {
    frozenset({Format.DF2}): re.compile(rb"\x01(?:" + _SYNC + rb"|\Z)"),
    frozenset({Format.DF7}): re.compile(_SYNC),
    frozenset({Format.DF2, Format.DF7}): re.compile(rb"\x01(?:" + _SYNC + rb"|\Z)|" + _SYNC),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The three columns of 25 good frames."""

    format: Format
    statuses: bytes
    pleth: tuple[int, ...]
    variables: bytes  # meaning by frame number


def unpack(format_: Format, frames: bytes) -> Packet:
    """The columns of whole, checked frames that stand one after the other."""
    variables = frames[3::FRAME]
    if format_ is Format.DF2:
        return Packet(format=format_, statuses=frames[1::FRAME], pleth=tuple(frames[2::FRAME]), variables=variables)
    pleth = tuple([high << 8 | low for high, low in zip(frames[1::FRAME], frames[2::FRAME], strict=True)])
    return Packet(format=format_, statuses=frames[0::FRAME], pleth=pleth, variables=variables)


def fault(format_: Format, frame: bytes) -> str | None:
    """Why these five bytes are no frame of the format; None if they are one."""
    status = frame[1] if format_ is Format.DF2 else frame[0]
    if status < 0x80 or (format_ is Format.DF2 and frame[0] != 1):
        return "bad_frame"
    return None if sum(frame[:4]) & 0xFF == frame[4] else "bad_checksum"


class PacketDecoder:
    """Finds packets in a stream of bytes; holds less than one packet and one reply."""

    def __init__(self, formats: frozenset[Format]) -> None:
        self._start = _STARTS[formats]
        self.reset()

    def reset(self) -> None:
        """Forget everything heard; the next bytes may stand anywhere inside a packet."""
        self._rest = b""  # not yet looked at
        self._packet = b""  # good frames of the packet under way
        self._format: Format | None = None  # None: searching for the start of a packet
        self._skipped = 0  # bytes given up since the last good frame
        self._opening = True  # nothing found yet: up to a packet of bytes is the tail of one we came too late for

    def feed(self, data: bytes) -> list[Packet | BadFrame]:
        """Take the next piece of the stream."""
        found: list[Packet | BadFrame] = []
        buffer = self._rest + data
        at = 0
        while at < len(buffer):
            before = (at, self._format)
            at = self._search(buffer, at, found) if self._format is None else self._follow(buffer, at, found)
            if (at, self._format) == before:
                break
        self._rest = buffer[at:]
        return found

    def finish(self) -> list[Packet | BadFrame]:
        """The stream ended. A packet cut by the end is no fault; bytes that never made sense are."""
        lost = self._skipped + (len(self._rest) if self._format is None else 0)
        self.reset()
        return [BadFrame(reason="resync", size=lost)] if lost else []

    def _search(self, buffer: bytes, at: int, found: list[Packet | BadFrame]) -> int:
        """Move to the next start of a packet that can be trusted, or as far as can be said."""
        start = at
        while match := self._start.search(buffer, start):
            start = match.start()
            head = buffer[start : start + TRUSTED]
            if len(head) < TRUSTED:
                break
            format_ = Format.DF2 if head[0] == 1 else Format.DF7
            if _begins_packet(format_, head):
                self._skip(start - at, found)
                self._close_gap(found)
                self._format, self._packet = format_, head
                return start + TRUSTED
            start += 1
        else:
            start = len(buffer)
        self._skip(start - at, found)
        return start

    def _follow(self, buffer: bytes, at: int, found: list[Packet | BadFrame]) -> int:
        """Take the next frame of the packet under way, or all of them, or a reply between two frames."""
        assert self._format is not None
        if buffer[at] in (_ACK, _NAK):
            return at + 1
        if buffer[at] == _STX and (size := _reply_size(buffer, at)) is not None:
            return at + size if at + size <= len(buffer) else at
        if len(self._packet) in (0, TRUSTED) and len(buffer) - at >= PACKET - len(self._packet):
            end = at + PACKET - len(self._packet)
            frames = self._packet + buffer[at:end]
            if _is_packet(self._format, frames):
                return self._publish(frames, end, found)
        frame = buffer[at : at + FRAME]
        if len(frame) < FRAME:
            return at
        reason = fault(self._format, frame)
        if reason == "bad_frame" and not self._packet:  # perhaps the other format begins here
            self._format = None
            return at
        if reason:
            return self._lose(reason, at, found)
        if _is_sync(self._format, frame) and self._packet:
            found.append(BadFrame(reason="incomplete", size=len(self._packet)))
            self._packet = frame
        elif _is_sync(self._format, frame) or self._packet:
            self._packet += frame
        else:  # the 26th frame is no first frame: the count of 25 was wrong
            self._format = None
            return at
        if len(self._packet) == PACKET:
            return self._publish(self._packet, at + FRAME, found)
        return at + FRAME

    def _publish(self, frames: bytes, end: int, found: list[Packet | BadFrame]) -> int:
        assert self._format is not None
        found.append(unpack(self._format, frames))
        self._packet = b""
        return end

    def _lose(self, reason: str, at: int, found: list[Packet | BadFrame]) -> int:
        """Give up the packet under way and one byte, and search again from there."""
        found.append(BadFrame(reason=reason, size=len(self._packet) + 1))
        self._packet, self._format = b"", None
        return at + 1

    def _skip(self, count: int, found: list[Packet | BadFrame]) -> None:
        self._skipped += count
        # Reported piece by piece, so that a line that brings nothing but noise is seen to do so.
        while self._skipped >= PACKET:
            found.append(BadFrame(reason="resync", size=PACKET))
            self._skipped -= PACKET
            self._opening = False

    def _close_gap(self, found: list[Packet | BadFrame]) -> None:
        if self._skipped and not self._opening:
            found.append(BadFrame(reason="resync", size=self._skipped))
        self._skipped, self._opening = 0, False


def _is_sync(format_: Format, frame: bytes) -> bool:
    return bool(frame[1 if format_ is Format.DF2 else 0] & 1)


def _begins_packet(format_: Format, frames: bytes) -> bool:
    """Whether these are good frames of which the first, and only the first, carries SYNC."""
    if any(fault(format_, frames[at : at + FRAME]) for at in range(0, len(frames), FRAME)):
        return False
    return [status & 1 for status in _statuses(format_, frames)] == [1] + [0] * (len(frames) // FRAME - 1)


def _is_packet(format_: Format, frames: bytes) -> bool:
    """The same for a whole packet, without a look at each frame."""
    if int.from_bytes(_statuses(format_, frames), "big") & _STATUS_MASK != _STATUS_BITS:
        return False
    if format_ is Format.DF2 and frames[0::FRAME] != _DF2_HEADS:
        return False
    columns = zip(frames[0::FRAME], frames[1::FRAME], frames[2::FRAME], frames[3::FRAME], strict=True)
    return bytes([(a + b + c + d) & 0xFF for a, b, c, d in columns]) == frames[4::FRAME]


def _statuses(format_: Format, frames: bytes) -> bytes:
    return frames[1::FRAME] if format_ is Format.DF2 else frames[0::FRAME]


def _reply_size(buffer: bytes, at: int) -> int | None:
    """How long the reply is that seems to begin here, as far as can be said; None if it is none."""
    if len(buffer) - at < 3:
        return 3 + 1  # more than there is: wait
    size = 3 + buffer[at + 2] + 1
    if buffer[at + 1] < 0xF0 or size > MAX_REPLY:
        return None
    if at + size <= len(buffer) and buffer[at + size - 1] != _ETX:
        return None
    return size
