"""Sets of sequence numbers that also shrink: what is still to be sent, what is on its way, what may be deleted."""

from __future__ import annotations

from bisect import bisect_left

from vitals.ranges import Ranges

Range = tuple[int, int]


class SeqSet(Ranges):
    """Ranges that numbers can be taken out of; a backlog of millions costs as much as its number of holes."""

    __slots__ = ()

    def put(self, low: int, high: int) -> None:
        """Take in `low`..`high`; nothing if that is empty."""
        if low <= high:
            self.add_range(low, high)

    def discard(self, low: int, high: int) -> list[Range]:
        """Take `low`..`high` out; returns the parts that were in."""
        taken = self.within(low, high)
        if taken:
            first = bisect_left(self._highs, low)
            last = first + len(taken)
            left, right = self._lows[first], self._highs[last - 1]
            rest = [(left, low - 1)] if left < low else []
            if right > high:
                rest.append((high + 1, right))
            self._lows[first:last] = [start for start, _ in rest]
            self._highs[first:last] = [end for _, end in rest]
        return taken

    def within(self, low: int, high: int) -> list[Range]:
        """The parts of the set between `low` and `high`."""
        return self.take(low, high, max(0, high - low + 1))

    def take(self, low: int, high: int, limit: int) -> list[Range]:
        """The lowest `limit` members between `low` and `high`; they stay in the set."""
        parts: list[Range] = []
        index = bisect_left(self._highs, low)
        while limit > 0 and index < len(self._lows) and self._lows[index] <= high:
            start = max(low, self._lows[index])
            end = min(high, self._highs[index], start + limit - 1)
            parts.append((start, end))
            limit -= end - start + 1
            index += 1
        return parts

    def clear(self) -> None:
        """Empty the set."""
        self._lows.clear()
        self._highs.clear()
