"""The machinery: health of the console and the hub, gateways, and what the hub refused."""

from __future__ import annotations

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from hub.console.answers import Answer, says
from hub.console.console import Console, Here
from hub.console.rights import Me, needs, open_to_all
from hub.console.views import (
    SILENT_AFTER_MS,
    BrokerView,
    GatewayView,
    HealthView,
    JournalView,
    QuarantineView,
)

router = APIRouter(tags=["machines"])

_HEALTH = says(HealthView, "There is a live picture")
_HEALTH[503] = {**_HEALTH[200], "description": "There is no live picture; `reason` says why"}


@router.get("/healthz", dependencies=[open_to_all()], responses=_HEALTH)
async def healthz(here: Here) -> Response:
    """Whether what the board shows is the present."""
    health = _health(here, await here.archive.readable())
    return Answer(health, 503 if health.status == "failed" else 200)


@router.get(
    "/api/v1/gateways",
    dependencies=[needs("view")],
    responses=says(list[GatewayView], "Every registered gateway with its devices"),
)
async def gateways(here: Here, me: Me) -> Response:
    """Gateways and devices, and how the hub hears them."""
    found = [
        msgspec.structs.replace(one, devices=[device for device in one.devices if me.sees(device.ward or "")])
        for one in here.wards.gateways(here.now())
    ]
    return Answer([one for one in found if one.devices or me.wards is None])


@router.get(
    "/api/v1/quarantine",
    dependencies=[needs("devices")],
    responses=says(list[QuarantineView], "The newest refused messages", 422, 503),
)
async def quarantine(here: Here, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
    """What the hub refused and why, newest first."""
    return Answer(await here.archive.query(lambda history: history.quarantine(limit)))


def _health(here: Console, readable: bool) -> HealthView:
    hub = here.wards.hub(here.now())
    connected = here.connected()
    failure = ""
    if not connected:
        failure = "the console is not connected to the broker"
    elif hub.silent_ms is None:
        failure = "the hub has not spoken of every ward since the console started"
    elif hub.silent_ms > SILENT_AFTER_MS:
        failure = f"the hub has been silent for {hub.silent_ms // 1_000} s"
    return HealthView(
        status="failed" if failure else "ok" if readable else "degraded",
        reason=failure or ("" if readable else "the journal cannot be read, so there is no history"),
        version=here.version,
        hub=hub,
        broker=BrokerView(connected=connected),
        journal=JournalView(readable=readable),
    )
