"""`/api/v1/stream`: the live picture over a WebSocket."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.websockets import WebSocket

from hub.console.console import Here
from hub.console.rights import Me, needs, signed_out
from hub.console.streams import Screen

SEND_TIMEOUT_S = 10.0  # a screen that takes nothing for so long is gone
GOING_DOWN = 1012
TOO_MANY = 1013
SIGNED_OUT = 4401

router = APIRouter()


@router.websocket("/api/v1/stream", dependencies=[needs("view")])
async def stream(websocket: WebSocket, here: Here, me: Me) -> None:
    """The whole first, then each change, then the whole again for who fell behind; a beat each second."""
    screen = here.streams.open(me.wards)
    await websocket.accept()
    if screen is None:
        await websocket.close(TOO_MANY, "too many screens are open")
        return
    watch = asyncio.create_task(signed_out(websocket, me))
    parts = [asyncio.create_task(_send(websocket, screen)), asyncio.create_task(_listen(websocket)), watch]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            await websocket.close(SIGNED_OUT, "nobody is signed in here any more")
    finally:
        here.streams.forget(screen)
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


async def _send(websocket: WebSocket, screen: Screen) -> None:
    while (text := await screen.get()) is not None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await websocket.send_text(text)
    await websocket.close(GOING_DOWN, "the console is going down")


async def _listen(websocket: WebSocket) -> None:
    """Wait for the screen to leave; what it says is ignored."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
