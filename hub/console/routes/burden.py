"""`/api/v1/burden`: how many alarms there were, how long, how soon seen, and which rules and beds make them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from hub.burden import burden_of
from hub.console.answers import Answer, Refusal, says
from hub.console.asked import span
from hub.console.console import Here
from hub.console.rights import Me, needs
from rules.burden import DAY_MS, Burden

LONGEST_MS = 92 * DAY_MS  # a quarter of a year; longer ones are for `wardline report`

router = APIRouter(tags=["alarms"])


@router.get(
    "/api/v1/burden",
    dependencies=[needs("view")],
    responses=says(Burden, "The burden of alarms in the span", 404, 422, 503),
)
async def burden(
    here: Here,
    me: Me,
    ward: str | None = None,
    start: Annotated[
        str | None, Query(alias="from", description="ISO 8601 or epoch ms; default: a day before to")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")] = None,
) -> Response:
    """The alarms of a span of time, counted. Tests are no alarms; what was found in late data is counted apart."""
    registry = here.wards.registry
    if ward is not None and ward not in registry.wards:
        raise Refusal(404, f"there is no ward {ward[:40]!r}; GET /api/v1/beds lists them")
    if ward is not None:
        me.require("view", ward)
    elif me.wards is not None:
        raise Refusal(403, f"{me.name} sees some wards only: say which, ?ward=ID")
    low, high = span(here, start, end, DAY_MS)
    if high - low > LONGEST_MS:
        raise Refusal(422, f"the span may be at most {LONGEST_MS // DAY_MS} days; `wardline report` takes longer ones")
    now = here.clock.wall_ms()
    return Answer(
        await here.archive.query(
            lambda history: burden_of(history, registry.bed_titles, start=low, end=high, now=now, ward=ward)
        )
    )
