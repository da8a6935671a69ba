"""An agenda: what a talking device says when, worked off in the order of time however time is sliced."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from firmware_sim.clock import Clock

Act = Callable[[], bytes]


@dataclass(slots=True)
class _Task:
    due_ms: int
    period_ms: int | None
    act: Act


class Agenda:
    """Tasks by name. What is heard is heard at the time of the last run, and answered before anything else is due."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.now_ms = 0
        self._clock = clock or Clock()
        self._tasks: dict[str, _Task] = {}
        self._waiting = bytearray()

    def say(self, data: bytes) -> None:
        """Send with the next run, before what is due then."""
        self._waiting += data

    def every(self, name: str, period_ms: int, act: Act, *, after_ms: int | None = None) -> None:
        """Do `act` each `period_ms`, first after `after_ms` (or one period)."""
        first_ms = self.now_ms + (period_ms if after_ms is None else after_ms)
        self._tasks[name] = _Task(first_ms, period_ms, act)

    def once(self, name: str, after_ms: int, act: Act) -> None:
        """Do `act` after `after_ms`; a later call with this name moves it."""
        self._tasks[name] = _Task(self.now_ms + after_ms, None, act)

    def cancel(self, *names: str) -> None:
        """Do not do it."""
        for name in names:
            self._tasks.pop(name, None)

    def has(self, name: str) -> bool:
        """Whether it is still to be done."""
        return name in self._tasks

    def run(self, t_ms: int) -> bytes:
        """Everything said until `t_ms`."""
        out = bytearray(self._take())
        while (name := self._first(t_ms)) is not None:
            task = self._tasks[name]
            self.now_ms = max(self.now_ms, task.due_ms)
            if task.period_ms is None:
                del self._tasks[name]
            else:
                task.due_ms += task.period_ms
            out += task.act()
            out += self._take()
        self.now_ms = max(self.now_ms, t_ms)
        return bytes(out)

    def clock(self) -> datetime:
        """The monitor's own clock: it has no zone."""
        return self._clock.at(self.now_ms)

    def _first(self, t_ms: int) -> str | None:
        due = [(task.due_ms, name) for name, task in self._tasks.items() if task.due_ms <= t_ms]
        return min(due)[1] if due else None

    def _take(self) -> bytes:
        waiting = bytes(self._waiting)
        self._waiting.clear()
        return waiting
