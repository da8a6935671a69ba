"""MEDIBUS on the line: frames out, and what the host sends, slow or fast, into commands and replies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ESC = 0x1B  # begins a command
SOH = 0x01  # begins a reply
CR = 0x0D
FLOW_CONTROL = (0x11, 0x13)
NAK = 0x15

FAST = 0x80  # every byte of the realtime stream has this bit
SYNC = 0xD0
SYNC_COMMAND = 0xC0
SAMPLE = 0x80
STREAMS_5_TO_8, STREAMS_9_TO_12 = 0xC4, 0xC5
PHASE = 0xC6
INSPIRATION, EXPIRATION = 0xC0, 0xC1

LONGEST_FRAME = 256  # command, at most 251 bytes of argument, checksum
DEEPEST_NEST = 4
MASKS = 3  # groups of four streams


@dataclass(frozen=True, slots=True)
class Command:
    """The host wants something."""

    code: int
    argument: bytes = b""


@dataclass(frozen=True, slots=True)
class Reply:
    """The host answers a command of the device."""

    code: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A command with a wrong checksum."""


@dataclass(frozen=True, slots=True)
class Streams:
    """The host wants these realtime streams from now on, counted from 1."""

    numbers: frozenset[int]


Heard = Command | Reply | Damaged | Streams


def encode_command(code: int, argument: bytes = b"") -> bytes:
    """A command of the device."""
    return _frame(ESC, code, argument)


def encode_reply(code: int, payload: bytes = b"") -> bytes:
    """The answer to a command."""
    return _frame(SOH, code, payload)


def encode_samples(samples: dict[int, int], *, inhales: bool | None = None) -> bytes:
    """A realtime record: 12-bit samples by number of their stream, and the phase of the breath if it changes."""
    masks = [sum(1 << (number - 1) % 4 for number in samples if (number - 1) // 4 == group) for group in range(MASKS)]
    out = bytearray((SYNC | masks[0],))
    for code, mask in ((STREAMS_5_TO_8, masks[1]), (STREAMS_9_TO_12, masks[2])):
        if mask:
            out += bytes((code, SYNC_COMMAND | mask))
    if inhales is not None:
        out += bytes((PHASE, INSPIRATION if inhales else EXPIRATION))
    for _, sample in sorted(samples.items()):
        out += bytes((SAMPLE | sample & 0x3F, SAMPLE | sample >> 6))
    return bytes(out)


def _frame(start: int, code: int, rest: bytes) -> bytes:
    body = bytes((start, code)) + rest
    return body + _checksum(body) + bytes((CR,))


def _checksum(body: bytes) -> bytes:
    return b"%02X" % (sum(body) & 0xFF)


class Hearing:
    """Bytes of the host in any pieces. A frame may begin inside another; what is neither is ignored."""

    def __init__(self) -> None:
        self._open: list[bytearray] = []
        self._fast: bytearray | None = None

    def feed(self, data: bytes) -> list[Heard]:
        """What ends in `data`."""
        heard = []
        for byte in data:
            found = self._fast_byte(byte) if byte & FAST else self._slow_byte(byte)
            if found is not None:
                heard.append(found)
        return heard

    def _slow_byte(self, byte: int) -> Heard | None:
        if byte in FLOW_CONTROL:
            return None
        if byte in (ESC, SOH):
            self._open = [*self._open[-DEEPEST_NEST + 1 :], bytearray((byte,))]
        elif self._open and byte == CR:
            return _read(bytes(self._open.pop()))
        elif self._open:
            self._open[-1].append(byte)
            if len(self._open[-1]) > LONGEST_FRAME:
                self._open.pop()
        return None

    def _fast_byte(self, byte: int) -> Streams | None:
        """`D0`, then pairs of a group and its mask, then `C0 C0`."""
        if byte == SYNC:
            self._fast = bytearray()
            return None
        if self._fast is None:
            return None
        self._fast.append(byte)
        if len(self._fast) % 2:
            return None
        if self._fast[-2:] == bytes((SYNC_COMMAND, SYNC_COMMAND)):
            pairs, self._fast = self._fast[:-2], None
            return _read_masks(pairs)
        if len(self._fast) > 2 * MASKS:
            self._fast = None
        return None


def _read(frame: bytes) -> Heard | None:
    if len(frame) < 4 or frame[-2:].replace(b" ", b"0") != _checksum(frame[:-2]):
        return Damaged() if frame[0] == ESC else None
    if frame[0] == ESC:
        return Command(frame[1], frame[2:-2])
    return Reply(frame[1], frame[2:-2])


def _read_masks(pairs: Sequence[int]) -> Streams | None:
    numbers: set[int] = set()
    for group, mask in zip(pairs[::2], pairs[1::2], strict=True):
        if not SYNC_COMMAND < group <= SYNC_COMMAND + MASKS or mask & 0xF0 != SYNC_COMMAND:
            return None
        first = (group - SYNC_COMMAND - 1) * 4 + 1
        numbers |= {first + bit for bit in range(4) if mask & 1 << bit}
    return Streams(frozenset(numbers))


class Outgoing:
    """Slow bytes waiting for the line. A command of the device goes at once, even in the middle of a reply."""

    def __init__(self) -> None:
        self._frames: list[tuple[bool, bytearray]] = []

    def __bool__(self) -> bool:
        return bool(self._frames)

    def reply(self, frame: bytes) -> None:
        """Behind everything that waits."""
        self._frames.append((False, bytearray(frame)))

    def command(self, frame: bytes) -> None:
        """Before every reply that waits, behind the commands that do."""
        place = next((index for index, (is_command, _) in enumerate(self._frames) if not is_command), len(self._frames))
        self._frames.insert(place, (True, bytearray(frame)))

    def take(self, room: int) -> bytes:
        """The next `room` bytes."""
        out = bytearray()
        while self._frames and len(out) < room:
            _, frame = self._frames[0]
            count = room - len(out)
            out += frame[:count]
            del frame[:count]
            if not frame:
                self._frames.pop(0)
        return bytes(out)

    def clear(self) -> None:
        """Nobody is there to hear it."""
        self._frames.clear()
