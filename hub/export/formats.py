"""Formats: rows of a table in, bytes of a CSV or JSON file out, piece by piece."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, Protocol

import msgspec

from hub.console.export import iso
from hub.export.tables import Kind, Row, Table
from hub.tickets.export import plain
from vitals.waves import NO_SAMPLE

FORMATS = ("csv", "json", "parquet")
MEDIA = {"csv": "text/csv; charset=utf-8", "json": "application/json", "parquet": "application/vnd.apache.parquet"}


class Format(Protocol):
    """Makes one file; every method gives the bytes that are ready."""

    def begin(self) -> bytes:
        """What stands before the first row."""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Further rows."""

    def end(self) -> bytes:
        """What stands after the last row."""


def make_format(name: str, table: Table) -> Format:
    """The format called `name`. Raises UsageError when what it needs is not installed."""
    if name == "csv":
        return CsvFormat(table)
    if name == "json":
        return JsonFormat(table)
    from hub.export.parquet import ParquetFormat  # slow to import, and needed only here

    return ParquetFormat(table)


class CsvFormat:
    """RFC 4180 in UTF-8: a head line, then a line per row; an empty cell is nothing."""

    def __init__(self, table: Table) -> None:
        self._names = table.names
        self._cells = [_CELLS.get(column.kind, str) for column in table.columns]

    def begin(self) -> bytes:
        """The head line."""
        return self._lines([self._names])

    def rows(self, rows: Sequence[Row]) -> bytes:
        """A line per row."""
        columns = [
            [None if value is None else cell(value) for value in column]
            for cell, column in zip(self._cells, zip(*rows, strict=True), strict=bool(rows))
        ]
        return self._lines(zip(*columns, strict=True))

    def end(self) -> bytes:
        """Nothing."""
        return b""

    def _lines(self, rows: Iterable[Sequence[object]]) -> bytes:
        text = io.StringIO()
        csv.writer(text, lineterminator="\r\n").writerows(rows)
        return text.getvalue().encode(errors="replace")


class JsonFormat:
    """A list of objects, one a line; a value that is missing is null."""

    def __init__(self, table: Table) -> None:
        self._object = objects(table)
        self._comma = b""

    def begin(self) -> bytes:
        """The bracket that opens."""
        return b"[\n"

    def rows(self, rows: Sequence[Row]) -> bytes:
        """An object per row."""
        if not rows:
            return b""
        lines = self._comma + b",\n".join([msgspec.json.encode(self._object(row)) for row in rows])
        self._comma = b",\n"
        return lines

    def end(self) -> bytes:
        """The bracket that closes."""
        return b"\n]\n" if self._comma else b"]\n"


def objects(table: Table) -> Callable[[Row], dict[str, Any]]:
    """What makes an object of a row; times become ISO 8601."""
    names = table.names
    times = [index for index, column in enumerate(table.columns) if column.kind == "time"]
    waves = [column.name for column in table.columns if column.kind == "samples"]

    def make(row: Row) -> dict[str, Any]:
        found = dict(zip(names, row, strict=True))
        for index in times:
            if row[index] is not None:
                found[names[index]] = _iso(row[index])
        for name in waves:
            found[name] = samples_of(found[name])
        return found

    return make


def samples_of(raw: bytes) -> list[int | None]:
    """The samples in the bytes of a frame; None where there is none."""
    return [None if sample == NO_SAMPLE else sample for (sample,) in struct.iter_unpack("<h", raw)]


def _truth(value: bool) -> str:
    return "true" if value else "false"


_plain = lru_cache(maxsize=4096)(plain)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> str:
    return iso(seconds * 1_000)[:-4]


def _iso(time: int) -> str:
    """The same as `iso`; most rows share their second with others."""
    return f"{_second(time // 1_000)}{time % 1_000:03d}Z"


_CELLS: dict[Kind, Callable[[Any], str]] = {"text": _plain, "time": _iso, "truth": _truth, "number": repr}
