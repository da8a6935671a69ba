"""Decoder for packets without a checksum of which the first byte alone has bit 7 set: bytes in, packets out."""

from __future__ import annotations

import re
from collections.abc import Callable

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.gap import Gap


class SyncBitDecoder:
    """Finds packets of one size; holds less than two of them.

    Nothing but bit 7 guards these packets. So after the line opened, and after each fault, a packet is believed only
    if another stood right before it and `agree(before, packet)`. In a recording the first byte may begin a packet;
    that packet is believed once the next one begins where it must, or the stream ends.
    """

    def __init__(self, size: int, agree: Callable[[bytes, bytes], bool], *, between: bytes = b"") -> None:
        self._size = size
        self._agree = agree
        self._between = between  # bytes that may stand between two packets: answers to a command
        self._whole = re.compile(rb"[\x80-\xff][\x00-\x7f]{%d}" % (size - 1))
        self._begun = re.compile(rb"[\x80-\xff][\x00-\x7f]{0,%d}" % (size - 2))
        self.reset(whole=True)

    def reset(self, *, whole: bool) -> None:
        """Forget everything heard. `whole`: the next byte begins a packet; otherwise it may stand inside of one."""
        self._rest = b""
        self._before: bytes | None = None  # the packet that stands right before the next byte
        self._trusted = False
        self._unsaid = whole  # the packet in `_before` is the first of a recording and was not told yet
        self._gap = Gap(forgiven=0 if whole else self._size - 1)

    def feed(self, data: bytes) -> list[bytes | BadFrame]:
        """Take the next piece of the stream."""
        found: list[bytes | BadFrame] = []
        buffer, at = self._rest + data, 0
        while at < len(buffer):
            if buffer[at] & 0x80:  # right where it must be, if a packet stands before it
                self._tell_first(found)
            if self._before and buffer[at] in self._between:
                at += 1
            elif match := self._whole.match(buffer, at):
                self._take(match[0], found)
                at = match.end()
            elif self._begun.fullmatch(buffer, at):
                break
            else:
                end = _next_head(buffer, at)
                self._distrust(end - at, found)
                at = end
        self._rest = buffer[at:]
        return found

    def finish(self) -> list[bytes | BadFrame]:
        """The stream ended. A packet cut by the end is no fault."""
        found: list[bytes | BadFrame] = []
        self._tell_first(found)
        self._close_gap(found)
        self.reset(whole=True)
        return found

    def _take(self, packet: bytes, found: list[bytes | BadFrame]) -> None:
        self._close_gap(found)
        if self._trusted or (self._before and self._agree(self._before, packet)):
            self._trusted = True
            found.append(packet)
        self._before = packet

    def _tell_first(self, found: list[bytes | BadFrame]) -> None:
        """The first packet of a recording has turned out to be one."""
        if self._unsaid and self._before:
            self._unsaid, self._trusted = False, True
            found.append(self._before)

    def _distrust(self, size: int, found: list[bytes | BadFrame]) -> None:
        if self._unsaid and self._before:
            size += self._size
        self._before, self._trusted, self._unsaid = None, False, False
        self._gap, told = self._gap.widened(size)
        found += told

    def _close_gap(self, found: list[bytes | BadFrame]) -> None:
        found += self._gap.closed()
        self._gap = Gap()


def _next_head(buffer: bytes, at: int) -> int:
    """Where the next byte with bit 7 stands, not counting the one at `at`; the end if there is none."""
    match = _HEAD.search(buffer, at + 1)
    return match.start() if match else len(buffer)


_HEAD = re.compile(rb"[\x80-\xff]")
