"""A histogram: durations counted in buckets, cheap enough for the path of every message."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

# From a fast answer within one machine to a wait somebody at the bedside would notice.
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Histogram:
    """Counts per bucket and their sum. One thread observes; another may read, and sees at worst one missing."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        """`bounds` are the upper ends of the buckets, ascending; one more takes everything above."""
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count one value. Time never runs backwards here: what is below 0 counts as 0."""
        if value < 0.0:
            value = 0.0
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """(upper end, values up to it) of each bucket, the last one `+Inf`: as Prometheus wants them."""
        reached = 0.0
        found = []
        for bound, count in zip((*map(str, self._bounds), "+Inf"), self._counts, strict=True):
            reached += count
            found.append((bound, reached))
        return found
