"""What a line said, before judgement: numbers by parameter, reasons, states and raw fields."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from edge_agent.drivers.hobby_lines.names import parameter_of, plain

NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_NO_NUMBER = frozenset({"nan", "null"})
_NOT_VALID = frozenset({"0", "false"})


class UnreadableLine(ValueError):  # noqa: N818  (no error of anybody: caught two calls further up)
    """The line is not what it seemed to be; the text is a reason of BadFrame."""


@dataclass(slots=True, kw_only=True)
class Said:
    """NaN is "no number". `reasons` win over numbers."""

    numbers: dict[str, float] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    device: dict[str, object] = field(default_factory=dict)
    celsius: bool = False  # the key names the unit

    def add(self, key: str, number: float) -> None:
        """Note the number of a known key. Raises UnreadableLine if the line already said something else."""
        name = parameter_of(key)
        assert name is not None
        earlier = self.numbers.get(name, number)
        if earlier != number and not (math.isnan(earlier) and math.isnan(number)):
            raise UnreadableLine("bad_line")
        self.numbers[name] = number
        self.celsius |= plain(key) == "tempc"

    def note(self, key: str, value: object) -> None:
        """Note a field that is no parameter; `HRvalid=0` takes the number of HR away."""
        self.device[key] = value
        stem = plain(key).removesuffix("valid")
        name = parameter_of(stem)
        if name is not None and str(value).lower() in _NOT_VALID:
            self.reasons[name] = "device_invalid"


def number_of(text: str) -> float:
    """The number in a field of a text line; NaN for a written-out nothing. Raises UnreadableLine."""
    if NUMBER.fullmatch(text):
        return float(text)
    if text.lower() in _NO_NUMBER:
        return math.nan
    raise UnreadableLine("bad_line")
