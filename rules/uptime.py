"""Uptime: the states a device went through become its share of online time in a span. Time nobody knows is left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple


class Uptime(NamedTuple):
    """Milliseconds of a span. `known` and `unknown` together are the whole span."""

    online: int
    known: int
    unknown: int

    @property
    def percent(self) -> float | None:
        """Online time of known time, to a hundredth, never rounded up to 100; None when nothing is known."""
        return self.online * 10_000 // self.known / 100 if self.known else None


def uptime(changes: Iterable[tuple[int, str]], start: int, end: int) -> Uptime:
    """The uptime in [start, end) of a device that entered each state at its time, oldest first.

    Before the first change nothing is known.
    """
    end = max(start, end)
    spent: Counter[str] = Counter()
    at, state = start, "unknown"
    for time, entered in (*changes, (end, "")):
        until = min(max(time, at), end)
        spent[state] += until - at
        at, state = until, entered
    unknown = spent["unknown"]
    return Uptime(spent["online"], end - start - unknown, unknown)
