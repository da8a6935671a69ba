"""Fewer records from a talkative monitor: one per interval, but every change of what is missing at once."""

from __future__ import annotations

from vitals.readings import Observation

STATES_MS = 1_000  # curves come many times a second, each with the same states: once is enough to show life


class Thinner:
    """Decides for one device which observations are kept. An interval of 0 keeps every one.

    Monitors say their numbers in several messages; each set of parameters is thinned by itself.
    """

    def __init__(self, interval_ms: int) -> None:
        self._interval = interval_ms
        self._kept: dict[frozenset[str], tuple[int, dict[str, str]]] = {}  # parameters → when, and what was missing
        self._flags: tuple[str, ...] = ()

    def keep(self, observation: Observation, now: int) -> bool:
        """Whether to keep `observation`, heard at steady time `now`."""
        if observation.aperiodic:
            return True
        if not (observation.values or observation.missing or observation.flags):
            return True  # curves and fields of the device between two sets of numbers are no change of those
        about = frozenset(observation.values) | frozenset(observation.missing)
        missing = dict(observation.missing)
        kept_at, missed = self._kept.get(about, (None, {}))
        interval = self._interval if about else max(self._interval, STATES_MS)
        due = kept_at is None or now - kept_at >= interval
        if not due and missing == missed and observation.flags == self._flags:
            return False
        self._kept[about] = (now, missing)
        self._flags = observation.flags
        return True
