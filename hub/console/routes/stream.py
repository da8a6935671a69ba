"""`/api/v1/stream`: the live picture over a WebSocket."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.websockets import WebSocket

from hub.console.console import Here
from hub.console.rights import Me, needs
from hub.console.sockets import TOO_MANY, pump

router = APIRouter()


@router.websocket("/api/v1/stream", dependencies=[needs("view")])
async def stream(websocket: WebSocket, here: Here, me: Me) -> None:
    """The whole first, then each change, then the whole again for who fell behind; a beat each second."""
    await websocket.accept()
    screen = here.streams.open(me.wards)
    if screen is None:
        await websocket.close(TOO_MANY, "too many screens are open")
        return
    try:
        await pump(websocket, me, screen)
    finally:
        here.streams.forget(screen)
