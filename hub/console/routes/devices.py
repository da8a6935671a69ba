"""`/api/v1/devices`: the state of every gateway and device, how long it was online, and what it went through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Query, Response

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import span
from hub.console.console import Console, Here
from hub.console.rights import Me, Person, needs
from hub.console.ticket_views import (
    SPANS,
    EquipmentView,
    StretchView,
    equipment_view,
    stretch_view,
)
from hub.console.times import DAY_MS
from hub.registry import Registry
from hub.tickets.ledger import Ledger
from rules.fleet import Equipment
from vitals.identity import BedKey

router = APIRouter(tags=["machines"])


@router.get(
    "/api/v1/devices",
    dependencies=[needs("view")],
    responses=says(list[EquipmentView], "Every gateway and device with its uptime", 503),
)
async def devices(here: Here, me: Me) -> Response:
    """Every registered gateway, each followed by its devices."""
    now = here.clock.wall_ms()
    spans = tuple(SPANS.values())

    def ask(ledger: Ledger) -> list[EquipmentView]:
        tickets = ledger.open_tickets()
        return [
            equipment_view(one, bed, ledger.present(one, spans, now), tickets.get(one))
            for one, bed in _equipment(here.wards.registry)
            if _sees(here, me, one)
        ]

    return Answer(await here.archive.query(lambda history: ask(Ledger(history.select))))


_STRETCHES = says(list[StretchView], "The states it was in, oldest first", 404, 422, 503)
_From = Annotated[str | None, Query(alias="from", description="ISO 8601 or epoch ms; default: 7 days before to")]
_To = Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")]


@router.get("/api/v1/devices/{gateway}/{device}/history", dependencies=[needs("view")], responses=_STRETCHES)
async def device_history(
    here: Here, me: Me, gateway: str, device: str, start: _From = None, end: _To = None
) -> Response:
    """What a device went through."""
    return await _history(here, me, Equipment(gateway, device), start, end)


@router.get("/api/v1/gateways/{gateway}/history", dependencies=[needs("view")], responses=_STRETCHES)
async def gateway_history(here: Here, me: Me, gateway: str, start: _From = None, end: _To = None) -> Response:
    """What a gateway went through."""
    return await _history(here, me, Equipment(gateway), start, end)


async def _history(here: Console, me: Person, equipment: Equipment, start: str | None, end: str | None) -> Response:
    if equipment not in dict(_equipment(here.wards.registry)) or not _sees(here, me, equipment):
        raise Refusal(404, f"there is no {str(equipment)[:80]}; GET /api/v1/devices lists them")
    low, high = span(here, start, end, 7 * DAY_MS)
    now = here.clock.wall_ms()
    found = await here.archive.query(lambda history: Ledger(history.select).stretches(equipment, low, high, now))
    return Answer([stretch_view(one) for one in found])


def _sees(here: Console, me: Person, equipment: Equipment) -> bool:
    """A device is seen in its ward, a gateway by who sees one of its devices; what stands nowhere is everybody's."""
    places = here.wards.registry.gateways[equipment.gateway]
    beds = [places[equipment.device]] if equipment.device else list(places.values())
    return not beds or any(bed is None or me.sees(bed.ward) for bed in beds)


def _equipment(registry: Registry) -> Iterator[tuple[Equipment, BedKey | None]]:
    for gateway, places in registry.gateways.items():
        yield Equipment(gateway), None
        for device, bed in places.items():
            yield Equipment(gateway, device), bed
