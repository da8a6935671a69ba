"""What a question is about: a bed that exists, and a span of time that makes sense."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from hub.console.answers import Refusal
from hub.console.console import Console
from hub.console.times import parse_time
from vitals.identity import BedKey

HOUR_MS = 3_600_000

From = Annotated[str | None, Query(alias="from", description="ISO 8601 or epoch ms")]
To = Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")]


def known_bed(here: Console, ward: str, bed: str) -> BedKey:
    """The bed of an address. Raises Refusal."""
    key = BedKey(ward, bed)
    if key not in here.wards.registry.bed_titles:
        raise Refusal(404, f"there is no bed {ward[:40]}/{bed[:40]}; GET /api/v1/beds lists them")
    return key


def span(here: Console, start: str | None, end: str | None, usual_ms: int, most_ms: int) -> tuple[int, int]:
    """[from, to) of a question: `usual_ms` before `to` where nothing is said. Raises Refusal."""
    try:
        high = parse_time("to", end) if end is not None else here.clock.wall_ms()
        low = parse_time("from", start) if start is not None else max(0, high - usual_ms)
    except ValueError as error:
        raise Refusal(422, str(error)) from error
    if low >= high:
        raise Refusal(422, "`from` must be before `to`")
    if high - low > most_ms:
        raise Refusal(422, f"`from` and `to` are further apart than {most_ms // HOUR_MS} h; ask for less at once")
    return low, high
