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
NIGHT = ".night"  # and that of its bound at other hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """One number of one limit. `name` is the rule's id, `id.extreme` for its second tier, `id.night` at night."""

    name: str
    parameter: str
    side: Literal["low", "high"]
    value: float
    hysteresis: float
    priority: Priority
    message: str
    provenance: str
    hours: str = ""  # when it takes the place of the limit's own bound; such a one cannot be set

    @property
    def unit(self) -> str:
        """The unit it is measured in."""
        return PARAMETERS[self.parameter].unit

    def __str__(self) -> str:
        return f"{self.name} ({self.side} {self.value:g} {self.unit})"


def bounds_of(limits: Iterable[Limit], values: Mapping[str, float]) -> dict[str, Bound]:
    """Every bound in force of the limits by name, those in `values` with the value given there."""
    found: dict[str, Bound] = {}
    for limit in limits:
        for bound in _bounds(limit):
            # Who set another bound meant the day and the night: it takes the place of both.
            if not (bound.hours and limit.id in values):
                value = values.get(bound.name)
                found[bound.name] = bound if value is None else replace(bound, value=float(value))
    return found


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
    for extreme in (bound for bound in sound if bound.name.endswith(EXTREME)):
        rule = extreme.name.removesuffix(EXTREME)
        for milder in (bound for bound in sound if bound.name in (rule, rule + NIGHT)):
            beyond = extreme.value < milder.value if extreme.side == "low" else extreme.value > milder.value
            if not beyond:
                yield f"{extreme} must lie beyond {milder}"


def _bounds(limit: Limit) -> Iterator[Bound]:
    main = Bound(
        name=limit.id,
        parameter=limit.parameter,
        side=limit.side,
        value=limit.bound,
        hysteresis=limit.hysteresis,
        priority=limit.priority,
        message=limit.message,
        provenance=limit.provenance,
    )
    yield main
    tier, night = limit.extreme, limit.night
    if tier is not None and tier.bound is not None:
        message = tier.message or limit.message
        name = limit.id + EXTREME
        yield replace(main, name=name, value=tier.bound, hysteresis=0, priority=tier.priority, message=message)
    if night is not None and night.bound is not None:
        yield replace(main, name=limit.id + NIGHT, value=night.bound, hours=f"{night.from_} to {night.to}")


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
