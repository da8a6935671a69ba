"""The two clocks of the monitor: one that counts eighths of milliseconds, one that people set."""

from __future__ import annotations

from datetime import datetime

_WRAP = 1 << 32


def ticks_between(earlier: int, later: int) -> int:
    """Ticks from one relative time to another, over a wrap of the counter; 0 if `earlier` lies in the future."""
    ticks = (later - earlier) % _WRAP
    return ticks if ticks < _WRAP // 2 else 0


def read_clock(data: bytes) -> str | None:
    """Century, year, month, day, hour, minute, second in BCD as a time without zone; None if it was never set."""
    time = _datetime(data)
    return time.isoformat() if time else None


def clock_ms_between(earlier: bytes, later: bytes) -> int | None:
    """Milliseconds from one set time to another, 0 if `earlier` lies in the future; None if one was never set."""
    first, second = _datetime(earlier), _datetime(later)
    if first is None or second is None:
        return None
    return max(0, round((second - first).total_seconds() * 1_000))


def _datetime(data: bytes) -> datetime | None:
    digits = data[:7].hex()
    if len(digits) != 14 or not digits.isdecimal():
        return None
    try:
        return datetime.strptime(digits, "%Y%m%d%H%M%S")
    except ValueError:
        return None
