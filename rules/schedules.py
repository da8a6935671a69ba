"""Hours of the day in local time: when a rule or another bound is in force."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Schedule:
    """Each day from `start` until just before `end`, past midnight where `end` is the earlier; or the time outside."""

    start: time
    end: time
    zone: ZoneInfo
    inverted: bool = False

    def holds(self, now: int) -> bool:
        """Whether `now` (UTC milliseconds) lies inside, by the local clock."""
        clock = datetime.fromtimestamp(now / 1_000, self.zone).time()
        if self.start < self.end:
            inside = self.start <= clock < self.end
        else:
            inside = clock >= self.start or clock < self.end
        return inside is not self.inverted

    def next_change(self, now: int) -> int:
        """The next moment at which `holds` may change."""
        today = datetime.fromtimestamp(now / 1_000, self.zone).date()
        moments = (
            _moment(datetime.combine(today + timedelta(days=days), clock, self.zone))
            for days in range(3)
            for clock in (self.start, self.end)
        )
        return min(moment for moment in moments if moment > now)


def _moment(local: datetime) -> int:
    return round(local.astimezone(UTC).timestamp() * 1_000)
