"""Spans of time as people ask for them."""

from __future__ import annotations

from hub.console.times import parse_time

DAY_MS = 86_400_000


def read_span(start: str | None, end: str | None, now: int, names: tuple[str, str]) -> tuple[int, int]:
    """UTC ms from `start`, by default a day before the end, to `end`, by default now. Raises ValueError."""
    high = parse_time(names[1], end) if end is not None else now
    low = parse_time(names[0], start) if start is not None else max(0, high - DAY_MS)
    if low >= high:
        raise ValueError(f"`{names[0]}` must be before `{names[1]}`")
    return low, high
