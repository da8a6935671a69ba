"""Stations: a device that was moved is, from one moment on, at its new bed for everybody who asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hub.admissions import time_of
from hub.adt.assignments import Assignments
from hub.alarms.acts import known_bed
from hub.deeds import Act, Done
from hub.registry import Registry
from rules.engine import Bed, Engine
from vitals.commands import Assign
from vitals.identity import BedKey

Follow = Callable[[str, Sequence[Bed], int], None]
"""Told that a device of this gateway was moved and which beds have other devices now; keeps others' pictures of it."""


class Stations:
    """The action `assign-device`."""

    def __init__(self, registry: Registry, assignments: Assignments, engine: Engine, follow: Follow) -> None:
        self._registry = registry
        self._assignments = assignments
        self._engine = engine
        self._follow = follow

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {"assign-device": self._assign}

    def _assign(self, command: Assign, now: int) -> Done:
        gateway, _, device = command.device.partition("/")
        bed: BedKey | None = known_bed(self._registry.bed_titles, command.bed) if command.bed else None
        start = min(time_of(command.time, now), now)
        self._assignments.check(gateway, device, bed, start, now)
        touched, writes = self._assignments.move(gateway, device, bed, start, command.by, command.reason, now)
        where = f"device {command.device} was moved {f'to {bed}' if bed else 'away'}"
        self._follow(gateway, touched, now)
        events = [event for one in touched for event in self._engine.station(one, command.by, where, now)]
        return Done(events, writes)
