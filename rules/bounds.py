"""Bounds: every number a limit compares with, what it may be, and how two of them must stand to each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal

from rules.documents import Limit
from vitals.alarms import Priority
from vitals.parameters import PARAMETERS

EXTREME = ".extreme"  # ends the name of a limit's second tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One number of one limit. `name` is the rule's id, or `id.extreme` for its second tier."""

    name: str
    parameter: str
    side: Literal["low", "high"]
    value: float
    hysteresis: float
    priority: Priority
    message: str
    provenance: str

    @property
    def unit(self) -> str:
        """The unit it is measured in."""
        return PARAMETERS[self.parameter].unit

    def __str__(self) -> str:
        return f"{self.name} ({self.side} {self.value:g} {self.unit})"


def bounds_of(limits: Iterable[Limit], values: Mapping[str, float]) -> dict[str, Bound]:
    """Every bound of the limits by name, those in `values` with the value given there."""
    found = {bound.name: bound for limit in limits for bound in _bounds(limit)}
    return {
        name: bound if name not in values else replace(bound, value=float(values[name]))
        for name, bound in found.items()
    }


def problems(bounds: Mapping[str, Bound]) -> Iterator[str]:
    """A sentence for every bound that cannot be, alone or beside another one."""
    sound = [bound for bound in bounds.values() if _plausible(bound)]
    for bound in bounds.values():
        if bound not in sound:
            parameter = PARAMETERS[bound.parameter]
            span = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
            yield f"{bound} is outside what a device can measure ({span})"
    for bound in sound:
        if bound.hysteresis > 0 and not PARAMETERS[bound.parameter].plausible(_clears_at(bound)):
            yield f"{bound} could never clear: its hysteresis asks for {_clears_at(bound):g}, which cannot be measured"
    for low in (bound for bound in sound if bound.side == "low"):
        for high in (bound for bound in sound if bound.side == "high" and bound.parameter == low.parameter):
            yield from _facing(low, high)
    for bound in sound:
        milder = bounds.get(bound.name.removesuffix(EXTREME))
        if milder is not None and milder is not bound and milder in sound:
            beyond = bound.value < milder.value if bound.side == "low" else bound.value > milder.value
            if not beyond:
                yield f"{bound} must lie beyond {milder}"


def _bounds(limit: Limit) -> Iterator[Bound]:
    yield Bound(
        name=limit.id,
        parameter=limit.parameter,
        side=limit.side,
        value=limit.bound,
        hysteresis=limit.hysteresis,
        priority=limit.priority,
        message=limit.message,
        provenance=limit.provenance,
    )


def _plausible(bound: Bound) -> bool:
    return isfinite(bound.value) and PARAMETERS[bound.parameter].plausible(bound.value)


def _clears_at(bound: Bound) -> float:
    return bound.value + bound.hysteresis if bound.side == "low" else bound.value - bound.hysteresis


def _facing(low: Bound, high: Bound) -> Iterator[str]:
    """A low bound against a high one of the same parameter."""
    if low.value >= high.value:
        yield f"{low} is not below {high}"
    elif _clears_at(low) > high.value:
        yield f"{low} could not clear without passing {high}: its hysteresis is {low.hysteresis:g}"
    elif _clears_at(high) < low.value:
        yield f"{high} could not clear without passing {low}: its hysteresis is {high.hysteresis:g}"
