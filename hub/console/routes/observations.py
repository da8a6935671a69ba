"""`/api/v1/beds/{ward}/{bed}/observations`: what staff saw or measured by hand. Scores and rules see it at once."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, says
from hub.console.asked import known_bed
from hub.console.console import Console, Here
from hub.console.observation_views import EnteredRowView, ObservationsView, choice_views, entered_view, measured_views
from hub.console.orders import NAMED, carry_out, signed
from hub.console.printable import printable
from hub.console.rights import Me, needs
from hub.console.times import LATEST
from hub.history import History
from vitals.commands import Observe
from vitals.identity import BedKey

_COLUMNS = 'name, value, time, received, until, "by", reason'
_CURRENT = (
    f"SELECT {_COLUMNS} FROM entry WHERE id IN (SELECT max(id) FROM entry WHERE ward = ? AND bed = ? GROUP BY name)"
    " AND value IS NOT NULL AND (until IS NULL OR until > ?) ORDER BY id"
)
_HISTORY = f"SELECT {_COLUMNS} FROM entry WHERE ward = ? AND bed = ? ORDER BY id DESC LIMIT ?"

router = APIRouter(tags=["observations"])

_Name = Annotated[str, Field(max_length=48)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]  # what is no number would go on as null: taken back


class Observed(BaseModel):
    """What was seen or measured at one time: all of it counts or, when the hub refuses, none."""

    model_config = ConfigDict(extra="forbid")

    values: dict[_Name, _Number | str | None] = Field(
        min_length=1, max_length=20, description="by name: a code or a number in the unit told; null takes it back"
    )
    time: int | None = Field(None, ge=0, le=LATEST, description="UTC ms; none: now")
    reason: str = Field("", max_length=200)
    by: str | None = NAMED


@router.get(
    "/api/v1/beds/{ward}/{bed}/observations",
    dependencies=[needs("view")],
    responses=says(ObservationsView, "What may be entered, what counts now, what was entered", 404, 422, 503),
)
async def observations(here: Here, ward: str, bed: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 100) -> Response:
    """The entries of a bed."""
    return Answer(await _observations(here, known_bed(here, ward, bed), limit))


@router.post(
    "/api/v1/beds/{ward}/{bed}/observations",
    dependencies=[needs("observe")],
    responses=says(ObservationsView, "The entries afterwards", 404, 409, 422, 503, 504),
)
async def observe(here: Here, me: Me, ward: str, bed: str, observed: Observed) -> Response:
    """Enter observations. They feed NEWS2 and the rules at once, and go to the copies of the journal."""
    key = known_bed(here, ward, bed)
    command = Observe(
        request=uuid.uuid4().hex,
        by=signed(me, observed.by),
        reason=printable(observed.reason),
        bed=str(key),
        values=observed.values,
        time=observed.time,
    )
    await carry_out(here.commands, "observe", command, look_at="bed")
    return Answer(await _observations(here, key, 100))


async def _observations(here: Console, key: BedKey, limit: int) -> ObservationsView:
    now = here.clock.wall_ms()

    def read(journal: History) -> tuple[list[EnteredRowView], list[EnteredRowView]]:
        current = journal.select(_CURRENT, key.ward, key.bed, now)
        past = journal.select(_HISTORY, key.ward, key.bed, limit)
        return [entered_view(*row) for row in current], [entered_view(*row) for row in past]

    current, past = await here.archive.query(read)
    return ObservationsView(
        ward=key.ward,
        bed=key.bed,
        choices=choice_views(),
        measured=measured_views(),
        current=current,
        history=past,
    )
