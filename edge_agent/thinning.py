"""Fewer records from a talkative monitor: one per interval, but every change of what is missing at once."""

from __future__ import annotations

from vitals.readings import Observation


class Thinner:
    """Decides for one device which observations are kept. An interval of 0 keeps every one."""

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms
        self._kept_at: int | None = None
        self._kept: tuple[object, ...] = ()

    def keep(self, observation: Observation, now: int) -> bool:
        """Whether to keep `observation`, heard at steady time `now`."""
        if observation.aperiodic:
            return True
        if not (observation.values or observation.missing or observation.flags):
            return True  # curves and fields of the device between two sets of numbers are no change of those
        shape = (frozenset(observation.values), tuple(sorted(observation.missing.items())), observation.flags)
        due = self._kept_at is None or now - self._kept_at >= self._interval
        if not due and shape == self._kept:
            return False
        self._kept_at, self._kept = now, shape
        return True
