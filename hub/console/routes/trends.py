"""`/api/v1/beds/{ward}/{bed}/trends`: a span of time of a bed, drawn together for a chart or a table."""

from __future__ import annotations

import math
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import HOUR_MS, From, To, known_bed, span
from hub.console.bands import Band, bands, stays
from hub.console.console import Console, Here
from hub.console.rights import needs
from hub.console.trend_views import EnteredView, ScorePointView, TrendsView, alarm_spans, line_views, stay_views
from hub.console.trends import Row, Tracer
from hub.history import History
from vitals.alarms import Alarm, AlarmEvent
from vitals.identity import BedKey
from vitals.parameters import PARAMETERS

MOST_HOURS = 7 * 24
_EVER = 2**62
PAGE = 20_000  # records read at once; between pages nothing is held, so the journal can be checkpointed
MOST_ALARMS = 1_000
LEAST_STEP_MS = 1_000

_RECORDS = (
    "SELECT id, time, late, body FROM record WHERE ward = ? AND bed = ? AND time >= ? AND time < ?"
    " AND (time > ? OR id > ?) ORDER BY time, id LIMIT ?"
)
_ALARMS = (
    "SELECT body FROM alarm_event WHERE id IN"
    " (SELECT max(id) FROM alarm_event WHERE ward = ? AND bed = ? AND time >= ? GROUP BY alarm)"
    " ORDER BY id DESC LIMIT ?"
)
_SCORES = (
    'SELECT time, "table", total, complete, risk FROM score WHERE ward = ?1 AND bed = ?2 AND time < ?4 AND time >='
    " (SELECT coalesce(max(time), ?3) FROM score WHERE ward = ?1 AND bed = ?2 AND time <= ?3) ORDER BY id"
)
_ENTERED = (
    'SELECT time, name, value, "by" FROM entry WHERE ward = ? AND bed = ? AND time >= ? AND time < ? ORDER BY time, id'
)

router = APIRouter(tags=["beds"])
_event = msgspec.json.Decoder(AlarmEvent)


@router.get(
    "/api/v1/beds/{ward}/{bed}/trends",
    dependencies=[needs("view")],
    responses=says(TrendsView, "Lines, gaps, limits as they were, alarms, scores and stays", 404, 422, 503),
)
async def trends(
    here: Here,
    ward: str,
    bed: str,
    start: From = None,
    end: To = None,
    parameters: Annotated[
        str | None, Query(description="only these, separated by commas; default: all there are")
    ] = None,
    columns: Annotated[int, Query(ge=1, le=5_000, description="into how many the span is divided")] = 600,
    stay: Annotated[bool, Query(description="no earlier than the present patient came")] = False,
) -> Response:
    """The lowest, highest and mean value per column, straight from the journal. A missing value is absent, never 0."""
    key = known_bed(here, ward, bed)
    low, high = span(here, start, end, 24 * HOUR_MS, MOST_HOURS * HOUR_MS)
    if stay:
        low = await _since_admission(here, key, low, high)
    step = max(LEAST_STEP_MS, math.ceil((high - low) / columns))
    tracer = Tracer(low, high, step, _parameters(parameters))
    while await here.archive.query(lambda history: _read(history, key, tracer)) == PAGE:
        pass
    lines = tracer.finish(here.clock.wall_ms())
    standing = here.wards.alarms(ward, bed)
    limits, about = await here.archive.query(lambda history: _about(here, history, key, standing, low, high))
    return Answer(msgspec.structs.replace(about, step_ms=step, lines=line_views(lines, limits)))


async def _since_admission(here: Console, key: BedKey, low: int, high: int) -> int:
    """When the span begins that is the present patient's alone; one of before they came is empty."""
    lain = await here.archive.query(lambda history: stays(history, key, low, _EVER))
    present = [one for one in lain if one.end is None]
    return min(max(low, present[-1].start), high - 1) if present else low


def _read(history: History, key: BedKey, tracer: Tracer) -> int:
    time, number = tracer.last
    rows: list[Row] = history.select(_RECORDS, key.ward, key.bed, time, tracer.end, time, number, PAGE)
    return tracer.take(rows)


def _about(
    here: Console, history: History, key: BedKey, standing: list[Alarm], low: int, high: int
) -> tuple[dict[str, list[Band]], TrendsView]:
    """What stands beside the lines."""
    lain = stays(history, key, low, high)
    events = history.select(_ALARMS, key.ward, key.bed, low, MOST_ALARMS + 1)
    view = TrendsView(
        ward=key.ward,
        bed=key.bed,
        start=low,
        end=high,
        step_ms=0,
        lines=[],
        alarms=alarm_spans((_event.decode(body) for (body,) in events[:MOST_ALARMS]), standing, high),
        more_alarms=len(events) > MOST_ALARMS,
        scores=[
            ScorePointView(time=time, table=table, total=total, complete=bool(complete), risk=risk)
            for time, table, total, complete, risk in history.select(_SCORES, key.ward, key.bed, low, high)
        ],
        entered=[
            EnteredView(time=time, name=name, value=value, by=by)
            for time, name, value, by in history.select(_ENTERED, key.ward, key.bed, low, high)
        ],
        stays=stay_views(lain),
    )
    return bands(here.chains.profiles(), history, key, lain, low, high), view


def _parameters(asked: str | None) -> list[str] | None:
    if asked is None:
        return None
    names = list(dict.fromkeys(name.strip() for name in asked.split(",")))
    for name in names:
        if name not in PARAMETERS:
            raise Refusal(422, f"there is no parameter {name[:40]!r}; known: {', '.join(PARAMETERS)}")
    return names
