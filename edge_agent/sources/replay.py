"""A recording in place of a device, at any speed: numbers from a CSV, or raw bytes through the device's driver."""

from __future__ import annotations

import asyncio
import csv
import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from chassis.clock import Clock
from edge_agent.drivers.driver import Driver
from edge_agent.link import LinkState
from edge_agent.sources.driver_line import DriverLine, Observed
from vitals.errors import LinkError
from vitals.parameters import PARAMETERS
from vitals.readings import Observation

RETRY_S = 5.0
PIECE_S = 0.05  # raw bytes come in pieces this long
MAX_CAPTURE_BYTES = 64 << 20
TIME_COLUMNS = {"t_ms": 0.001, "t_s": 1.0, "t_min": 60.0}  # seconds
# Columns of public exports, beside our own names.
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
MARK = "test"  # nobody may take a recording for a patient


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One row of a recording."""

    at_s: float
    observation: Observation


class ReplaySource:
    """Plays a file, once or over and over. With `build` it holds raw bytes of a device, without it is a CSV."""

    def __init__(
        self,
        file: Path,
        speed: float,
        link: LinkState,
        clock: Clock,
        observed: Observed,
        *,
        loop: bool = False,
        build: Callable[[], Driver] | None = None,
        bytes_per_s: float = 960.0,
    ) -> None:
        self._file = file
        self._speed = speed
        self._link = link
        self._clock = clock
        self._observed = observed
        self._loop = loop
        self._build = build
        self._bytes_per_s = bytes_per_s

    async def run(self) -> None:
        """Play; at the end stay, with the link down."""
        while True:
            try:
                await (self._play_bytes(self._build) if self._build else self._play_rows())
            except LinkError as exc:
                self._link.enter("down", str(exc))
                await asyncio.sleep(RETRY_S)
                continue
            if not self._loop:
                self._link.enter("down", "the recording has ended")
                await asyncio.Event().wait()

    async def _play_rows(self) -> None:
        moments = await asyncio.to_thread(lambda: list(read_csv(self._file)))
        started, first = asyncio.get_running_loop().time(), moments[0].at_s
        step = (moments[-1].at_s - first) / max(1, len(moments) - 1)
        for moment in moments:
            await _sleep_until(started + (moment.at_s - first) / self._speed)
            self._link.heard(1, ())
            self._link.enter("up", "a recording")
            self._observed(moment.observation, self._clock.steady_ms())
        await _sleep_until(started + (moments[-1].at_s - first + step) / self._speed)

    async def _play_bytes(self, build: Callable[[], Driver]) -> None:
        data = await asyncio.to_thread(_read_capture, self._file)
        line = DriverLine(build(), self._link, self._clock, self._marked, lambda _: None)
        size = max(1, round(self._bytes_per_s * PIECE_S * self._speed))
        started = asyncio.get_running_loop().time()
        for number, place in enumerate(range(0, len(data), size)):
            await _sleep_until(started + number * PIECE_S)
            line.feed(data[place : place + size])
        line.finish()
        await asyncio.sleep(PIECE_S)

    def _marked(self, observation: Observation, steady: int) -> None:
        self._observed(replace(observation, flags=tuple(sorted({*observation.flags, MARK}))), steady)


async def _sleep_until(time: float) -> None:
    await asyncio.sleep(max(0.0, time - asyncio.get_running_loop().time()))


def read_csv(file: Path) -> Iterator[Moment]:
    """The rows of a recording: the time first, then a column per parameter. Raises LinkError naming the line.

    An empty cell was not recorded; a 0 is what monitors export without a signal, never a number.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise LinkError(f"cannot read {file}: {getattr(exc, 'strerror', None) or exc}") from exc
    rows = csv.reader(text.splitlines(), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        scale = TIME_COLUMNS.get(header[0]) if header else None
        names = [COLUMNS.get(cell, cell) for cell in header[1:]]
        unknown = [name for name in names if name not in PARAMETERS]
        if scale is None or not names or unknown or len(set(names)) < len(names):
            raise LinkError(f"{file}:1: expected t_s, t_ms or t_min and one column per parameter, each once")
        last, count = -math.inf, itertools.count()
        for cells in rows:
            if not cells:
                continue
            numbers = _numbers(cells, len(header))
            if numbers is None or numbers[0] is None or not numbers[0] * scale > last:
                raise LinkError(f"{file}:{rows.line_num}: expected {len(header)} numbers, the time growing")
            last = numbers[0] * scale
            if (observation := _observation(names, numbers[1:])) is not None:
                next(count)
                yield Moment(at_s=last, observation=observation)
        if next(count) == 0:
            raise LinkError(f"{file} holds no numbers")
    except csv.Error as exc:
        raise LinkError(f"{file}:{rows.line_num}: not CSV: {exc}") from exc


def _numbers(cells: list[str], width: int) -> list[float | None] | None:
    try:
        numbers = [float(cell) if cell.strip() else None for cell in cells]
    except ValueError:
        return None
    good = len(cells) == width and all(number is None or math.isfinite(number) for number in numbers)
    return numbers if good else None


def _observation(names: list[str], numbers: list[float | None]) -> Observation | None:
    said = {name: number for name, number in zip(names, numbers, strict=True) if number is not None}
    if not said:
        return None
    values = {name: number for name, number in said.items() if number != 0}
    missing = {name: "not_measured" for name, number in said.items() if number == 0}
    return Observation(values=values, missing=missing, flags=(MARK,))


def _read_capture(file: Path) -> bytes:
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_CAPTURE_BYTES else None
    except OSError as exc:
        raise LinkError(f"cannot read {file}: {exc.strerror}") from exc
    if data is None:
        raise LinkError(f"{file} is larger than {MAX_CAPTURE_BYTES >> 20} MiB; cut it into pieces")
    if not data:
        raise LinkError(f"{file} is empty")
    return data
