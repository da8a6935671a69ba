"""Hours of the day in local time: when a rule or another bound is in force."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

Clock = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", description='Local time in quotes: "22:00"')]

_MINUTE_MS = 60_000


class Hours(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Each day from `from` until just before `to`, past midnight where `to` is the earlier; by the set's time zone."""

    from_: Annotated[Clock, Meta(description="Local time at which it begins")] = msgspec.field(name="from")
    to: Annotated[Clock, Meta(description="Local time at which it ends")]

    def __post_init__(self) -> None:
        if self.from_ == self.to:
            raise ValueError(f"from and to are both {self.to}; leave the hours out for the whole day")


@dataclass(frozen=True, slots=True)
class Schedule:
    """When something is in force: within hours of the day, or outside them where it is inverted."""

    start: time
    end: time
    zone: ZoneInfo
    inverted: bool = False

    def holds(self, now: int) -> bool:
        """Whether it is in force at `now` (UTC milliseconds), by the local clock."""
        return _holds(self, now // _MINUTE_MS)

    def next_change(self, now: int) -> int:
        """The next moment at which `holds` may change."""
        return _next_change(self, now // _MINUTE_MS)


def schedule(hours: Hours, zone: str, inverted: bool = False) -> Schedule:
    """The hours of a document in its time zone."""
    return Schedule(time.fromisoformat(hours.from_), time.fromisoformat(hours.to), ZoneInfo(zone), inverted)


def is_zone(name: str) -> bool:
    """Whether the time zone is known here."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


# Hours begin and end with a minute, and each bed asks again with each of its records.
@functools.lru_cache(maxsize=4_096)
def _holds(schedule: Schedule, minute: int) -> bool:
    clock = datetime.fromtimestamp(minute * 60, schedule.zone).time()
    over_midnight = schedule.start > schedule.end
    after, before = clock >= schedule.start, clock < schedule.end
    inside = (after or before) if over_midnight else (after and before)
    return inside is not schedule.inverted


@functools.lru_cache(maxsize=4_096)
def _next_change(schedule: Schedule, minute: int) -> int:
    today = datetime.fromtimestamp(minute * 60, schedule.zone).date()
    moments = (
        round(
            datetime.combine(today + timedelta(days=days), clock, schedule.zone).replace(fold=fold).timestamp() * 1_000
        )
        for days in range(3)
        for clock in (schedule.start, schedule.end)
        for fold in (0, 1)  # where the clocks are set back, an hour comes twice
    )
    return min(moment for moment in moments if moment > minute * _MINUTE_MS)
