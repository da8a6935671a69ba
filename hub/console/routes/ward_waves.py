"""`/api/v1/wards/{ward}/waves`: some waves of every bed of a ward, as they come, over a WebSocket."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.websockets import WebSocket

from hub.console.console import Here
from hub.console.rights import Me, needs, signed_out
from hub.console.ward_waves import WardScreen
from vitals.parameters import WAVEFORMS

SEND_TIMEOUT_S = 10.0  # a screen that takes nothing for so long is gone
GOING_DOWN = 1012
TOO_MANY = 1013
NO_SUCH_WARD = 4404
NO_SUCH_CHANNEL = 4422
SIGNED_OUT = 4401

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
    watch = asyncio.create_task(signed_out(websocket, me))
    parts = [asyncio.create_task(_send(websocket, screen)), asyncio.create_task(_listen(websocket)), watch]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            await websocket.close(SIGNED_OUT, "nobody is signed in here any more")
    finally:
        here.waves.forget_ward(ward, channels, screen)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


async def _send(websocket: WebSocket, screen: WardScreen) -> None:
    while (message := await screen.get()) is not None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await websocket.send_bytes(message)
    await websocket.close(GOING_DOWN, "the console is going down")


async def _listen(websocket: WebSocket) -> None:
    """Wait for the screen to leave; what it says is ignored."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
