"""Playback: monitors on their lines, in real time or as fast as possible."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from firmware_sim.lines.line import Line
from firmware_sim.monitors.monitor import Monitor
from firmware_sim.noise import Noise, NoiseMix

SLICE_MS = 40  # as often as a UART with a small buffer delivers
FAST_SLICE_MS = 1_000
# After a pause of the whole process (a laptop lid) the bytes of the pause are lost, not sent in one burst.
LATEST_MS = 2_000


@dataclass(slots=True)
class Outlet:
    """One monitor plugged into one line, with the noise of the cable."""

    monitor: Monitor
    line: Line
    noise: Noise = field(default_factory=lambda: Noise(NoiseMix(), 0))

    def step(self, t_ms: int, *, late: bool = False) -> None:
        """Send what is due; when `late`, it is lost."""
        heard = self.line.read()
        if heard:
            self.monitor.receive(heard)
        data = self.noise.spoil(self.monitor.step(t_ms))
        if not late:
            for piece in self.noise.pieces(data):
                self.line.write(piece)


def bytes_until(monitor: Monitor, noise: Noise, end_ms: int) -> Iterator[bytes]:
    """Everything a monitor sends until `end_ms`, as fast as it can be made."""
    for t_ms in range(FAST_SLICE_MS, end_ms + FAST_SLICE_MS, FAST_SLICE_MS):
        yield from noise.pieces(noise.spoil(monitor.step(min(t_ms, end_ms))))


@dataclass(slots=True)
class Pace:
    """Where simulated time stands on a real clock."""

    clock: Callable[[], float]
    started: float = field(init=False)
    last_ms: int = 0

    def __post_init__(self) -> None:
        self.started = self.clock()

    def next(self) -> tuple[int, bool]:
        """The time now, and whether so much has passed that what was due is lost."""
        now_ms = int((self.clock() - self.started) * 1_000)
        late = now_ms - self.last_ms > LATEST_MS
        self.last_ms = now_ms
        return now_ms, late


async def play(outlets: Sequence[Outlet], stop: asyncio.Event, end_ms: int | None = None) -> None:
    """Keep real time on all lines until `stop`, or for `end_ms`."""
    pace = Pace(asyncio.get_running_loop().time)
    while not stop.is_set():
        now_ms, late = pace.next()
        t_ms = now_ms if end_ms is None else min(now_ms, end_ms)
        for outlet in outlets:
            outlet.step(t_ms, late=late)
        if t_ms == end_ms:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), SLICE_MS / 1_000)
