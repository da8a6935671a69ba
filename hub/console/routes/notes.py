"""`/api/v1/beds/{ward}/{bed}/notes`: what staff want others to know of a bed. It stays in the journal."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import HOUR_MS, From, To, known_bed, span
from hub.console.bands import Past, stays
from hub.console.console import Console, Here
from hub.console.observation_views import NoteView
from hub.console.orders import NAMED, carry_out, signed
from hub.console.printable import printable
from hub.console.rights import Me, needs
from hub.console.times import LATEST
from hub.history import History
from vitals.commands import WriteNote
from vitals.identity import BedKey

MOST_HOURS = 400 * 24

_NOTES = (
    'SELECT time, received, "by", text FROM note WHERE ward = ? AND bed = ? AND time >= ? AND time < ?'
    " ORDER BY time DESC, id DESC LIMIT ?"
)

router = APIRouter(tags=["observations"])


class NewNote(BaseModel):
    """What others should know."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(min_length=1, max_length=2_000)
    time: int | None = Field(None, ge=0, le=LATEST, description="of what it tells, UTC ms; none: now")
    by: str | None = NAMED


@router.get(
    "/api/v1/beds/{ward}/{bed}/notes",
    dependencies=[needs("view")],
    responses=says(list[NoteView], "Notes, newest first", 404, 422, 503),
)
async def notes(
    here: Here,
    ward: str,
    bed: str,
    start: From = None,
    end: To = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """The notes of a bed within a span, by default of the last week, each with who lay there at its time."""
    key = known_bed(here, ward, bed)
    low, high = span(here, start, end, 7 * 24 * HOUR_MS, MOST_HOURS * HOUR_MS)
    return Answer(await _notes(here, key, low, high + 60_000 if end is None else high, limit))


@router.post(
    "/api/v1/beds/{ward}/{bed}/notes",
    dependencies=[needs("observe")],
    responses=says(list[NoteView], "The notes of the last week afterwards, newest first", 404, 409, 422, 503, 504),
)
async def write(here: Here, me: Me, ward: str, bed: str, new: NewNote) -> Response:
    """Write a note. Nobody can change it afterwards: a correction is another note."""
    key = known_bed(here, ward, bed)
    text = "\n".join(printable(line) for line in new.text.splitlines()).strip()
    if not text:
        raise Refusal(422, "`text` is empty; write something, or let it be")
    command = WriteNote(request=uuid.uuid4().hex, by=signed(me, new.by), bed=str(key), text=text, time=new.time)
    await carry_out(here.commands, "write-note", command, look_at="notes")
    now = here.clock.wall_ms()
    return Answer(await _notes(here, key, now - 7 * 24 * HOUR_MS, now + 60_000, 100))


async def _notes(here: Console, key: BedKey, low: int, high: int, limit: int) -> list[NoteView]:
    def read(journal: History) -> list[NoteView]:
        lain = stays(journal, key, low, high)
        return [
            NoteView(time=time, received=received, by=printable(by), text=text, patient=_lay(lain, time))
            for time, received, by, text in journal.select(_NOTES, key.ward, key.bed, low, high, limit)
        ]

    return await here.archive.query(read)


def _lay(lain: list[Past], time: int) -> str:
    here = [one.patient for one in lain if one.start <= time and (one.end is None or time < one.end)]
    return printable(here[-1]) if here else ""
