"""Realtime curves: which to ask a device for, and its realtime bytes in, stretches of waves out.

Realtime bytes carry no checksum. A record is believed when it has exactly the samples its own head announces, each
within its range, and the next record begins right behind it; a record that is not believed leaves a hole.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.medibus.replies import Curve
from vitals.readings import Wave

MMHG_PER_KPA = 7.50062
MAX_STREAMS = 12
BLOCK_S = 0.5  # samples of so much time become one observation
STRAY = 256  # bytes outside any record are reported in portions of this size

Word = Literal["pleth", "co2", "paw", "flow", "volume", "o2", "ptrach"]
_CODES: dict[str, tuple[int, ...]] = {
    "pleth": (0x02,),
    "co2": (0x06, 0x07, 0x08),
    "paw": (0x00,),
    "flow": (0x01,),
    "volume": (0x03,),
    "o2": (0x05,),
    "ptrach": (0x1C,),
}
_NAMES = {0x02: "pleth", 0x06: "co2_w", 0x07: "co2_w", 0x08: "co2_w"}
_UNITS = {
    **dict.fromkeys((0x00, 0x1C), "mbar"),
    **dict.fromkeys((0x01, 0x1E, 0x20, 0x21), "L/min"),
    **dict.fromkeys((0x02, 0x05, *range(0x0A, 0x10)), "%"),
    **dict.fromkeys((0x03, 0x24), "mL"),
    **dict.fromkeys((0x06, 0x07, 0x08), "mm[Hg]"),
    **dict.fromkeys(range(0x2A, 0x30), "kPa"),
}

_SYNC, _COMMAND, _SAMPLE = 0xD0, 0xC0, 0x80
_STREAMS_1_4, _STREAMS_5_8, _STREAMS_9_12 = 0xC1, 0xC2, 0xC3
_PRESENT_5_8, _PRESENT_9_12, _PHASE, _CORRUPT, _END = 0xC4, 0xC5, 0xC6, 0xCF, 0xC0
_PHASES = {0: "inspiration", 1: "expiration"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One curve as the device was told to send it."""

    name: str  # of our nomenclature, or the code of the protocol in two hexadecimal digits
    unit: str
    curve: Curve
    factor: float = 1.0  # from the device's unit to ours

    @property
    def rate_hz(self) -> float:
        return 1e6 / self.curve.interval_us

    def value(self, count: int) -> float:
        """The quantity a count stands for."""
        low, high = self.curve.low, self.curve.high
        return round((count / self.curve.full * (high - low) + low) * self.factor, 4)


def streams(offered: Iterable[Curve], words: Iterable[Word], ambient_mbar: float) -> tuple[Stream, ...]:
    """The streams to ask for: for each word the first usable curve that is offered."""
    known = {curve.code: curve for curve in offered if curve.usable}
    chosen = [next((known[code] for code in _CODES[word] if code in known), None) for word in words]
    return tuple(_stream(curve, ambient_mbar) for curve in chosen if curve is not None)


def every_stream(offered: Iterable[Curve], ambient_mbar: float) -> tuple[Stream | None, ...]:
    """All curves in the order of the offer, for a recording that does not show what was asked for."""
    found: list[Stream | None] = []
    for curve in list(offered)[:MAX_STREAMS]:
        stream = _stream(curve, ambient_mbar) if curve.usable else None
        if stream is not None and any(other is not None and other.name == stream.name for other in found):
            stream = None  # the same curve in a second unit
        found.append(stream)
    return tuple(found)


def _stream(curve: Curve, ambient_mbar: float) -> Stream:
    factors = {0x07: MMHG_PER_KPA, 0x08: mmhg_per_percent(ambient_mbar)}
    return Stream(
        name=_NAMES.get(curve.code, f"{curve.code:02X}"),
        unit=_UNITS.get(curve.code, ""),
        curve=curve,
        factor=factors.get(curve.code, 1.0),
    )


def mmhg_per_percent(ambient_mbar: float) -> float:
    """What one percent by volume is as a partial pressure, in dry gas."""
    return ambient_mbar / 10 * MMHG_PER_KPA / 100


def order(asked: Iterable[Stream]) -> bytes:
    """The argument that assigns curves to streams: every sample of each."""
    return b"".join(b"%02X01" % stream.curve.code for stream in asked)


def enable(count: int) -> bytes:
    """Realtime bytes that switch the first `count` streams on."""
    return _switch(count, on=True)


def disable(count: int) -> bytes:
    """Realtime bytes that switch the first `count` streams off."""
    return _switch(count, on=False)


def _switch(count: int, *, on: bool) -> bytes:
    sent = bytearray([_SYNC])
    for number, code in enumerate((_STREAMS_1_4, _STREAMS_5_8, _STREAMS_9_12)):
        here = min(max(count - 4 * number, 0), 4)
        if here or number == 0:
            sent += bytes([code, _COMMAND | ((1 << here) - 1 if on else 0)])
    return bytes([*sent, _END, _END])


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stretch of waves without a hole, and the breathing phase last told in it."""

    waves: dict[str, Wave]
    phase: str | None = None


class CurveDecoder:
    """Holds one record and at most one block."""

    def __init__(self, *, low_first: bool = True) -> None:
        self._low_first = low_first
        self.reset()

    def reset(self) -> None:
        """Forget everything; without streams nothing is read."""
        self._streams: tuple[Stream | None, ...] = ()
        self._samples: list[list[float]] = []
        self._phase: str | None = None
        self._stray = 0
        self._opening = True  # nothing seen yet: we may have come in the middle of a record
        self._inside = False
        self._begin(0)
        self._inside = False

    def _begin(self, sync: int) -> None:
        self._inside, self._opening = True, False
        self._present = sync & 0x0F  # one bit per stream
        self._counts: list[int] = []
        self._first: int | None = None
        self._told: str | None = None  # the phase this record tells
        self._corrupt = False
        self._size = 1

    def configure(self, asked: Iterable[Stream | None]) -> list[Block | BadFrame]:
        """From now on these are the streams. Gives what the old ones had left."""
        left = self.flush()
        self.reset()
        self._streams = tuple(asked)
        self._clear()
        return left

    def feed(self, data: bytes) -> list[Block | BadFrame]:
        """Take realtime bytes, each with bit 7 set."""
        found: list[Block | BadFrame] = []
        for byte in data if self._streams else b"":  # what nobody asked for is not even counted
            if byte & 0xF0 == _SYNC:
                self._end(found)
                self._tell_stray(found)
                self._begin(byte)
            elif not self._inside:
                self._skip(found)
            else:
                self._size += 1
                if self._first is None:
                    self._first = byte
                else:
                    first, self._first = self._first, None
                    if not self._pair(first, byte):
                        self._lose(found)
        return found

    def flush(self) -> list[Block | BadFrame]:
        """The stream ended, or changes: what is held. A record cut by the end is no fault."""
        found: list[Block | BadFrame] = []
        if self._complete():
            self._end(found)
        self._tell_stray(found)
        self._give(found)
        self._inside = False
        return found

    def _pair(self, first: int, second: int) -> bool:
        """Take two bytes that belong together; False if they cannot stand here."""
        if first & 0xF0 == _COMMAND:
            if second & 0xF0 != _COMMAND or self._counts:
                return False
            self._command(first, second & 0x0F)
            return True
        if first & 0xC0 != _SAMPLE or second & 0xC0 != _SAMPLE or len(self._counts) >= self._present.bit_count():
            return False
        low, high = (first, second) if self._low_first else (second, first)
        self._counts.append(low & 0x3F | (high & 0x3F) << 6)
        return True

    def _command(self, code: int, argument: int) -> None:
        if code == _PRESENT_5_8:
            self._present |= argument << 4
        elif code == _PRESENT_9_12:
            self._present |= argument << 8
        elif code == _PHASE:
            self._told = _PHASES.get(argument)
        elif code == _CORRUPT:
            self._corrupt = True

    def _complete(self) -> bool:
        return self._inside and self._first is None and len(self._counts) == self._present.bit_count()

    def _end(self, found: list[Block | BadFrame]) -> None:
        """A record is over because the next begins: keep it or lose it."""
        if not self._inside:
            return
        if self._corrupt or not self._complete() or not self._keep():
            self._lose(found)
            return
        self._inside = False
        full = [len(self._samples[n]) >= BLOCK_S * s.rate_hz for n, s in enumerate(self._streams) if s is not None]
        if any(full):
            self._give(found)

    def _keep(self) -> bool:
        """Append the samples of the record; False if one is out of its range."""
        present = [n for n in range(MAX_STREAMS) if self._present >> n & 1]
        kept = []
        for number, count in zip(present, self._counts, strict=True):
            stream = self._streams[number] if number < len(self._streams) else None
            if stream is not None:
                if count > stream.curve.full:
                    return False
                kept.append((number, stream.value(count)))
        for number, value in kept:
            self._samples[number].append(value)
        if self._streams:
            self._phase = self._told or self._phase
        return True

    def _lose(self, found: list[Block | BadFrame]) -> None:
        found.append(BadFrame(reason="bad_frame", size=self._size))
        self._give(found)  # a block has no hole
        self._inside = False

    def _skip(self, found: list[Block | BadFrame]) -> None:
        if self._opening:
            return
        self._stray += 1
        if self._stray == STRAY:
            self._tell_stray(found)

    def _tell_stray(self, found: list[Block | BadFrame]) -> None:
        if self._stray:
            found.append(BadFrame(reason="resync", size=self._stray))
        self._stray = 0

    def _give(self, found: list[Block | BadFrame]) -> None:
        waves = {
            stream.name: Wave(rate_hz=stream.rate_hz, samples=tuple(samples), unit=stream.unit)
            for stream, samples in zip(self._streams, self._samples, strict=True)
            if stream is not None and samples
        }
        if waves:
            found.append(Block(waves=waves, phase=self._phase))
        self._clear()

    def _clear(self) -> None:
        self._samples = [[] for _ in self._streams]
        self._phase = None
