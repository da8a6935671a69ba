"""`/api/v1/wards/{ward}/waves`: some waves of every bed of a ward, as they come, over a WebSocket."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.websockets import WebSocket

from hub.console.console import Here
from hub.console.rights import Me, needs
from hub.console.sockets import TOO_MANY, pump
from vitals.parameters import WAVEFORMS

NO_SUCH_WARD = 4404
NO_SUCH_CHANNEL = 4422

router = APIRouter()


@router.websocket("/api/v1/wards/{ward}/waves", dependencies=[needs("view")])
async def look(websocket: WebSocket, here: Here, me: Me, ward: str, channel: Annotated[list[str], Query()]) -> None:
    """Four times a second, all that has come of these channels in the ward: see `hub.console.ward_waves.encode`."""
    await websocket.accept()
    if ward not in here.wards.registry.wards:
        await websocket.close(NO_SUCH_WARD, "there is no such ward")
        return
    channels = frozenset(channel)
    if not channels <= WAVEFORMS.keys():
        await websocket.close(NO_SUCH_CHANNEL, "there is no such waveform")
        return
    screen = here.waves.open_ward(ward, channels)
    if screen is None:
        await websocket.close(TOO_MANY, "too many screens show waves")
        return
    try:
        await pump(websocket, me, screen)
    finally:
        here.waves.forget_ward(ward, channels, screen)
