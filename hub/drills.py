"""Drills: a TEST record is ordered from the gateway of a bed; a ward where none took place in time is a fault."""

from __future__ import annotations

import msgspec

from hub.alarms.acts import known_bed
from hub.deeds import DONE, Act, Done
from hub.journal import Journal
from hub.registry import Registry
from rules.watch import Fault
from vitals import topics
from vitals.alarms import AlarmEvent
from vitals.codec import encode
from vitals.commands import Drill
from vitals.drills import DRILL, DrillOrder
from vitals.identity import BedKey

MISSED = "drill-missed"

_LAST = "SELECT ward, max(time) FROM alarm_event WHERE rule = ? AND change IN ('raised', 'reraised') GROUP BY ward"
_FIRST = "SELECT min(time) FROM alarm_event"


class Drills:
    """The action `drill`, and when each ward had its last one. `every` is None where none is expected."""

    def __init__(self, registry: Registry, hub: str, every: int | None, journal: Journal, now: int) -> None:
        self._beds = registry.bed_titles
        self._registry = registry
        self._hub = hub
        self._every = every
        # A ward that never had one is judged from when this journal began, not from the last restart.
        began = min([now, *(time for (time,) in journal.read(_FIRST) if time is not None)])
        wards = {bed.key.ward for bed in registry.beds() if bed.sources}
        self._last = dict.fromkeys(sorted(wards), began)
        self._last |= {ward: time for ward, time in journal.read(_LAST, DRILL) if ward in wards}

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {"drill": self._order}

    def saw(self, event: AlarmEvent) -> None:
        """An alarm event went out; one of a drill shows that the path works as far as here."""
        if event.alarm.rule == DRILL and event.change in ("raised", "reraised") and event.alarm.ward in self._last:
            self._last[event.alarm.ward] = event.time

    def faults(self, now: int) -> list[Fault]:
        """For each ward, whether a drill is overdue."""
        if self._every is None:
            return []
        return [
            Fault(
                BedKey(ward, f"hub/{self._hub}"),
                MISSED,
                now - last > self._every,
                f"No TEST alarm of ward {ward} for {_long(now - last)}; try: wardline drill",
            )
            for ward, last in self._last.items()
        ]

    def _order(self, command: Drill, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        sources = self._registry.bed(bed).sources
        if not sources:
            raise ValueError(f"no device stands at bed {bed}, so no gateway can send a TEST record for it")
        gateway, _, device = sources[0].partition("/")
        order = DrillOrder(request=command.request, device=device, time=now)
        return Done(
            words=[(topics.drill(gateway), encode(order))], result=msgspec.structs.replace(DONE, gateway=gateway)
        )


def _long(duration: int) -> str:
    hours = duration // 3_600_000
    return f"{hours} h" if hours else f"{duration // 60_000} min"
