"""`/api/v1/export`: a span of the journal as a file; the same bytes as `wardline export` writes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from hub.console.answers import Refusal, says
from hub.console.archive import Archive
from hub.console.asked import span
from hub.console.console import Here
from hub.console.export import iso
from hub.console.rights import Me, needs
from hub.console.times import DAY_MS
from hub.export.export import Asked, Export
from hub.export.formats import MEDIA, make_format
from hub.export.tables import EXPORTS
from hub.history import History
from vitals.errors import UsageError
from vitals.identity import BedKey

router = APIRouter(tags=["export"])

_FILE: dict[int | str, dict[str, Any]] = says(dict, "A file of rows, oldest first", 403, 404, 422, 501, 503)
_FILE[200]["content"] = {
    "text/csv": {"schema": {"type": "string"}},
    "application/json": {"schema": {"type": "array", "items": {"type": "object"}}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
}


@router.get("/api/v1/export/{table}", dependencies=[needs("export")], responses=_FILE)
async def export(
    here: Here,
    me: Me,
    table: Literal["readings", "alarms", "devices", "tickets"],
    start: Annotated[
        str | None, Query(alias="from", description="ISO 8601 or epoch ms; default: a day before to")
    ] = None,
    end: Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")] = None,
    ward: Annotated[str | None, Query(description="only this ward; default: every ward you may see")] = None,
    bed: Annotated[str | None, Query(description="only this bed of the ward")] = None,
    format: Annotated[Literal["csv", "json", "parquet"], Query()] = "csv",
) -> Response:
    """Rows of a span of time as a file. It streams, however long it is; if it breaks off, the connection does."""
    registry = here.wards.registry
    if bed is not None and ward is None:
        raise Refusal(422, "`bed` needs `ward`: beds of several wards may have the same name")
    if ward is not None:
        if ward not in registry.wards or (bed is not None and BedKey(ward, bed) not in registry.bed_titles):
            raise Refusal(404, f"there is no {'/'.join(filter(None, (ward[:40], bed)))}; GET /api/v1/beds lists them")
        me.require("export", ward)
    low, high = span(here, start, end, DAY_MS)
    wards = (ward,) if ward is not None else None if me.wards is None else tuple(sorted(me.wards))
    try:
        made = Export(EXPORTS[table], make_format(format, EXPORTS[table]), Asked(low, high, wards, bed))
    except UsageError as error:
        raise Refusal(501, str(error)) from error
    await here.archive.query(History.latest_position)  # what cannot be read is refused before the answer begins
    place = " ".join(wards) + (f"/{bed}" if bed else "") if wards is not None else "every ward"
    doer, detail = here.people.doer(me), f"{iso(low)} to {iso(high)}, {place}, {format}"
    await here.people.run(lambda: here.people.note(doer, "exported", table, detail))
    disposition = {"Content-Disposition": f'attachment; filename="{table}.{format}"'}
    return StreamingResponse(_pieces(here.archive, made), media_type=MEDIA[format], headers=disposition)


async def _pieces(archive: Archive, export: Export) -> AsyncIterator[bytes]:
    while (piece := await archive.query(export.step)) is not None:
        if piece:
            yield piece
