"""Recordings: lines of a CSV in, records out, as a monitor that sends what is in them.

The first column is the time (`t_ms`, `t_s` or `t_min`), then one column per parameter. An empty cell says nothing.
A number no device can have measured is missing as out of range.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import isfinite
from statistics import median

from vitals.errors import DocumentError, Problem
from vitals.parameters import PARAMETERS
from vitals.readings import Record

TIME_COLUMNS = {"t_ms": 1, "t_s": 1_000, "t_min": 60_000}
COLUMNS = {
    "pulse": "pr",
    "resp": "rr",
    "nbp_sys": "nibp_sys",
    "nbp_dia": "nibp_dia",
    "nbp_map": "nibp_mean",
    "nbp_mean": "nibp_mean",
    "abp_map": "abp_mean",
    "temp_c": "temp",
}
"""Names of columns in public recordings, and the parameter each holds. Our own names need no entry."""

HOLD_STEPS = 1.5  # a row's numbers stand until the next row, but not past this many usual steps: then there is a gap
SAMPLE_MS = 1_000  # a monitor repeats its numbers each second
PRESENT_MS = 10_000  # one that measures rarely is heard of in between: it is not silent
MAX_PROBLEMS = 20

Row = tuple[int, dict[str, float], dict[str, str]]
"""Milliseconds, values, and why the others are missing."""

_LAST_MS = 3_200_000_000_000  # a century: a time column in the wrong unit, not a recording


class Recording:
    """Rows in the order of time: milliseconds since the beginning, values, and why the others are missing."""

    def __init__(self, rows: list[Row], zeros: int, out_of_range: int) -> None:
        self.rows = rows
        self.zeros = zeros  # cells that were 0
        self.out_of_range = out_of_range
        self.step_ms = round(median(later[0] - earlier[0] for earlier, later in pairwise(rows))) if rows[1:] else 0

    @property
    def length_ms(self) -> int:
        """From the first row to one usual step past the last."""
        return self.rows[-1][0] - self.rows[0][0] + max(self.step_ms, 1)

    def records(self, device: str, start: int, *, hold: bool) -> Iterator[Record]:
        """The rows as records of `device`, the first at `start`, without a word only where rows are missing.

        `hold` repeats each row every second until the next; else each is one measurement, and what comes until the
        next says nothing.
        """
        for seq, (time, values, flags) in enumerate(self._filled(hold), start=1):
            yield Record(seq=seq, device=device, time=start + time - self.rows[0][0], values=values, flags=flags)

    def _filled(self, hold: bool) -> Iterator[Row]:
        longest = self.step_ms * HOLD_STEPS
        every = SAMPLE_MS if hold else PRESENT_MS
        for row, following in zip(self.rows, [*self.rows[1:], None], strict=True):
            end = row[0] + self.step_ms if following is None else min(following[0], row[0] + longest)
            yield row
            between = (row[1], row[2]) if hold else ({}, {})
            time = row[0] + every
            while time < end:
                yield time, *between
                time += every


def read_recording(lines: Iterable[str], name: str, *, zero_is_missing: bool) -> Recording:
    """The recording in `lines`. Raises DocumentError with what is wrong (the first 20 lines)."""
    rows = csv.reader(lines)
    reader = _Reader(name, zero_is_missing)
    try:
        reader.header(next(rows, []))
        found = list(reader.rows(rows)) if not reader.problems else []
    except csv.Error as error:
        raise DocumentError([Problem(name, rows.line_num, f"not CSV: {error}")]) from error
    if not found and not reader.problems:
        reader.complain(1, "there is no row under the header")
    if reader.problems:
        raise DocumentError(reader.problems)
    return Recording(found, reader.zeros, reader.out_of_range)


class _Reader:
    """Reads cells and remembers what is wrong with them."""

    def __init__(self, name: str, zero_is_missing: bool) -> None:
        self.name = name
        self.problems: list[Problem] = []
        self.zeros = self.out_of_range = 0
        self._zero_is_missing = zero_is_missing
        self._unit_ms = 1
        self._columns: list[tuple[str, float, float]] = []

    def complain(self, line: int, text: str) -> None:
        self.problems.append(Problem(self.name, line, text))

    def header(self, cells: list[str]) -> None:
        if not cells or cells[0] not in TIME_COLUMNS:
            self.complain(1, f"the first column must be the time, one of {', '.join(TIME_COLUMNS)}")
            return
        self._unit_ms = TIME_COLUMNS[cells[0]]
        names: list[str] = []
        for column in cells[1:]:
            name = COLUMNS.get(column, column)
            if name not in PARAMETERS:
                self.complain(1, f"unknown column {column!r}; known are {', '.join((*PARAMETERS, *COLUMNS))}")
            elif name in names:
                self.complain(1, f"column {column!r} is a second column for {name}")
            else:
                names.append(name)
        if not cells[1:]:
            self.complain(1, "there is no column beside the time")
        self._columns = [(name, PARAMETERS[name].low, PARAMETERS[name].high) for name in names]

    def rows(self, lines: Iterator[list[str]]) -> Iterator[Row]:
        last: int | None = None
        for number, cells in enumerate(lines, start=2):
            if not cells:
                continue
            time = self._time(number, cells, last)
            if time is None:
                if len(self.problems) >= MAX_PROBLEMS:
                    return
                continue
            last = time
            yield self._row(number, time, cells)

    def _time(self, line: int, cells: list[str], last: int | None) -> int | None:
        if len(cells) != len(self._columns) + 1:
            self.complain(line, f"{len(cells)} cells under a header of {len(self._columns) + 1}")
            return None
        time = self._number(line, cells[0]) if cells[0].strip() else None
        if time is None or abs(time * self._unit_ms) > _LAST_MS:
            if time is not None or not cells[0].strip():
                self.complain(line, f"{cells[0].strip()!r} is no time")
            return None
        ms = round(time * self._unit_ms)
        if last is not None and ms <= last:
            self.complain(line, f"the time {cells[0].strip()} is not later than the one before it")
            return None
        return ms

    def _row(self, line: int, time: int, cells: list[str]) -> Row:
        values: dict[str, float] = {}
        flags: dict[str, str] = {}
        for (name, low, high), cell in zip(self._columns, cells[1:], strict=True):
            if not cell or cell.isspace():
                continue
            value = self._number(line, cell)
            if value is None:
                continue
            if value == 0:
                self.zeros += 1
                if self._zero_is_missing:
                    flags[name] = "not_measured"
                    continue
            if low <= value <= high:
                values[name] = value
            else:
                self.out_of_range += 1
                flags[name] = "out_of_range"
        return time, values, flags

    def _number(self, line: int, cell: str) -> float | None:
        """The number in a cell; None if it is, noted, none."""
        try:
            value = float(cell)
        except ValueError:
            value = float("nan")
        if isfinite(value):
            return value
        if len(self.problems) < MAX_PROBLEMS:
            self.complain(line, f"{cell.strip()!r} is not a number")
        return None
