"""Readings as text: pages of stored records in, JSON or CSV chunks out."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import UTC, datetime

import msgspec

from hub.history import RecordBody, StoredRecord


class ReadingView(msgspec.Struct, frozen=True, kw_only=True):
    """One record: the values it has, and for each it lacks the reason."""

    time: int
    device: str
    gateway: str
    clock: str
    late: bool
    values: dict[str, float]
    flags: dict[str, str]
    states: tuple[str, ...]


Pages = AsyncIterator[list[StoredRecord]]


async def as_json(head: dict[str, object], pages: Pages, parameters: Sequence[str] | None) -> AsyncIterator[bytes]:
    """One JSON object: `head` and `readings`."""
    yield msgspec.json.encode(head)[:-1] + b',"readings":['
    comma = b""
    async for page in pages:
        lines = [msgspec.json.encode(_reading(record, body)) for record, body in _picked(page, parameters)]
        if lines:
            yield comma + b",\n".join(lines)
            comma = b",\n"
    yield b"]}\n"


async def as_csv(pages: Pages, parameters: Sequence[str], *, picked: bool) -> AsyncIterator[bytes]:
    """A head line, then a line per record. An empty cell is a missing value; `flags` says why."""
    yield _lines([["time", "device", *parameters, "flags", "late"]])
    async for page in pages:
        rows = [_row(record, body, parameters) for record, body in _picked(page, parameters if picked else None)]
        if rows:
            yield _lines(rows)


def _picked(
    page: Iterable[StoredRecord], parameters: Sequence[str] | None
) -> Iterable[tuple[StoredRecord, RecordBody]]:
    """Each record with its body, cut down to `parameters`; those that say nothing of them are left out."""
    for record in page:
        body = record.read()
        if parameters is not None:
            values = {name: body.values[name] for name in parameters if name in body.values}
            flags = {name: body.flags[name] for name in parameters if name in body.flags}
            if not values and not flags:
                continue
            body = msgspec.structs.replace(body, values=values, flags=flags)
        yield record, body


def _reading(record: StoredRecord, body: RecordBody) -> ReadingView:
    return ReadingView(
        time=record.time,
        device=record.device,
        gateway=record.gateway,
        clock=body.clock,
        late=bool(record.late),
        values=body.values,
        flags=body.flags,
        states=body.states,
    )


def _row(record: StoredRecord, body: RecordBody, parameters: Sequence[str]) -> list[str]:
    words = [f"{name}={reason}" for name, reason in body.flags.items()] + list(body.states)
    cells = [f"{body.values[name]:.12g}" if name in body.values else "" for name in parameters]
    return [iso(record.time), record.device, *cells, " ".join(words), "1" if record.late else "0"]


def _lines(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def iso(time: int) -> str:
    """UTC milliseconds as ISO 8601, such as 2025-11-21T03:00:00.123Z."""
    seconds, milliseconds = divmod(time, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{milliseconds:03d}Z"
