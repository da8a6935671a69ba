"""The clock of a monitor: simulated time in, what the monitor believes the time to be out. It has no zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

SWITCHED_ON = datetime(2026, 1, 1, 8, 0, 0)  # what the clocks of simulated monitors show when they start


def _right(t_ms: int) -> int:
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """A clock that runs on with its battery, and may jump."""

    start: datetime = SWITCHED_ON
    ahead_ms: Callable[[int], int] = _right  # how wrong it is at a simulated time

    def at(self, t_ms: int) -> datetime:
        """What it shows `t_ms` after the monitor was switched on."""
        return self.start + timedelta(milliseconds=t_ms + self.ahead_ms(t_ms))

    def later(self, by_ms: int) -> Clock:
        """The same clock for a monitor that is switched on `by_ms` later."""
        return Clock(
            start=self.start + timedelta(milliseconds=by_ms), ahead_ms=lambda t_ms: self.ahead_ms(t_ms + by_ms)
        )
