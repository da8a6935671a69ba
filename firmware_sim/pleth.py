"""The pulse wave under a finger probe: pulse rate and perfusion in, samples and beats out."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

_POINTS = 256
_SINUS = 0.03  # the heart runs this share faster while breathing in
_WANDER = 0.08  # of full scale, with each breath


def _shape(phase: float) -> float:
    """One beat from 0 to 1: a steep rise, a slow fall, the dicrotic notch."""
    systole = math.exp(-(((phase - 0.18) / 0.10) ** 2))
    diastole = 0.42 * math.exp(-(((phase - 0.46) / 0.16) ** 2))
    return systole + diastole


_RAW = [_shape(index / _POINTS) for index in range(_POINTS)]
_TABLE = [(value - min(_RAW)) / (max(_RAW) - min(_RAW)) for value in _RAW]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Samples from 0 to 1, and at which of them a beat begins."""

    samples: tuple[float, ...]
    beats: frozenset[int]


class Pleth:
    """A wave that runs on without a seam from stretch to stretch."""

    def __init__(self, rate_hz: float, seed: int) -> None:
        self._rate_hz = rate_hz
        self._chance = random.Random(f"pleth {seed}")  # noqa: S311 - a repeatable wave, not a secret
        self._phase = 0.0
        self._breath = 0.0

    def stretch(self, count: int, *, pr: float | None, rr: float | None, pi: float | None, shaken: bool) -> Stretch:
        """The next `count` samples. Without a pulse they are flat; `shaken` adds motion."""
        if pr is None:
            return Stretch((0.0,) * count, frozenset())
        height = 0.75 * max(0.08, min(1.0, (4.0 if pi is None else pi) / 4.0))
        breath_step = (rr or 15.0) / 60.0 / self._rate_hz
        samples: list[float] = []
        beats: set[int] = set()
        for index in range(count):
            sinus = math.sin(2 * math.pi * self._breath)
            self._breath = (self._breath + breath_step) % 1.0
            self._phase += pr * (1.0 + _SINUS * sinus) / 60.0 / self._rate_hz
            if self._phase >= 1.0:
                self._phase -= 1.0
                beats.add(index)
            value = 0.12 + height * _TABLE[int(self._phase * _POINTS)] + _WANDER * (0.5 + 0.5 * sinus)
            if shaken:
                value += self._chance.gauss(0.0, 0.15)
            samples.append(max(0.0, min(1.0, value)))
        return Stretch(tuple(samples), frozenset(beats))
