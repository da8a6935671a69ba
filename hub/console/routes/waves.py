"""`/api/v1/beds/{ward}/{bed}/waves`: the waves of a bed, as they come over a WebSocket, or from the journal."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.websockets import WebSocket

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import known_bed
from hub.console.console import Here
from hub.console.rights import Me, needs
from hub.console.sockets import TOO_MANY, pump
from hub.console.times import parse_time
from hub.console.waves import WaveView, stored_view
from vitals.identity import BedKey
from vitals.parameters import WAVEFORMS

NO_SUCH_BED = 4404
MINUTE_MS = 60_000
MOST_MS = 10 * MINUTE_MS
LONGEST_FRAME_MS = 32_000  # one that began before the span may reach into it

_QUERY = (
    'SELECT gateway, epoch, seq, device, channel, time, clock, rate, scale, "offset", unit, samples FROM wave'
    " WHERE ward = ? AND bed = ? AND time >= ? AND time < ? ORDER BY time, id"
)

router = APIRouter(tags=["beds"])


@router.websocket("/api/v1/beds/{ward}/{bed}/waves", dependencies=[needs("view")])
async def look(websocket: WebSocket, here: Here, me: Me, ward: str, bed: str) -> None:
    """Each frame of each waveform of the bed as the gateway sends it, until the screen looks elsewhere."""
    key = BedKey(ward, bed)
    await websocket.accept()
    if key not in here.wards.registry.bed_titles:
        await websocket.close(NO_SUCH_BED, "there is no such bed")
        return
    onlooker = here.waves.open(key)
    if onlooker is None:
        await websocket.close(TOO_MANY, "too many screens look at waves")
        return
    try:
        await pump(websocket, me, onlooker)
    finally:
        here.waves.forget(onlooker)


@router.get(
    "/api/v1/beds/{ward}/{bed}/waves",
    dependencies=[needs("view")],
    responses=says(list[WaveView], "Frames that touch the span, oldest first", 404, 422, 503),
)
async def waves(
    here: Here,
    ward: str,
    bed: str,
    start: Annotated[
        str | None, Query(alias="from", description="ISO 8601 or epoch ms; default: a minute before to")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")] = None,
    channel: Annotated[list[str] | None, Query(description="only these; may be repeated")] = None,
) -> Response:
    """The stored waves of a bed in a span of at most ten minutes."""
    known_bed(here, ward, bed)
    try:
        high = parse_time("to", end) if end is not None else here.clock.wall_ms()
        low = parse_time("from", start) if start is not None else max(0, high - MINUTE_MS)
    except ValueError as error:
        raise Refusal(422, str(error)) from error
    if not low < high <= low + MOST_MS:
        raise Refusal(422, "`from` must be before `to`, by at most ten minutes: ask for waves piece by piece")
    for name in channel or []:
        if name not in WAVEFORMS:
            raise Refusal(422, f"there is no waveform {name[:40]!r}; known: {', '.join(WAVEFORMS)}")
    rows = await here.archive.query(lambda history: history.select(_QUERY, ward, bed, low - LONGEST_FRAME_MS, high))
    views = [stored_view(row) for row in rows if channel is None or row[4] in channel]
    return Answer([view for view in views if view.time + len(view.values) * 1_000 / view.rate_hz > low])
