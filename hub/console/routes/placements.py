"""`/api/v1/placements`: at which bed each device stands and stood, and how it is moved."""

from __future__ import annotations

import uuid

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.adt.ledger import AdtLedger
from hub.console.answers import Answer, Refusal, says
from hub.console.asked import known_bed
from hub.console.console import Console, Here
from hub.console.orders import NAMED, carry_out, signed
from hub.console.patient_views import PlacementView, placement_view
from hub.console.printable import printable
from hub.console.rights import Me, needs
from hub.console.times import LATEST
from vitals.commands import Assign
from vitals.identity import BedKey

router = APIRouter(tags=["machines"])


class Placing(BaseModel):
    """Where a device stands from now, or from `time`, at most an hour ago."""

    model_config = ConfigDict(extra="forbid")

    bed: str = Field(
        pattern=r"^([a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30})?$", description="ward/bed; empty: at no bed"
    )
    time: int | None = Field(None, ge=0, le=LATEST, description="UTC ms; none: now")
    reason: str = Field("", max_length=200)
    by: str | None = NAMED


@router.get(
    "/api/v1/placements",
    dependencies=[needs("view")],
    responses=says(list[PlacementView], "Where each device stands", 503),
)
async def placements(here: Here, me: Me) -> Response:
    """Where every registered device stands now, and since when."""
    found = await here.archive.query(lambda journal: AdtLedger(journal.select).placements())
    registered = here.wards.registry.gateways
    return Answer(
        [
            placement_view(one)
            for one in found
            if one.end is None and one.device in registered.get(one.gateway, ()) and me.sees(one.ward)
        ]
    )


@router.get(
    "/api/v1/devices/{gateway}/{device}/placements",
    dependencies=[needs("view")],
    responses=says(list[PlacementView], "Where it stood, oldest first", 404, 503),
)
async def device_placements(here: Here, gateway: str, device: str) -> Response:
    """Where a device stood. What it measured belongs to the bed it stood at then."""
    _known(here, gateway, device)
    found = await here.archive.query(lambda journal: AdtLedger(journal.select).placements(gateway, device))
    return Answer([placement_view(one) for one in found])


@router.post(
    "/api/v1/devices/{gateway}/{device}/assign",
    dependencies=[needs("devices")],
    responses=says(list[PlacementView], "Where it stood, oldest first", 403, 404, 409, 422, 503, 504),
)
async def assign_device(here: Here, me: Me, gateway: str, device: str, placing: Placing) -> Response:
    """Move a device to another bed, or away."""
    former = _known(here, gateway, device)
    me.require("devices", former.ward if former is not None else "")
    if placing.bed:
        to = BedKey.parse(placing.bed)
        me.require("devices", known_bed(here, to.ward, to.bed).ward)
    command = Assign(
        request=uuid.uuid4().hex,
        by=signed(me, placing.by),
        reason=printable(placing.reason),
        device=f"{gateway}/{device}",
        bed=placing.bed,
        time=placing.time,
    )
    await carry_out(here.commands, "assign-device", command, look_at="devices")
    return await device_placements(here, gateway, device)


def _known(here: Console, gateway: str, device: str) -> BedKey | None:
    """Where a registered device stands. Raises Refusal."""
    devices = here.wards.registry.gateways.get(gateway, {})
    if device not in devices:
        raise Refusal(404, f"there is no device {gateway[:40]}/{device[:40]}; GET /api/v1/placements lists them")
    return devices[device]
