"""Assignments: where each device stands and stood, as the settings said first and people said since."""

from __future__ import annotations

import logging

from hub.journal import Journal, Write
from hub.registry import Registry, Spell
from rules.engine import Bed
from vitals.identity import BedKey

PAST_MS = 3_600_000  # a device may be said to have moved as long ago as this; what is stored since then moves along

_ROWS = "SELECT gateway, device, ward, bed, start, source FROM assignment ORDER BY id"
_INSERT = (
    'INSERT INTO assignment (gateway, device, ward, bed, start, time, source, "by", reason)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_REPLACE = (
    "UPDATE {table} SET ward = ?, bed = ? WHERE ward = ? AND bed = ? AND time >= ? AND gateway = ? AND device = ?"
)

log = logging.getLogger(__name__)


class Assignments:
    """Where devices stand. The settings give the first place; a changed place in the settings is a move as well."""

    def __init__(self, journal: Journal, registry: Registry, now: int) -> None:
        self._registry = registry
        self.writes: list[Write] = []  # what the settings say that the journal does not know yet
        told: dict[tuple[str, str], list[Spell]] = {}
        said: dict[tuple[str, str], BedKey | None] = {}
        for gateway, device, ward, bed, start, source in journal.read(_ROWS):
            key = BedKey(ward, bed) if bed else None
            told.setdefault((gateway, device), []).append(Spell(start, key))
            if source == "settings":
                said[gateway, device] = key
        for gateway, devices in registry.gateways.items():
            for device, placed in list(devices.items()):
                self._begin(gateway, device, placed, told.get((gateway, device), []), said, now)

    def _begin(
        self,
        gateway: str,
        device: str,
        placed: BedKey | None,
        spells: list[Spell],
        said: dict[tuple[str, str], BedKey | None],
        now: int,
    ) -> None:
        name = (gateway, device)
        gone = bool(spells) and spells[-1].bed is not None and spells[-1].bed not in self._registry.bed_titles
        if not spells or said.get(name) != placed or gone:
            start = now if spells else 0
            self.writes.append(_row(name, placed, start, now, "settings", "", ""))
            if gone:
                log.warning("device %s stood at a bed the settings no longer have; it stands where they say", device)
            if not spells or spells[-1].bed != placed:
                spells = [*spells, Spell(start, placed)]
        self._registry.place(gateway, device, spells)

    def check(self, gateway: str, device: str, bed: BedKey | None, start: int, now: int) -> None:
        """Raises ValueError with a sentence where the device cannot have moved there then."""
        if device not in self._registry.gateways.get(gateway, {}):
            raise ValueError(f"there is no device {gateway}/{device}; the settings of the hub list them")
        last = self._registry.spells(gateway, device)[-1]
        if last.bed == bed:
            raise ValueError(f"device {gateway}/{device} stands {'at ' + str(bed) if bed else 'at no bed'} already")
        if start <= last.start:
            raise ValueError("the device was moved after that time; give a later time")
        if start < now - PAST_MS:
            raise ValueError("a device can be said to have moved at most an hour ago; give a later time, or none")

    def move(
        self, gateway: str, device: str, bed: BedKey | None, start: int, by: str, reason: str, now: int
    ) -> tuple[list[Bed], list[Write]]:
        """The device stands there from `start` on; the beds with other devices than before, and the rows."""
        former = self._registry.spells(gateway, device)
        touched = self._registry.place(gateway, device, [*former, Spell(start, bed)])
        writes = [_row((gateway, device), bed, start, now, "command", by, reason)]
        if start < now:
            was = _columns(former[-1].bed)
            # Where they were measured is what people say now; what is in the same commit is stored before this.
            writes += [
                Write(_REPLACE.format(table=table), (*_columns(bed), *was, start, gateway, device))
                for table in ("record", "wave")
            ]
        return touched, writes


def _row(name: tuple[str, str], bed: BedKey | None, start: int, now: int, source: str, by: str, reason: str) -> Write:
    return Write(_INSERT, (*name, *_columns(bed), start, now, source, by, reason))


def _columns(bed: BedKey | None) -> tuple[str, str]:
    return (bed.ward, bed.bed) if bed is not None else ("", "")
