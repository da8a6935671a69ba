"""The registry: which gateways exist, which devices they have, and at which bed each device stands."""

from __future__ import annotations

from collections.abc import Mapping

from hub.settings import HubSettings
from rules.engine import Bed
from vitals.identity import BedKey


class Registry:
    """Read once from the settings; answers where a record belongs."""

    def __init__(self, settings: HubSettings) -> None:
        self.wards: Mapping[str, str] = {ward.id: ward.title or ward.id for ward in settings.wards}
        self.bed_titles: Mapping[BedKey, str] = {
            BedKey(ward.id, bed.id): bed.title or bed.id for ward in settings.wards for bed in ward.beds
        }
        self.gateways: Mapping[str, Mapping[str, BedKey | None]] = {
            gateway.id: {device.id: BedKey.parse(device.bed) if device.bed else None for device in gateway.devices}
            for gateway in settings.gateways
        }
        self._beds = {bed.key: bed for bed in self._placed()}

    def beds(self) -> list[Bed]:
        """Every bed with the sources (`gateway/device`) that stand at it."""
        return list(self._beds.values())

    def bed(self, key: BedKey) -> Bed:
        """One bed with its sources."""
        return self._beds[key]

    def beds_of_gateways(self) -> dict[str, list[BedKey]]:
        """The beds of each gateway, one entry per device that stands at one."""
        return {
            gateway: [key for key in devices.values() if key is not None] for gateway, devices in self.gateways.items()
        }

    def _placed(self) -> list[Bed]:
        sources: dict[BedKey, list[str]] = {key: [] for key in self.bed_titles}
        for gateway, devices in self.gateways.items():
            for device, key in devices.items():
                if key is not None:
                    sources[key].append(f"{gateway}/{device}")
        return [Bed(key, tuple(names)) for key, names in sources.items()]
