"""What rules remember of the past: the values of a stretch of time in bounded memory, and how long a thing held."""

from __future__ import annotations

from collections import deque

BUCKETS = 60  # a window is cut into so many pieces, so its edge is exact to a sixtieth and its memory is bounded
COVERED = 0.75  # how much of a window must be known before anything is said of it
DECIMALS = 6
NEVER = -(2**62)


class _Bucket:
    __slots__ = ("count", "covered", "first", "first_at", "high", "index", "last", "last_at", "low", "sum")

    def __init__(self, index: int, at: int, value: float) -> None:
        self.index = index
        self.first = self.last = self.low = self.high = self.sum = value
        self.first_at = self.last_at = at
        self.count = 1
        self.covered = 0  # milliseconds before its values for which the value before them stood

    def take(self, at: int, value: float) -> None:
        self.last, self.last_at = value, at
        self.low, self.high = min(self.low, value), max(self.high, value)
        self.sum += value
        self.count += 1


class Window:
    """The values of one parameter of one device over a stretch of time. A value stands until it is stale."""

    __slots__ = ("_before", "_buckets", "_covered", "_duration", "_stale", "_start", "_width")

    def __init__(self, duration: int, stale: int) -> None:
        self._duration, self._stale = duration, stale
        self._width = max(1, duration // BUCKETS)
        self._buckets: deque[_Bucket] = deque()
        self._before: tuple[int, float] | None = None  # the last value that left the window
        self._start = 0
        self._covered = 0  # of all buckets together

    def take(self, at: int, value: float) -> None:
        """One more value, not older than the last. The same one twice is one."""
        newest = self._newest()
        if newest == (at, value):
            return
        index = at // self._width
        if self._buckets and self._buckets[-1].index == index:
            self._buckets[-1].take(at, value)
        else:
            self._buckets.append(_Bucket(index, at, value))
        if newest is not None:
            covered = min(at - newest[0], self._stale)
            self._buckets[-1].covered += covered
            self._covered += covered

    def trim(self, now: int) -> None:
        """Forget what is older than the window. The newest value stays, as the one that stood before."""
        self._start = now - self._duration
        while self._buckets and self._buckets[0].last_at <= self._start:
            gone = self._buckets.popleft()
            self._covered -= gone.covered
            self._before = (gone.last_at, gone.last)

    def known(self, now: int) -> bool:
        """Whether values stood for enough of the window."""
        newest = self._newest()
        if newest is None:
            return False
        covered = self._covered + min(now - newest[0], self._stale)
        if self._buckets:  # what stood before the window began does not count
            first = self._buckets[0]
            covered -= max(0, first.covered - max(0, first.last_at - self._start))
        return min(covered, self._duration) >= COVERED * self._duration

    def change(self) -> float:
        """The newest value minus the one that stood when the window began, or else the first in it."""
        newest = self._newest()
        assert newest is not None
        before = self._before
        if before is not None and self._start - before[0] <= self._stale:
            return round(newest[1] - before[1], DECIMALS)
        return round(newest[1] - self._buckets[0].first, DECIMALS) if self._buckets else 0.0

    def mean(self) -> float:
        """The mean of the values measured in the window, each counted once."""
        if not self._buckets:
            return self._standing()
        total = sum(bucket.sum for bucket in self._buckets)
        return round(total / sum(bucket.count for bucket in self._buckets), DECIMALS)

    def lowest(self) -> float:
        """The lowest value measured in the window."""
        return min(bucket.low for bucket in self._buckets) if self._buckets else self._standing()

    def highest(self) -> float:
        """The highest value measured in the window."""
        return max(bucket.high for bucket in self._buckets) if self._buckets else self._standing()

    def _newest(self) -> tuple[int, float] | None:
        return (self._buckets[-1].last_at, self._buckets[-1].last) if self._buckets else self._before

    def _standing(self) -> float:
        """The one value that stood all the while."""
        assert self._before is not None
        return self._before[1]


class Held:
    """How long something has been true without a break."""

    __slots__ = ("certain", "known", "since")

    def __init__(self) -> None:
        self.since: int | None = None
        self.known = NEVER  # when it was last true or false
        self.certain = False  # whether it was seen to begin

    def judge(self, truth: bool | None, duration: int, gap: int, now: int) -> bool | None:
        """True after `duration`. Unknown before, where nobody saw it begin: it may have held much longer."""
        if truth is None:
            return None
        gone = now - self.known > gap
        self.known = now
        if not truth:
            self.since, self.certain = None, True
            return False
        if gone or self.since is None:
            self.certain = self.certain and not gone
            self.since = now
        if now - self.since >= duration:
            return True
        return False if self.certain else None
