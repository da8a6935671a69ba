"""Durations in documents: `15s`, `250ms`, `2min`, `1h` become milliseconds."""

from __future__ import annotations

import re

_PATTERN = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|min|h)$", re.ASCII)
_FACTOR = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
PATTERN = r"^\d+(\.\d+)?\s*(ms|s|min|h)$"


class Duration(int):
    """A length of time in milliseconds; documents write it with its unit."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Read `15s` and the like. Raises ValueError saying what was expected."""
        match = _PATTERN.match(text.strip()) if isinstance(text, str) else None
        if match is None:
            raise ValueError(f"expected a duration with its unit such as 250ms, 15s, 2min or 1h, got {text!r}")
        return cls(round(float(match[1]) * _FACTOR[match[2]]))

    @property
    def seconds(self) -> float:
        """The same in seconds."""
        return self / 1_000
