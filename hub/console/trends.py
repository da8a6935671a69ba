"""Trends: the records of a bed in, by time; lowest, highest and mean of each column of a chart out, and the gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from vitals.drills import DRILL
from vitals.parameters import PARAMETERS

Row = tuple[int, int, int, bytes]
"""(id, time, late, body) of a record."""

NO_DATA = "no_data"  # nothing was heard at all; other reasons are a monitor's own word


class Gap(NamedTuple):
    """A span without a value, and the reason the monitor last gave for it."""

    start: int
    end: int
    reason: str


class _Body(msgspec.Struct, frozen=True, gc=False):
    """What a trend reads of a record."""

    values: dict[str, float] = {}
    flags: dict[str, str] = {}
    states: tuple[str, ...] = ()


_decode = msgspec.json.Decoder(_Body).decode


class Line:
    """One parameter: its columns that have a value, and its gaps."""

    __slots__ = ("_reason", "_said", "_since", "_values", "gaps", "high", "late", "low", "mean", "stale_ms", "times")

    def __init__(self, parameter: str, start: int) -> None:
        self.stale_ms = PARAMETERS[parameter].stale_s * 1_000
        self.times: list[int] = []  # of the columns, when each begins
        self.low: list[float] = []
        self.high: list[float] = []
        self.mean: list[float] = []
        self.late: list[int] = []  # columns with something that came late
        self.gaps: list[Gap] = []
        self._values: list[float] = []  # of the present column
        self._said = start  # the newest word on it, be it a value or a reason
        self._reason = ""  # the newest word if it was no value
        self._since = start  # when there began to be no value

    def take(self, time: int, value: float) -> None:
        """A value of the present column."""
        if self._reason or time - self._said > self.stale_ms:
            self._turn(time, "")
        self._said = time
        self._values.append(value)

    def flag(self, time: int, reason: str) -> None:
        """The monitor says why there is no value."""
        if self._reason != reason or time - self._said > self.stale_ms:
            self._turn(time, reason)
        self._said = time

    def close(self, column: int, decimals: int) -> None:
        """The present column, which began at `column`, is over."""
        values = self._values
        if not values:
            return
        self.times.append(column)
        self.low.append(min(values))
        self.high.append(max(values))
        self.mean.append(round(sum(values) / len(values), decimals))
        self._values = []

    def end(self, time: int) -> None:
        """Nothing more comes; what is asked for ends at `time`."""
        self._turn(time, "")

    def _turn(self, time: int, reason: str) -> None:
        """Another word than before, or the first one after a silence."""
        silent = time - self._said > self.stale_ms
        if self._reason:
            self._miss(self._since, self._said if silent else time, self._reason)
        if silent:
            self._miss(self._said, time, NO_DATA)
        self._since = time if silent or self._reason else self._said
        self._reason = reason

    def _miss(self, start: int, end: int, reason: str) -> None:
        """A gap, unless it is as short as a monitor may pause between two values."""
        if end - start > self.stale_ms:
            self.gaps.append(Gap(start, end, reason))


class Tracer:
    """Draws the lines of `parameters`, or of whatever is there, over [start, end) in columns of `step` ms."""

    def __init__(self, start: int, end: int, step: int, parameters: Sequence[str] | None = None) -> None:
        self.start, self.end, self.step = start, end, step
        self.lines: dict[str, Line] = {}
        self.last = (start, 0)  # time and id of the newest record taken
        self._all = parameters is None
        self._column = start
        self._over = start + step
        for name in parameters or ():
            self.lines[name] = Line(name, start)

    def take(self, rows: Iterable[Row]) -> int:
        """Records in the order of their time; how many there were."""
        lines, count = self.lines, 0
        for number, time, late, body in rows:
            count += 1
            if time >= self._over:
                self._next(time)
            record = _decode(body)
            if DRILL in record.states:  # nobody measured this
                continue
            for name, value in record.values.items():
                line = lines.get(name) or self._new(name)
                if line is not None:
                    line.take(time, value)
                    if late and line.late[-1:] != [self._column]:
                        line.late.append(self._column)
            for name, reason in record.flags.items():
                line = lines.get(name) or self._new(name)
                if line is not None:
                    line.flag(time, reason)
            self.last = (time, number)
        return count

    def finish(self, now: int) -> dict[str, Line]:
        """The lines; nothing after `now` can be missing."""
        self._close()
        for line in self.lines.values():
            line.end(min(self.end, now))
        return self.lines

    def _next(self, time: int) -> None:
        self._close()
        self._column = self.start + (time - self.start) // self.step * self.step
        self._over = self._column + self.step

    def _close(self) -> None:
        for name, line in self.lines.items():
            line.close(self._column, PARAMETERS[name].decimals + 1)

    def _new(self, name: str) -> Line | None:
        if not self._all or name not in PARAMETERS:
            return None
        line = self.lines[name] = Line(name, self.start)
        return line
