"""Times people give: ISO 8601 or epoch milliseconds, read into UTC milliseconds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

DAY_MS = 86_400_000
LATEST = 253_402_300_799_999  # the end of the year 9999

# A plus sign that was not escaped in a URL arrives as a space.
_LOST_PLUS = re.compile(r" (?=\d\d:?\d\d$)")


def parse_time(name: str, text: str) -> int:
    """UTC milliseconds of `text`; without a zone it is UTC. Raises ValueError with one sentence."""
    words = text.strip()
    try:
        if words.isascii() and words.isdigit():
            time = int(words)
        else:
            moment = datetime.fromisoformat(_LOST_PLUS.sub("+", words) if "T" in words else words)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
            time = round(moment.timestamp() * 1_000)
    except (ValueError, OverflowError):
        raise ValueError(_sentence(name, text)) from None
    if not 0 <= time <= LATEST:
        raise ValueError(f"`{name}` must lie between 1970 and 9999, not at {text[:40]!r}")
    return time


def read_span(
    start: str | None, end: str | None, now: int, usual_ms: int, names: tuple[str, str] = ("from", "to")
) -> tuple[int, int]:
    """[start, end), by default from `usual_ms` before the end until `now`. Raises ValueError with one sentence."""
    high = parse_time(names[1], end) if end is not None else now
    low = parse_time(names[0], start) if start is not None else max(0, high - usual_ms)
    if low >= high:
        raise ValueError(f"`{names[0]}` must be before `{names[1]}`")
    return low, high


def _sentence(name: str, text: str) -> str:
    return f"`{name}` must be a time such as 2025-11-21T03:00:00Z or epoch milliseconds, not {text[:40]!r}"
