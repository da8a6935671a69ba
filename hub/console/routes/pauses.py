"""`/api/v1/beds/{ward}/{bed}/pause-…`: the sound of a bed's alarms, or the alarms themselves, paused for a while."""

from __future__ import annotations

import uuid

import msgspec
from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, says
from hub.console.asked import known_bed
from hub.console.console import Console, Here
from hub.console.orders import NAMED, carry_out, signed
from hub.console.printable import printable
from hub.console.rights import Me, Person, needs
from vitals.commands import Action, BedCommand

MOST_MS = 86_400_000

router = APIRouter(tags=["alarms"])


class PausedView(msgspec.Struct, frozen=True, kw_only=True):
    """The alarms the hub has paused, or let sound again."""

    alarms: list[str]
    time: int


class NewPause(BaseModel):
    """How long, by whom, and why."""

    model_config = ConfigDict(extra="forbid")

    for_ms: int | None = Field(None, ge=1_000, le=MOST_MS, description="none: the usual time, two minutes")
    reason: str = Field("", max_length=200)
    by: str | None = NAMED


class Resumed(BaseModel):
    """Who ends the pause."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=200)
    by: str | None = NAMED


_DONE = says(PausedView, "The hub has done it, and it is in the journal", 404, 409, 422, 503, 504)


@router.post("/api/v1/beds/{ward}/{bed}/pause-audio", dependencies=[needs("pause")], responses=_DONE)
async def pause_audio(here: Here, me: Me, ward: str, bed: str, pause: NewPause) -> Response:
    """Still the alarms that sound now. They stay on screen, and new ones sound."""
    return await _ask(here, me, "pause-audio", ward, bed, pause.for_ms, pause)


@router.post("/api/v1/beds/{ward}/{bed}/pause-alarms", dependencies=[needs("pause")], responses=_DONE)
async def pause_alarms(here: Here, me: Me, ward: str, bed: str, pause: NewPause) -> Response:
    """Show the alarms of a bed and neither sound nor page them, until the pause is over."""
    return await _ask(here, me, "pause-alarms", ward, bed, pause.for_ms, pause)


@router.post("/api/v1/beds/{ward}/{bed}/resume-alarms", dependencies=[needs("pause")], responses=_DONE)
async def resume_alarms(here: Here, me: Me, ward: str, bed: str, resumed: Resumed) -> Response:
    """End a pause before its time."""
    return await _ask(here, me, "resume-alarms", ward, bed, None, resumed)


async def _ask(
    here: Console, me: Person, action: Action, ward: str, bed: str, for_ms: int | None, said: NewPause | Resumed
) -> Response:
    key = known_bed(here, ward, bed)
    command = BedCommand(
        request=uuid.uuid4().hex,
        by=signed(me, said.by),
        reason=printable(said.reason),
        bed=str(key),
        for_ms=for_ms,
    )
    result = await carry_out(here.commands, action, command, look_at="bed")
    return Answer(PausedView(alarms=result.alarms, time=result.time))
