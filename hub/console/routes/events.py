"""`/api/v1/events`: the live picture as Server-Sent Events, for programs that would rather not speak WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from hub.console.answers import Refusal, says
from hub.console.console import Console, Here
from hub.console.rights import LOOK_AGAIN_S, Me, needs, people_of
from hub.console.streams import Screen

router = APIRouter(tags=["stream"])

_STREAM = says(str, "A stream without an end: `event:` the type, `id:` the number, `data:` the message", 401, 403, 503)
_STREAM[200]["content"] = {"text/event-stream": {"schema": {"type": "string"}}}


class _Head(msgspec.Struct):
    """What every message begins with."""

    type: str
    number: int


@router.get("/api/v1/events", dependencies=[needs("view")], responses=_STREAM)
async def events(here: Here, me: Me, request: Request) -> Response:
    """The same messages as `/api/v1/stream`: the whole first, then each change, and a beat each second."""
    screen = here.streams.open(me.wards)
    if screen is None:
        raise Refusal(503, "too many screens are open")
    return StreamingResponse(_lines(here, me, request, screen), media_type="text/event-stream")


async def _lines(here: Console, me: Me, request: Request, screen: Screen) -> AsyncIterator[bytes]:
    loop = asyncio.get_running_loop()
    looked = loop.time()
    try:
        while (text := await screen.get()) is not None:
            if loop.time() > looked + LOOK_AGAIN_S:
                looked = loop.time()
                found = people_of(request).person(request)
                if found is None or (found.rights, found.wards) != (me.rights, me.wards):
                    return
            head = msgspec.json.decode(text, type=_Head)
            yield f"event: {head.type}\nid: {head.number}\ndata: {text}\n\n".encode()
    finally:
        here.streams.forget(screen)
