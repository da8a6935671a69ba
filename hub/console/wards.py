"""The wards as the console knows them: snapshots and alarm messages in, views of the present out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hub.console.printable import printable
from hub.console.views import (
    SILENT_AFTER_MS,
    BedView,
    DeviceView,
    GatewayDeviceView,
    GatewayView,
    HubView,
    WardView,
    bed_view,
    device_view,
)
from hub.registry import Registry
from vitals.alarms import PRIORITY_RANK, Alarm
from vitals.identity import BedKey
from vitals.live import LiveBed, WardSnapshot
from vitals.sessions import GatewayStatus, HubStatus


class _Ward:
    """The last snapshot of one ward and its alarms, which may be newer than the snapshot."""

    __slots__ = ("alarms", "received", "snapshot")

    def __init__(self) -> None:
        self.snapshot: WardSnapshot | None = None
        self.received = 0
        self.alarms: dict[tuple[str, str], Alarm] = {}  # (bed, rule)


class Wards:
    """What the hub has said. `now` is milliseconds on a clock that never steps."""

    def __init__(self, registry: Registry, hub: str, shown: Callable[[str], str] = lambda _: "") -> None:
        """`shown` says as much of the name of a patient as a board shows."""
        self.registry = registry
        self._hub = hub
        self._shown = shown
        self._wards = {ward: _Ward() for ward in registry.wards}
        self._status: HubStatus | None = None
        self._heartbeat: int | None = None
        self._gateways: dict[str, GatewayStatus] = {}
        self._equipment: dict[tuple[str, str], Alarm] = {}  # (subject, rule)

    # What arrives.

    def take_snapshot(self, snapshot: WardSnapshot, now: int) -> bool:
        """A ward as the hub sees it; its alarms are all there are. False for a ward of somebody else."""
        ward = self._wards.get(snapshot.ward)
        if ward is None:
            return False
        ward.snapshot, ward.received = snapshot, now
        self.registry.saw(snapshot)
        ward.alarms = {(bed.bed, alarm.rule): alarm for bed in snapshot.beds for alarm in bed.alarms}
        return True

    def take_alarm(self, ward_id: str, bed: str, rule: str, alarm: Alarm | None) -> bool:
        """An alarm topic: the alarm's state, or None when it ended. False when it says nothing new."""
        ward = self._wards.get(ward_id)
        if ward is None:
            return False
        known = ward.alarms.get((bed, rule))
        if alarm is None:
            return ward.alarms.pop((bed, rule), None) is not None
        if (alarm.ward, alarm.bed, alarm.rule) != (ward_id, bed, rule):
            return False
        if known is not None and known.id == alarm.id and alarm.rev <= known.rev:
            return False
        ward.alarms[bed, rule] = alarm
        return True

    def take_equipment(self, hub: str, subject: str, rule: str, alarm: Alarm | None) -> bool:
        """An alarm of equipment that stands at no bed, or None when it ended. False when it says nothing new."""
        if hub != self._hub:
            return False
        known = self._equipment.get((subject, rule))
        if alarm is None:
            return self._equipment.pop((subject, rule), None) is not None
        if (alarm.subject, alarm.rule) != (subject, rule):
            return False
        if known is not None and known.id == alarm.id and alarm.rev <= known.rev:
            return False
        self._equipment[subject, rule] = alarm
        return True

    def take_status(self, status: HubStatus) -> None:
        """What the hub, or its last will, says of itself."""
        if status.hub == self._hub:
            self._status = status

    def take_gateway(self, gateway: str, status: GatewayStatus) -> None:
        """What a registered gateway, or its last will, says of itself."""
        if gateway in self.registry.gateways and status.gateway == gateway:
            before = self._gateways.get(gateway)
            # A last will knows no numbers: those said before it are the newest there are.
            self._gateways[gateway] = before if before is not None and not status.time else status

    def take_heartbeat(self, hub: str, now: int) -> None:
        """A beat of the hub."""
        if hub == self._hub:
            self._heartbeat = now

    # What is shown.

    def alarm(self, number: str) -> Alarm | None:
        """The announced alarm with this id."""
        return next((alarm for alarm in self.alarms() if alarm.id == number), None)

    def alarms(self, ward: str | None = None, bed: str | None = None) -> list[Alarm]:
        """Announced alarms, most urgent first; of one ward or bed if asked, equipment included that concerns it."""
        wards = self._wards.values() if ward is None else [self._wards[ward]] if ward in self._wards else []
        found = [alarm for one in wards for alarm in one.alarms.values() if bed in (None, alarm.bed)]
        return _by_urgency(found + (self.equipment(ward) if bed is None else []))

    def equipment(self, ward: str | None = None) -> list[Alarm]:
        """Alarms of equipment that stands at no bed: all, or those of one ward and of the whole hub."""
        return _by_urgency([alarm for alarm in self._equipment.values() if ward is None or alarm.ward in ("", ward)])

    def silent_ms(self, now: int) -> int | None:
        """Since when the ward that waits longest has had no snapshot; None when one has never had any."""
        ages = [self._age(ward, now) for ward in self._wards.values()]
        known = [age for age in ages if age is not None]
        return max(known) if len(known) == len(ages) else None

    def hub(self, now: int) -> HubView:
        """The hub itself."""
        status = self._status
        return HubView(
            hub=self._hub,
            connected=status is not None and status.online,
            version=status.version if status else "",
            heartbeat_age_ms=None if self._heartbeat is None else now - self._heartbeat,
            silent_ms=self.silent_ms(now),
        )

    def views(self, now: int) -> list[WardView]:
        """Every ward."""
        return [self.view(ward, now) for ward in self._wards]

    def view(self, ward_id: str, now: int) -> WardView:
        """One ward: each bed of the settings, and any other the hub speaks of."""
        ward = self._wards[ward_id]
        age = self._age(ward, now)
        said = {bed.bed: bed for bed in ward.snapshot.beds} if ward.snapshot else {}
        names = [key.bed for key in self.registry.bed_titles if key.ward == ward_id]
        names += [name for name in said if name not in names]
        return WardView(
            ward=ward_id,
            title=self.registry.wards[ward_id],
            stream_age_ms=age,
            beds=[self._bed(ward_id, name, said.get(name), age) for name in names],
        )

    def _bed(self, ward: str, name: str, said: LiveBed | None, age: int | None) -> BedView:
        unheard = age is None or age > SILENT_AFTER_MS or said is None
        title = self.registry.bed_titles.get(BedKey(ward, name)) or (said.title if said else "") or name
        live = said or LiveBed(bed=name)
        return bed_view(
            ward,
            title,
            live,
            self.alarms(ward, name),
            age if said else None,
            hub_silent=unheard,
            shown=self._shown(live.patient) if live.patient else "",
        )

    def gateways(self, now: int) -> list[GatewayView]:
        """Every registered gateway with its devices."""
        return [self._gateway(name, now) for name in self.registry.gateways]

    def _gateway(self, name: str, now: int) -> GatewayView:
        heard = {device: self._device(name, device, key, now) for device, key in self.registry.gateways[name].items()}
        online = [view.gateway_online for view in heard.values() if view is not None]
        return GatewayView(
            gateway=name,
            online=next((word for word in online if word is not None), None),
            clock_offset_ms=next((view.clock_offset_ms for view in heard.values() if view is not None), None),
            **_words_of(self._gateways.get(name)),
            devices=[
                _gateway_device(device, self.registry.gateways[name][device], view) for device, view in heard.items()
            ],
        )

    def _device(self, gateway: str, device: str, key: BedKey | None, now: int) -> DeviceView | None:
        ward = self._wards.get(key.ward) if key else None
        if key is None or ward is None or ward.snapshot is None:
            return None
        for bed in ward.snapshot.beds:
            for live in bed.devices:
                if (bed.bed, live.gateway, live.device) == (key.bed, gateway, device):
                    return device_view(live, now - ward.received)
        return None

    def _age(self, ward: _Ward, now: int) -> int | None:
        return None if ward.snapshot is None else max(0, now - ward.received)


def _words_of(status: GatewayStatus | None) -> dict[str, Any]:
    """What a gateway has last said of itself; nothing where it never spoke."""
    if status is None or not status.time:
        return {}
    return {
        "said": status.time,
        "spooled": status.spooled,
        "accepted": status.accepted,
        "durability": status.durability,
        "reason": printable(status.reason),
        "version": printable(status.version),
    }


def _gateway_device(device: str, key: BedKey | None, view: DeviceView | None) -> GatewayDeviceView:
    return GatewayDeviceView(
        device=device,
        ward=key.ward if key else None,
        bed=key.bed if key else None,
        link=view.link if view else "",
        detail=view.detail if view else "",
        states=view.states if view else (),
        age_ms=view.age_ms if view else None,
    )


def _by_urgency(alarms: list[Alarm]) -> list[Alarm]:
    """Patient alarms before technical ones, then the highest priority, then the unseen, then the newest."""
    return sorted(
        alarms,
        key=lambda alarm: (
            alarm.kind == "technical",
            -PRIORITY_RANK[alarm.priority],
            alarm.state != "active",
            -alarm.raised,
        ),
    )
