"""Framing of MEDIBUS: bytes in, checksummed commands and replies and runs of realtime bytes out, in their order.

A byte with bit 7 set is realtime data and may stand anywhere, even inside a frame. A command of the device may stand
inside an unfinished reply.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from edge_agent.drivers.driver import BadFrame

LONGEST = 4096  # of a frame: more than all alarms of a codepage at once
STRAY = 256  # bytes outside any frame are reported in portions of this size

SOH, ETX, CR, ESC = 0x01, 0x03, 0x0D, 0x1B
_FLOW_CONTROL = b"\x11\x13"  # which of the two suspends is contradictory in the field: both are ignored
_RUNS = re.compile(rb"[\x80-\xff]+|[\x00-\x7f]+")
_PARTS = re.compile(rb"[\x01\x0d\x1b]|[^\x01\x0d\x1b]+")
_BODY = re.compile(rb"[\x15\x20-\x7e][\x03\x20-\x7e]*[0-9A-F ]{2}", re.DOTALL)


class Code(IntEnum):
    """The commands of the protocol; a reply repeats the code of its command."""

    NAK = 0x15  # only in a reply: the command came damaged
    ALARMS_CP3 = 0x23
    DATA_CP1 = 0x24
    LOW_LIMITS_CP1 = 0x25
    HIGH_LIMITS_CP1 = 0x26
    ALARMS_CP1 = 0x27
    DATE_TIME = 0x28
    SETTINGS = 0x29
    TEXT = 0x2A
    DATA_CP2 = 0x2B
    LOW_LIMITS_CP2 = 0x2C
    HIGH_LIMITS_CP2 = 0x2D
    ALARMS_CP2 = 0x2E
    NOP = 0x30
    TIME_CHANGED = 0x49
    CONFIGURE_DATA = 0x4A
    ICC = 0x51
    DEVICE_ID = 0x52
    RT_CONFIG = 0x53
    CONFIGURE_RT = 0x54
    STOP = 0x55
    RT_CONFIG_CHANGED = 0x56


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the device, checked."""

    code: int
    argument: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the device, checked; `code` is the command it answers."""

    code: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Fast:
    """Realtime bytes that came one after the other."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Damaged:
    """A frame that reached its end but cannot be used; a damaged command is answered by NAK, a reply asked again."""

    bad: BadFrame
    command: bool


Item = Command | Reply | Fast | Damaged | BadFrame


def command(code: int, argument: bytes = b"") -> bytes:
    """The bytes of a command."""
    return _closed(bytes([ESC, code]) + argument)


def reply(code: int, data: bytes = b"") -> bytes:
    """The bytes of an answer to a command."""
    return _closed(bytes([SOH, code]) + data)


def _closed(head: bytes) -> bytes:
    return head + b"%02X\r" % (sum(head) & 0xFF)


class FrameDecoder:
    """Holds at most one unfinished reply and one unfinished command."""

    def __init__(self) -> None:
        self.reset()

    def reset(self, *, opening: bool = False) -> None:
        """Forget everything heard. `opening`: the rest of a frame under way is not worth counting."""
        self._reply: bytearray | None = None
        self._command: bytearray | None = None
        self._stray = 0
        self._opening = opening

    def feed(self, data: bytes) -> list[Item]:
        """Take the next piece of the stream."""
        found: list[Item] = []
        for run in _RUNS.findall(data):
            if run[0] >= 0x80:
                found.append(Fast(run))
                continue
            for part in _PARTS.findall(run.translate(None, _FLOW_CONTROL)):
                self._take(part, found)
        return found

    def finish(self) -> list[Item]:
        """The stream ended: a frame without its end is no fault, bytes outside any frame are."""
        found: list[Item] = []
        self._tell_stray(found)
        self.reset()
        return found

    def _take(self, part: bytes, found: list[Item]) -> None:
        if part[0] == SOH:
            self._begin_reply(found)
        elif part[0] == ESC:
            self._begin_command(found)
        elif self._command is not None:
            self._command = self._grow(self._command, part, found)
        elif self._reply is not None:
            self._reply = self._grow(self._reply, part, found)
        else:
            self._skip(len(part), found)

    def _begin_reply(self, found: list[Item]) -> None:
        for unfinished in (self._reply, self._command):
            if unfinished is not None:
                found.append(BadFrame(reason="incomplete", size=len(unfinished)))
        self._tell_stray(found)
        self._reply, self._command, self._opening = bytearray([SOH]), None, False

    def _begin_command(self, found: list[Item]) -> None:
        if self._command is not None:
            found.append(BadFrame(reason="incomplete", size=len(self._command)))
        self._tell_stray(found)
        self._command, self._opening = bytearray([ESC]), False

    def _grow(self, frame: bytearray, part: bytes, found: list[Item]) -> bytearray | None:
        """The frame with what came next, or None once it is over."""
        if part[0] == CR:
            found.append(_checked(bytes(frame)))
            return None
        if len(frame) + len(part) > LONGEST:
            found.append(BadFrame(reason="bad_length", size=LONGEST))
            self._reply = None  # whatever a command that long was nested in
            self._skip(len(frame) + len(part) - LONGEST, found)
            return None
        frame += part
        return frame

    def _skip(self, size: int, found: list[Item]) -> None:
        if self._opening:
            return
        self._stray += size
        while self._stray >= STRAY:
            self._stray -= STRAY
            found.append(BadFrame(reason="resync", size=STRAY))

    def _tell_stray(self, found: list[Item]) -> None:
        if self._stray:
            found.append(BadFrame(reason="resync", size=self._stray))
        self._stray = 0


def _checked(frame: bytes) -> Item:
    """What a frame without its CR is."""
    is_command = frame[0] == ESC
    if _BODY.fullmatch(frame, 1) is None:
        return Damaged(BadFrame(reason="bad_frame", size=len(frame) + 1), is_command)
    # A blank stands for 0 wherever the protocol has a hexadecimal digit.
    if int(frame[-2:].replace(b" ", b"0"), 16) != sum(frame[:-2]) & 0xFF:
        return Damaged(BadFrame(reason="bad_checksum", size=len(frame) + 1), is_command)
    return Command(frame[1], frame[2:-2]) if is_command else Reply(frame[1], frame[2:-2])
