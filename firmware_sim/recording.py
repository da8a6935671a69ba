"""Recordings: a CSV of a real patient becomes signs over time, with every gap left a gap.

The first column is the time (`t_s` or `t_min`), then one column per parameter. An empty cell was not recorded. A 0 is
what monitors export when there was no signal: it is never a number.
"""

from __future__ import annotations

import csv
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from chassis.settings import read_text
from firmware_sim.signs import Signs
from vitals.errors import DocumentError, Problem, UsageError
from vitals.parameters import PARAMETERS

FOLDER = Path(__file__).parent / "recordings"

TIME_COLUMNS = {"t_ms": 1, "t_s": 1_000, "t_min": 60_000}

# Column of a recording and the parameter it holds. Our own names need no entry.
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

GAP_STEPS = 1.5  # a row's numbers stand until the next row, but not past this many usual steps
INTERMITTENT_S = 900  # what stays valid this long (vitals.parameters) stands over empty cells until it is stale
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of one moment; `silent` names the parameters recorded as 0 or as impossible."""

    t_ms: int
    values: Mapping[str, float]
    silent: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Rows in the order of time."""

    name: str
    parameters: tuple[str, ...]
    rows: tuple[Row, ...]
    zeros: int  # cells that were 0: no signal
    out_of_range: int  # cells no device can have measured
    step_ms: int  # the usual time from row to row

    @property
    def length_ms(self) -> int:
        """From the first row to the end of the last."""
        return self.rows[-1].t_ms - self.rows[0].t_ms + self.step_ms


class Player:
    """A recording as a source: it begins `start_ms` into it, and over again at its end if it repeats."""

    def __init__(self, recording: Recording, *, start_ms: int = 0, repeat: bool = False) -> None:
        if not 0 <= start_ms < recording.length_ms:
            raise UsageError(
                f"{recording.name} lasts {recording.length_ms / 1_000:g} s; "
                f"it cannot start at {start_ms / 1_000:g} s; choose an earlier moment"
            )
        self._recording = recording
        self._start_ms = start_ms
        self._repeat = repeat
        self._times = [row.t_ms for row in recording.rows]
        self._signs = [Signs(values=values) for values in _standing(recording.rows)]

    @property
    def left_ms(self) -> int:
        """How much of the recording is played once, in its own time."""
        return self._recording.length_ms - self._start_ms

    def at(self, t_ms: int) -> Signs:
        """The signs of the row that stands at `t_ms` after the start; none in a gap and after the end."""
        place = self._start_ms + t_ms
        if self._repeat:
            place %= self._recording.length_ms
        place += self._times[0]
        index = bisect_right(self._times, place) - 1
        if place - self._times[index] >= self._recording.step_ms * GAP_STEPS:
            return Signs()
        return self._signs[index]


def shipped_recordings() -> tuple[str, ...]:
    """The names of the recordings that come with the simulator."""
    return tuple(path.stem for path in sorted(FOLDER.glob("*.csv")))


def find_recording(name: str) -> Recording:
    """A shipped recording by its name. Raises UsageError."""
    if name not in shipped_recordings():
        raise UsageError(f"there is no recording {name!r}; choose one of {', '.join(shipped_recordings())}")
    return read_recording(FOLDER / f"{name}.csv")


def read_recording(path: Path) -> Recording:
    """The recording in a file. Raises UsageError if it cannot be read, DocumentError with the lines that are wrong."""
    return parse_recording(read_text(path), str(path))


def parse_recording(text: str, name: str) -> Recording:
    """The recording in `text`. Raises DocumentError with every line that is wrong (the first 20)."""
    lines = csv.reader(text.splitlines())
    try:
        reader = _Reader(name, next(lines, []))
        rows = tuple(reader.rows(lines))
    except csv.Error as error:
        raise DocumentError([Problem(name, lines.line_num, f"not CSV: {error}")]) from error
    if not reader.problems and not rows:
        reader.complain(1, "there is no row under the header")
    if reader.problems:
        raise DocumentError(reader.problems)
    steps = [later.t_ms - earlier.t_ms for earlier, later in pairwise(rows)]
    return Recording(
        name=name,
        parameters=tuple(sorted(reader.parameters)),
        rows=rows,
        zeros=reader.zeros,
        out_of_range=reader.out_of_range,
        step_ms=int(median(steps)) if steps else 60_000,
    )


class _Reader:
    def __init__(self, name: str, header: Sequence[str]) -> None:
        self.problems: list[Problem] = []
        self.zeros = 0
        self.out_of_range = 0
        self._name = name
        self._unit_ms = 1
        self.parameters: list[str] = []
        self._read_header([cell.strip() for cell in header])

    def complain(self, line: int, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self._name, line, text))

    def rows(self, lines: Iterator[list[str]]) -> Iterator[Row]:
        """The good rows; what is wrong is noted."""
        if self.problems:
            return
        last: int | None = None
        for number, cells in enumerate(lines, start=2):
            if not cells:
                continue
            if len(cells) != len(self.parameters) + 1:
                self.complain(number, f"{len(cells)} cells, but the header has {len(self.parameters) + 1} columns")
                continue
            time = self._number(number, cells[0])
            if time is None:
                self.complain(number, "there is no time in the first column")
                continue
            t_ms = round(time * self._unit_ms)
            if last is not None and t_ms <= last:
                self.complain(number, f"time {cells[0]} is not after the row before it")
            last = t_ms
            yield self._row(number, t_ms, cells[1:])

    def _read_header(self, header: list[str]) -> None:
        if not header or header[0] not in TIME_COLUMNS:
            self.complain(1, f"the first column must be the time, one of {', '.join(TIME_COLUMNS)}")
            return
        self._unit_ms = TIME_COLUMNS[header[0]]
        for column in header[1:]:
            parameter = COLUMNS.get(column, column)
            if parameter not in PARAMETERS:
                self.complain(1, f"unknown column {column!r}; known are {', '.join((*PARAMETERS, *COLUMNS))}")
            elif parameter in self.parameters:
                self.complain(1, f"column {column!r} is a second column for {parameter}")
            self.parameters.append(parameter)
        if not self.parameters:
            self.complain(1, "there is no column beside the time")

    def _row(self, line: int, t_ms: int, cells: list[str]) -> Row:
        values: dict[str, float] = {}
        silent: set[str] = set()
        for parameter, cell in zip(self.parameters, cells, strict=True):
            value = self._number(line, cell)
            if value is None:
                continue
            if value == 0:
                self.zeros += 1
                silent.add(parameter)
            elif not PARAMETERS[parameter].plausible(value):
                self.out_of_range += 1
                silent.add(parameter)
            else:
                values[parameter] = value
        return Row(t_ms, values, frozenset(silent))

    def _number(self, line: int, cell: str) -> float | None:
        """The number in a cell; None if it is empty or, noted, no number."""
        if not cell.strip():
            return None
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.complain(line, f"{cell.strip()!r} is not a number")
            return None
        return value


def _standing(rows: Sequence[Row]) -> Iterator[dict[str, float]]:
    """What a monitor shows with each row: its numbers, and the last cuff or temperature while that is valid."""
    kept: dict[str, tuple[int, float]] = {}
    for row in rows:
        shown = dict(row.values)
        for parameter, (t_ms, value) in list(kept.items()):
            if parameter in row.silent or row.t_ms - t_ms > PARAMETERS[parameter].stale_s * 1_000:
                del kept[parameter]
            else:
                shown.setdefault(parameter, value)
        for parameter, value in row.values.items():
            if PARAMETERS[parameter].stale_s >= INTERMITTENT_S:
                kept[parameter] = (row.t_ms, value)
        yield shown
