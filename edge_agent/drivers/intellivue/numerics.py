"""Numerics of a poll reply: observed values, judged and converted to the parameters and units of our catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue import codes
from edge_agent.drivers.intellivue.cursor import Cursor, TruncatedError
from edge_agent.drivers.intellivue.decimal_float import read_float
from edge_agent.drivers.intellivue.messages import Polled
from vitals.parameters import PARAMETERS

DECIMALS = 3  # kept after a conversion of units


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric:
    """One observed value with the object it belongs to."""

    code: int
    state: int
    unit: int
    value: Decimal | str
    of: Polled


@dataclass(slots=True)
class Judged:
    """Values, reasons and states of some numerics."""

    values: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    device: dict[str, object] = field(default_factory=dict)


def read_numerics(objects: Iterable[Polled]) -> tuple[list[Numeric], list[BadFrame]]:
    """Every observed value, and the attributes that were cut short."""
    found: list[Numeric] = []
    bad: list[BadFrame] = []
    for polled in objects:
        for attribute in (codes.NUMERIC, codes.NUMERICS_TOGETHER):
            data = polled.attributes.get(attribute)
            if data is None:
                continue
            try:
                found += _observed(data, together=attribute == codes.NUMERICS_TOGETHER, of=polled)
            except TruncatedError:
                bad.append(BadFrame(reason="bad_length", size=len(data)))
    return found, bad


def _observed(data: bytes, *, together: bool, of: Polled) -> list[Numeric]:
    at = Cursor(data)
    count = 1
    if together:
        count, at = at.listed()
    return [
        Numeric(code=at.u16(), state=at.u16(), unit=at.u16(), value=read_float(at.u32()), of=of) for _ in range(count)
    ]


def judge(numerics: Iterable[Numeric]) -> Judged:
    """One answer per parameter: the first of its codes that has a value, else the reason of the first there is."""
    judged = Judged()
    numerics = list(numerics)
    present = {numeric.code for numeric in numerics}
    for numeric in sorted(numerics, key=lambda numeric: codes.RANK.get(numeric.code, 0)):
        judged.flags |= codes.flags_of(numeric.state)
        name = codes.PARAMETER.get(numeric.code)
        if name is None or codes.ONLY_WITHOUT.get(numeric.code) in present or name in judged.values:
            _put_aside(numeric, judged)
            continue
        value, reason = _judged(name, numeric)
        if value is not None:
            judged.values[name] = value
            judged.missing.pop(name, None)
        elif reason is not None:
            judged.missing.setdefault(name, reason)
    return judged


def _judged(name: str, numeric: Numeric) -> tuple[float | None, str | None]:
    reason = codes.reason_of(numeric.state)
    if reason:
        return None, reason
    if isinstance(numeric.value, str):
        return None, "invalid_code"
    converted = codes.convert(name, numeric.unit, numeric.value)
    if converted is None:
        return None, "unit_unsupported"
    value = float(converted) if converted == numeric.value else round(float(converted), DECIMALS)
    return (value, None) if PARAMETERS[name].plausible(value) else (None, "out_of_range")


def _put_aside(numeric: Numeric, judged: Judged) -> None:
    """What is no parameter of ours, or a second source of one, is shown and never published."""
    name = codes.ELSEWHERE.get(numeric.code, f"id_{numeric.code:04x}")
    usable = codes.reason_of(numeric.state) is None and isinstance(numeric.value, Decimal)
    judged.device.setdefault(name, float(numeric.value) if usable else None)
