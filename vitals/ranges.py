"""Sets of sequence numbers, kept as inclusive ranges: small when there are few gaps, however many numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class Ranges:
    """A growing set of whole numbers."""

    __slots__ = ("_highs", "_lows")

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._lows: list[int] = []
        self._highs: list[int] = []
        for low, high in ranges:
            self.add_range(low, high)

    def add(self, number: int) -> bool:
        """Take `number` in; False if it was there already. Appending to the last range is the fast path."""
        highs = self._highs
        if highs and number == highs[-1] + 1:
            highs[-1] = number
            return True
        if number in self:
            return False
        self.add_range(number, number)
        return True

    def add_range(self, low: int, high: int) -> None:
        """Take in every number from `low` to `high`, both included."""
        if low > high:
            raise ValueError(f"a range cannot end ({high}) before it begins ({low})")
        lows, highs = self._lows, self._highs
        first = bisect_right(highs, low - 2)  # the first range that touches or follows
        last = bisect_right(lows, high + 1)  # one past the last range that touches
        if first < last:
            low = min(low, lows[first])
            high = max(high, highs[last - 1])
        lows[first:last] = [low]
        highs[first:last] = [high]

    def remove_range(self, low: int, high: int) -> None:
        """Take out every number from `low` to `high`, both included, of those that are there."""
        if low > high:
            raise ValueError(f"a range cannot end ({high}) before it begins ({low})")
        lows, highs = self._lows, self._highs
        first = bisect_right(highs, low - 1)  # the first range that overlaps or follows
        last = bisect_right(lows, high)  # one past the last range that overlaps
        if first >= last:
            return
        rest = [(lows[first], low - 1), (high + 1, highs[last - 1])]
        rest = [(start, end) for start, end in rest if start <= end]
        lows[first:last] = [start for start, _ in rest]
        highs[first:last] = [end for _, end in rest]

    def minus(self, other: Ranges) -> Ranges:
        """A new set of what is here and not in `other`."""
        result = Ranges()
        result._lows, result._highs = self._lows.copy(), self._highs.copy()
        for low, high in other:
            result.remove_range(low, high)
        return result

    def union(self, other: Ranges) -> Ranges:
        """A new set of what is in either."""
        result = Ranges()
        result._lows, result._highs = self._lows.copy(), self._highs.copy()
        for low, high in other:
            result.add_range(low, high)
        return result

    def first(self, limit: int) -> list[tuple[int, int]]:
        """The lowest `limit` ranges."""
        return list(zip(self._lows[:limit], self._highs[:limit], strict=True))

    def last(self, limit: int) -> list[tuple[int, int]]:
        """The highest `limit` ranges, lowest first."""
        return list(zip(self._lows[-limit:], self._highs[-limit:], strict=True))

    def touching(self, other: Ranges) -> list[tuple[int, int]]:
        """The ranges that share a number with `other`, each once, lowest first."""
        found: list[tuple[int, int]] = []
        begin = 0
        for low, high in other:
            begin = bisect_right(self._highs, low - 1, begin)
            while begin < len(self._lows) and self._lows[begin] <= high:
                found.append((self._lows[begin], self._highs[begin]))
                begin += 1
        return found

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self._lows, number) - 1
        return index >= 0 and number <= self._highs[index]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The ranges, lowest first."""
        return zip(self._lows, self._highs, strict=True)

    def __len__(self) -> int:
        """How many ranges, not how many numbers."""
        return len(self._lows)

    def count(self) -> int:
        """How many numbers."""
        return sum(self._highs) - sum(self._lows) + len(self._lows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and (self._lows, self._highs) == (other._lows, other._highs)

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    __hash__ = None  # type: ignore[assignment]
