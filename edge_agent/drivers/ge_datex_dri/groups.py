"""The groups of a numeric subrecord: where each stands, its numbers, and why a number is none."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from vitals.parameters import PARAMETERS

NO_NUMBER = -32001  # this and everything below is a code
_REASONS = {
    -32767: "not_measured",
    -32766: "stale",
    -32765: "calibrating",
    -32764: "out_of_range",
    -32763: "out_of_range",
    -32762: "not_calibrated",
}
_PRESENT, _ACTIVE = 1, 2


def why_missing(raw: int) -> str | None:
    """The reason a code stands for; None if it is a number."""
    return _REASONS.get(raw, "invalid_code") if raw <= NO_NUMBER else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A number of a group."""

    name: str
    divisor: int = 1  # counts per unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """One module's part of a subrecord."""

    status: int
    label: int
    raw: dict[str, int]
    divisors: dict[str, int]

    @property
    def present(self) -> bool:
        """The module is there."""
        return bool(self.status & _PRESENT)

    @property
    def active(self) -> bool:
        """The module is there and measures."""
        return self.status & (_PRESENT | _ACTIVE) == _PRESENT | _ACTIVE

    def number(self, name: str) -> float | None:
        """The number in its unit; None if there is a code."""
        raw = self.raw[name]
        return None if raw <= NO_NUMBER else raw / self.divisors[name]

    def reason(self, name: str) -> str | None:
        """Why there is no number."""
        return why_missing(self.raw[name]) if self.active else "inactive"

    def bits(self, *numbers: int) -> bool:
        """Whether the module measures and says any of these status bits."""
        return self.active and any(self.status >> number & 1 for number in numbers)

    def put(self, field: str, name: str, values: dict[str, float], missing: dict[str, str]) -> None:
        """Sort this number under our name: a value, or missing with its reason."""
        number, reason = self.number(field), self.reason(field)
        if reason or number is None:
            missing[name] = reason or "not_measured"
        else:
            put(number, name, values, missing)

    def fields(self, prefix: str = "") -> dict[str, object]:
        """All numbers, None for codes; empty unless the module measures."""
        return {prefix + name: self.number(name) for name in self.raw} if self.active else {}


def put(number: float, name: str, values: dict[str, float], missing: dict[str, str]) -> None:
    """Sort a number: a value if a device can have measured it."""
    # An oximeter that has found no pulse has no rate and no saturation: 0 is no measurement.
    if not PARAMETERS[name].plausible(number) or (number == 0 and name in ("pr", "spo2")):
        missing[name] = "out_of_range"
    else:
        values[name] = number


class Layout:
    """Where a group stands in the body of its class and what its numbers are."""

    def __init__(self, offset: int, fields: str) -> None:
        """`fields`: names in order, each with `/divisor` if a count is not one unit."""
        self._offset = offset
        self._fields = [Field(name=name, divisor=int(by or 1)) for name, _, by in map(_split, fields.split())]
        self._struct = struct.Struct(f"<IH{len(self._fields)}h")
        self._divisors = {field.name: field.divisor for field in self._fields}

    def read(self, body: bytes) -> Group:
        """The group in this body of 270 bytes."""
        status, label, *numbers = self._struct.unpack_from(body, self._offset)
        raw = {field.name: number for field, number in zip(self._fields, numbers, strict=True)}
        return Group(status=status, label=label, raw=raw, divisors=self._divisors)


def _split(word: str) -> tuple[str, str, str]:
    return word.partition("/")
