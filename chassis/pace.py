"""A pace: turns spread evenly over time, kept also by a process that is called late."""

from __future__ import annotations


class Pace:
    """One turn each `step_s`. Late ones are made up for, `at_once` at a time, unless they are `given_up_s` late.

    Times are seconds of a clock that never steps.
    """

    def __init__(self, step_s: float, at_once: int, given_up_s: float) -> None:
        self._step_s = step_s
        self._at_once = at_once
        self._given_up_s = given_up_s
        self._next: float | None = None

    def due(self, now: float) -> int:
        """How many turns to take now."""
        if self._next is None or now - self._next > self._given_up_s:
            self._next = now
        if now < self._next:
            return 0
        turns = min(self._at_once, 1 + int((now - self._next) / self._step_s))
        self._next += turns * self._step_s
        return turns

    def wait(self, now: float) -> float:
        """Seconds until the next turn; 0 if it is late already."""
        return 0.0 if self._next is None else max(0.0, self._next - now)
