"""`/api/v1/beds`: every bed as it is now, and what was measured there."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import HOUR_MS, known_bed, span
from hub.console.console import Here
from hub.console.export import Pages, ReadingView, as_csv, as_json
from hub.console.rights import Me, needs
from hub.console.views import BedView
from hub.history import History
from vitals.parameters import PARAMETERS

router = APIRouter(tags=["beds"])


@router.get(
    "/api/v1/beds",
    dependencies=[needs("view")],
    responses=says(list[BedView], "Every bed with values, ages, flags and alarms"),
)
async def beds(here: Here, me: Me) -> Response:
    """Every bed as it is now, ward by ward."""
    return Answer([bed for ward in here.wards.views(here.now()) if me.sees(ward.ward) for bed in ward.beds])


_READINGS: dict[int | str, dict[str, Any]] = says(list[ReadingView], "An object with `readings`, or CSV", 404, 422, 503)
_READINGS[200]["content"] = {
    "application/json": {
        "schema": {
            "type": "object",
            "properties": {
                "ward": {"type": "string"},
                "bed": {"type": "string"},
                "from": {"type": "integer"},
                "to": {"type": "integer"},
                "readings": {"type": "array", "items": {"$ref": "#/components/schemas/ReadingView"}},
            },
            "required": ["ward", "bed", "from", "to", "readings"],
        }
    },
    "text/csv": {"schema": {"type": "string"}},
}


@router.get("/api/v1/beds/{ward}/{bed}/readings", dependencies=[needs("view")], responses=_READINGS)
async def readings(
    here: Here,
    ward: str,
    bed: str,
    start: Annotated[
        str | None, Query(alias="from", description="ISO 8601 or epoch ms; default: an hour before to")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")] = None,
    parameter: Annotated[list[str] | None, Query(description="only these; repeat, or separate by commas")] = None,
    format: Annotated[Literal["json", "csv"] | None, Query(description="default: by the Accept header")] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """What was measured at a bed in a span of time, oldest first. A missing value is absent, never 0."""
    known_bed(here, ward, bed)
    low, high = span(here, start, end, HOUR_MS)
    picked = _parameters(parameter)
    await here.archive.query(History.latest_position)  # what cannot be read is refused before the answer begins
    pages = here.archive.readings(ward, bed, low, high)
    if format == "csv" or (format is None and "text/csv" in accept):
        return _csv(f"{ward}-{bed}", pages, picked)
    head: dict[str, object] = {"ward": ward, "bed": bed, "from": low, "to": high}
    return StreamingResponse(as_json(head, pages, picked), media_type="application/json")


def _csv(name: str, pages: Pages, picked: list[str] | None) -> Response:
    lines = as_csv(pages, picked or list(PARAMETERS), picked=picked is not None)
    disposition = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=disposition)


def _parameters(asked: list[str] | None) -> list[str] | None:
    if asked is None:
        return None
    names = list(dict.fromkeys(name.strip() for words in asked for name in words.split(",")))
    for name in names:
        if name not in PARAMETERS:
            raise Refusal(422, f"there is no parameter {name[:40]!r}; known: {', '.join(PARAMETERS)}")
    return names
