"""Clocks: wall time, a steady time that never steps, and who we are since boot."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Protocol


class Clock(Protocol):
    """Where time comes from; tests put a clock here that they move by hand."""

    def wall_ms(self) -> int:
        """UTC epoch milliseconds by the system clock; may step."""

    def steady_ms(self) -> int:
        """Milliseconds since boot, suspended time included; never steps."""


class SystemClock:
    """The machine's own clocks."""

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def steady_ms(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000


class DisciplinedClock:
    """UTC milliseconds that never go backwards or jump: wall time at birth plus steady time since.

    What rules count durations by: a stepped system clock must neither raise nor swallow an alarm.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = clock.wall_ms() - clock.steady_ms()

    def now(self) -> int:
        """UTC epoch milliseconds, steady since this object was made."""
        return self._clock.steady_ms() + self._offset


def boot_id() -> str:
    """The kernel's id of this boot; empty where there is none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
