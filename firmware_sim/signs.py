"""Signs: what the sensors on a patient deliver at one moment, and who delivers them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

# What ails a patient or a cuff, beside the states a device may report.
AILMENTS = frozenset({"ventricular_tachycardia", "cuff_leak"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """Numbers by parameter name (vitals.parameters), device states (vitals.vocabulary) and AILMENTS.

    A parameter that has no number is not in `values`. It is never 0.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    states: frozenset[str] = frozenset()
    cuffs: int = 0  # cuff pressures taken so far, where it is known: the same pressure again is a new measurement

    def get(self, name: str) -> float | None:
        """The number of a parameter, or None."""
        return self.values.get(name)


class Source(Protocol):
    """A patient or a recording, asked with times that grow."""

    def at(self, t_ms: int) -> Signs:
        """The signs at simulated time `t_ms`, milliseconds since the monitor was switched on."""


class Faster:
    """A source whose time runs `speed` times as fast; the monitor on it keeps its own rate."""

    def __init__(self, source: Source, speed: float) -> None:
        self._source = source
        self._speed = speed

    def at(self, t_ms: int) -> Signs:
        return self._source.at(int(t_ms * self._speed))


class Later:
    """A source for a monitor that is switched on `by_ms` after the patient's time began."""

    def __init__(self, source: Source, by_ms: int) -> None:
        self._source = source
        self._by_ms = by_ms

    def at(self, t_ms: int) -> Signs:
        return self._source.at(t_ms + self._by_ms)
