"""What waits for a screen goes out over its WebSocket, until the screen, its person or the console leaves."""

from __future__ import annotations

import asyncio
from typing import Protocol

from starlette.websockets import WebSocket

from hub.console.rights import Person, signed_out

SEND_TIMEOUT_S = 10.0  # a screen that takes nothing for so long is gone
GOING_DOWN = 1012
TOO_MANY = 1013
SIGNED_OUT = 4401


class Waiting(Protocol):
    """What a screen has yet to be sent."""

    async def get(self) -> str | bytes | None:
        """The next message, None at the end."""
        ...


async def pump(websocket: WebSocket, me: Person, waiting: Waiting) -> None:
    """Send message after message. Returns when one side has left, or when `me` may no longer see it."""
    watch = asyncio.create_task(signed_out(websocket, me))
    parts = [asyncio.create_task(_send(websocket, waiting)), asyncio.create_task(_listen(websocket)), watch]
    try:
        await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        if watch.done():
            await websocket.close(SIGNED_OUT, "nobody is signed in here any more")
    finally:
        for part in parts:
            part.cancel()
        await asyncio.gather(*parts, return_exceptions=True)


async def _send(websocket: WebSocket, waiting: Waiting) -> None:
    while (message := await waiting.get()) is not None:
        async with asyncio.timeout(SEND_TIMEOUT_S):
            if isinstance(message, bytes):
                await websocket.send_bytes(message)
            else:
                await websocket.send_text(message)
    await websocket.close(GOING_DOWN, "the console is going down")


async def _listen(websocket: WebSocket) -> None:
    """Wait for the screen to leave; what it says is ignored."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        pass
