"""What a question is about: a bed that exists, and a span of time that makes sense."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from hub.console.answers import Refusal
from hub.console.console import Console
from hub.console.times import read_span
from vitals.identity import BedKey

HOUR_MS = 3_600_000
END_OF_TIME = 2**62

From = Annotated[str | None, Query(alias="from", description="ISO 8601 or epoch ms")]
To = Annotated[str | None, Query(alias="to", description="ISO 8601 or epoch ms, exclusive; default: now")]


def known_bed(here: Console, ward: str, bed: str) -> BedKey:
    """The bed of an address. Raises Refusal."""
    key = BedKey(ward, bed)
    if key not in here.wards.registry.bed_titles:
        raise Refusal(404, f"there is no bed {ward[:40]}/{bed[:40]}; GET /api/v1/beds lists them")
    return key


def span(
    here: Console, start: str | None, end: str | None, usual_ms: int, most_ms: int | None = None
) -> tuple[int, int]:
    """[from, to) of a question: `usual_ms` before `to` where nothing is said. Raises Refusal."""
    low, high = _read(start, end, here.clock.wall_ms(), usual_ms)
    if most_ms is not None and high - low > most_ms:
        raise Refusal(422, f"`from` and `to` are further apart than {most_ms // HOUR_MS} h; ask for less at once")
    return low, high


def open_span(start: str | None, end: str | None) -> tuple[int, int]:
    """[from, to) of a question: without an end where nothing is said. Raises Refusal."""
    return _read(start, end, END_OF_TIME, END_OF_TIME)


def _read(start: str | None, end: str | None, now: int, usual_ms: int) -> tuple[int, int]:
    try:
        return read_span(start, end, now, usual_ms)
    except ValueError as error:
        raise Refusal(422, str(error)) from error
