"""The track of one waveform: pieces of samples as they are heard become stretches of a second with true times.

Pure: `heard` and `now` are steady milliseconds. A monitor's samples are evenly spaced, what delivers them is not. So
time is counted in samples, and the count is held against the clock: a piece can be heard late, never early. The least
delay from some piece on is how far the count is behind; where it grows for good, samples are missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from vitals.waves import MAX_SAMPLES

STRETCH_S = 1.0
LOOK_AHEAD_MS = 500  # a line may stall so long: later pieces tell whether samples are missing or only late
STALE_MS = 2_000  # nothing new for so long: what is there is all there is
GAP_MS = 40  # a delay that grows by more, or by half a piece, and stays, is a hole
SLEW = 0.1  # of the difference per stretch: the monitor's crystal and ours differ by far less
SLEW_MOST_MS = 5.0


class Stretch(NamedTuple):
    """Samples without a hole between them; `start` is the steady time of the first."""

    start: float
    rate_hz: float
    unit: str
    values: list[float | None]


class _Piece(NamedTuple):
    first: int  # how many samples came before it
    heard: int
    values: Sequence[float]


class Track:
    """One channel of one device, at one rate."""

    def __init__(self, rate_hz: float, unit: str) -> None:
        self.rate_hz = rate_hz
        self.unit = unit
        self._pieces: deque[_Piece] = deque()
        self._count = 0
        self._origin: float | None = None  # steady time of sample 0, but for the lag
        self._lag = 0.0

    def take(self, values: Sequence[float], heard: int) -> None:
        """Take the samples of one frame of the monitor."""
        if not values:
            return
        if self._origin is None:
            self._origin = heard - len(values) * 1_000 / self.rate_hz
        for at in range(0, len(values), MAX_SAMPLES):
            part = values[at : at + MAX_SAMPLES]
            self._pieces.append(_Piece(self._count, heard, part))
            self._count += len(part)

    def cut(self, now: int, *, everything: bool = False) -> list[Stretch]:
        """The stretches that are ready; all that is left if `everything`, or if the monitor says no more."""
        if not self._pieces:
            return []
        everything = everything or now - self._pieces[-1].heard > STALE_MS
        ripe = len(self._pieces)
        while not everything and ripe and self._pieces[ripe - 1].heard > now - LOOK_AHEAD_MS:
            ripe -= 1
        least = max(1, round(self.rate_hz * STRETCH_S))
        if not ripe or not (everything or self._samples(ripe) >= least):
            return []
        delays = self._delays()
        stretches: list[Stretch] = []
        at = 0
        while at < ripe and (everything or self._samples(ripe, at) >= least):
            end = self._end(at, ripe, least, delays)
            stretches.append(self._stretch(at, end, delays[at]))
            at = end
        for _ in range(at):
            self._pieces.popleft()
        return stretches

    def _samples(self, end: int, at: int = 0) -> int:
        """How many there are in the pieces `at` to before `end`."""
        last = self._pieces[end - 1]
        return last.first + len(last.values) - self._pieces[at].first

    def _delays(self) -> list[float]:
        """The least delay from each piece on."""
        assert self._origin is not None
        delays: list[float] = []
        least = float("inf")
        for piece in reversed(self._pieces):
            counted = self._origin + (piece.first + len(piece.values)) * 1_000 / self.rate_hz
            least = min(least, piece.heard - counted)
            delays.append(least)
        return delays[::-1]

    def _end(self, at: int, ripe: int, least: int, delays: list[float]) -> int:
        """Where a stretch that begins at piece `at` ends: when it is long enough, or before a hole."""
        size = 0
        for index in range(at, ripe):
            piece = self._pieces[index]
            if index > at and (
                delays[index] - delays[index - 1] > self._hole_ms(piece) or size + len(piece.values) > MAX_SAMPLES
            ):
                return index
            size += len(piece.values)
            if size >= least:
                return index + 1
        return ripe

    def _stretch(self, at: int, end: int, delay: float) -> Stretch:
        assert self._origin is not None
        pieces = [self._pieces[index] for index in range(at, end)]
        difference = delay - self._lag
        if abs(difference) > self._hole_ms(pieces[0]):
            self._lag = delay
        else:
            self._lag += max(-SLEW_MOST_MS, min(SLEW_MOST_MS, difference * SLEW))
        start = self._origin + self._lag + pieces[0].first * 1_000 / self.rate_hz
        return Stretch(start, self.rate_hz, self.unit, [value for piece in pieces for value in piece.values])

    def _hole_ms(self, piece: _Piece) -> float:
        return max(GAP_MS, len(piece.values) * 500 / self.rate_hz)
