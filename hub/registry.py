"""The registry: which gateways exist, which devices they have, and at which bed each device stands and stood."""

from __future__ import annotations

import sys
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hub.settings import HubSettings
from rules.engine import Bed
from vitals.identity import BedKey
from vitals.live import WardSnapshot


class Spell(NamedTuple):
    """A device stood at a bed (None: at no bed) from `start` (UTC ms) until its next spell."""

    start: int
    bed: BedKey | None


def source_of(gateway: str, device: str) -> str:
    """What rules and displays call a device; the same object each time, which dictionaries find sooner."""
    return sys.intern(f"{gateway}/{device}")


class Registry:
    """Begins with the settings; `place` says where a device was moved to. Answers where a record belongs.

    `gateways` is where each device stands now, and changes in place.
    """

    def __init__(self, settings: HubSettings) -> None:
        self.wards: Mapping[str, str] = {ward.id: ward.title or ward.id for ward in settings.wards}
        self.bed_titles: Mapping[BedKey, str] = {
            BedKey(ward.id, bed.id): bed.title or bed.id for ward in settings.wards for bed in ward.beds
        }
        self._gateways: dict[str, dict[str, BedKey | None]] = {
            gateway.id: {device.id: BedKey.parse(device.bed) if device.bed else None for device in gateway.devices}
            for gateway in settings.gateways
        }
        self.gateways: Mapping[str, Mapping[str, BedKey | None]] = self._gateways
        self.moved: dict[str, dict[str, int]] = {}
        """Since when each device stands where it stands now, by gateway; only of those that stood elsewhere before."""
        self.moves = 0  # grows when `saw` may have moved a device
        self._seen: dict[str, dict[tuple[str, str], BedKey]] = {}
        self._spells: dict[tuple[str, str], Sequence[Spell]] = {}
        self._beds = {bed.key: bed for bed in self._placed()}

    def beds(self) -> list[Bed]:
        """Every bed with the sources (`gateway/device`) that stand at it."""
        return list(self._beds.values())

    def bed(self, key: BedKey) -> Bed:
        """One bed with its sources."""
        return self._beds[key]

    def beds_of_gateway(self, gateway: str) -> list[BedKey]:
        """The beds of a gateway, one entry per device that stands at one."""
        return [key for key in self.gateways[gateway].values() if key is not None]

    def beds_of_gateways(self) -> dict[str, list[BedKey]]:
        """The same of all."""
        return {gateway: self.beds_of_gateway(gateway) for gateway in self.gateways}

    def served(self, gateway: str) -> set[BedKey]:
        """The beds devices of a gateway stand at or have stood at."""
        spells = (self.spells(gateway, device) for device in self.gateways.get(gateway, ()))
        return {spell.bed for one in spells for spell in one if spell.bed is not None}

    def spells(self, gateway: str, device: str) -> Sequence[Spell]:
        """Where a device stood, the present spell last."""
        known = self._spells.get((gateway, device))
        return known if known is not None else (Spell(0, self.gateways[gateway][device]),)

    def bed_at(self, gateway: str, device: str, time: int) -> BedKey | None:
        """The bed a device stood at; before all that is known, the first one."""
        spells = self._spells.get((gateway, device))
        if spells is None:
            return self.gateways[gateway].get(device)
        return spells[max(0, bisect_right(spells, time, key=lambda spell: spell.start) - 1)].bed

    def place(self, gateway: str, device: str, spells: Sequence[Spell]) -> list[Bed]:
        """Where a device has stood, the present spell last; the beds that have other sources now than before."""
        before, after = self._gateways[gateway][device], spells[-1].bed
        self._gateways[gateway][device] = after
        if len(spells) > 1:
            self._spells[gateway, device] = tuple(spells)
            self.moved.setdefault(gateway, {})[device] = spells[-1].start
        if before == after:
            return []
        touched = [bed for bed in self._placed() if bed.key in (before, after)]
        self._beds.update({bed.key: bed for bed in touched})
        return touched

    def saw(self, snapshot: WardSnapshot) -> None:
        """Where the devices of a ward stand by the word of the hub, for a process that only listens to it."""
        placed = {
            (device.gateway, device.device): BedKey(snapshot.ward, bed.bed)
            for bed in snapshot.beds
            for device in bed.devices
        }
        if self._seen.get(snapshot.ward) == placed:
            return
        self._seen[snapshot.ward] = placed
        self.moves += 1
        for gateway, devices in self._gateways.items():
            for device, key in devices.items():
                there = placed.get((gateway, device))
                if there is not None:
                    devices[device] = there
                elif key is not None and key.ward == snapshot.ward:
                    devices[device] = None

    def _placed(self) -> list[Bed]:
        sources: dict[BedKey, list[str]] = {key: [] for key in self.bed_titles}
        for gateway, devices in self.gateways.items():
            for device, key in devices.items():
                if key is not None:
                    sources[key].append(source_of(gateway, device))
        return [Bed(key, tuple(names)) for key, names in sources.items()]
