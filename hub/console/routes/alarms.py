"""`/api/v1/alarms`: what is announced now, what happened before, and the two things a person can do about it."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, reference, says
from hub.console.asked import open_span
from hub.console.console import Console, Here
from hub.console.orders import NAMED, carry_out, signed
from hub.console.printable import printable
from hub.console.rights import Me, Person, needs
from hub.console.views import AlarmEventView, AlarmView, CommandView, alarm_view, event_view
from vitals.commands import Action, Command

router = APIRouter(tags=["alarms"])


class Deed(BaseModel):
    """Who does it, and why if there is something to say."""

    model_config = ConfigDict(extra="forbid")

    by: str | None = NAMED
    reason: str = Field("", max_length=200)


_FOUND = says(
    list[AlarmView],
    "`active`: the alarms announced now, most urgent first. `all`: every transition, newest first",
    422,
    503,
)
_FOUND[200]["content"]["application/json"]["schema"] = {
    "anyOf": [reference(list[AlarmView]), reference(list[AlarmEventView])]
}


@router.get("/api/v1/alarms", dependencies=[needs("view")], responses=_FOUND)
async def alarms(
    here: Here,
    me: Me,
    state: Literal["active", "all"] = "active",
    ward: str | None = None,
    bed: str | None = None,
    start: Annotated[str | None, Query(alias="from", description="ISO 8601 or epoch ms")] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> Response:
    """The alarms of now, or what the journal says happened."""
    low, high = open_span(start, end)
    if state == "active":
        found = [alarm for alarm in here.wards.alarms(ward, bed) if me.sees(alarm.ward) and low <= alarm.raised < high]
        return Answer([alarm_view(alarm) for alarm in found[:limit]])
    events = await here.archive.query(
        lambda history: history.alarm_events(start=low, end=high, ward=ward, bed=bed, limit=limit)
    )
    return Answer([event_view(number, event) for number, event in events])


_DEED = says(CommandView, "The hub has done it, and it is in the journal", 404, 409, 422, 503, 504)


@router.post("/api/v1/alarms/{alarm}/acknowledge", dependencies=[needs("acknowledge")], responses=_DEED)
async def acknowledge(here: Here, me: Me, alarm: str, deed: Deed) -> Response:
    """Say that somebody has seen this alarm."""
    return await _ask(here, me, "acknowledge", alarm, deed)


@router.post("/api/v1/alarms/{alarm}/reset", dependencies=[needs("acknowledge")], responses=_DEED)
async def reset(here: Here, me: Me, alarm: str, deed: Deed) -> Response:
    """Let a latched alarm go: its condition is over and somebody has looked."""
    return await _ask(here, me, "reset", alarm, deed)


async def _ask(here: Console, me: Person, action: Action, number: str, deed: Deed) -> Response:
    by = signed(me, deed.by)
    found = here.wards.alarm(number)
    if found is None:
        raise Refusal(404, f"there is no alarm {number[:40]!r}; it may have ended meanwhile")
    me.require("acknowledge", found.ward)
    command = Command(request=uuid.uuid4().hex, alarm=number, by=by, reason=printable(deed.reason))
    result = await carry_out(here.commands, action, command, look_at="bed")
    return Answer(CommandView(alarm=number, state=result.state, time=result.time))
