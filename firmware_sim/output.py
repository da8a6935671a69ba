"""Output of a command: monitors on ptys, on TCP or UDP ports or on a stream, until somebody says stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import BinaryIO

from firmware_sim.lines.line import Line
from firmware_sim.lines.pty import PtyLine
from firmware_sim.lines.tcp import TcpLine
from firmware_sim.lines.udp import UdpLine
from firmware_sim.monitors.monitor import Datagrams, Monitor
from firmware_sim.noise import Noise
from firmware_sim.playback import SLICE_MS, Outlet, Pace, bytes_until, play

Plugged = tuple[Monitor, Noise]
Announce = Callable[[Sequence[Outlet]], None]


async def run_on_ptys(
    monitors: Iterable[Plugged],
    links: Iterable[Path | None],
    announce: Announce,
    stop: asyncio.Event,
    end_ms: int | None,
) -> None:
    """Each monitor on a pty of its own; the links go when it ends."""
    with ExitStack() as open_lines:
        outlets = []
        for (monitor, noise), link in zip(monitors, links, strict=True):
            line = open_lines.enter_context(closing(PtyLine(link)))
            outlets.append(Outlet(monitor, line, noise))
        announce(outlets)
        await play(outlets, stop, end_ms)


async def run_on_tcp(
    monitors: Iterable[Plugged], port: int, announce: Announce, stop: asyncio.Event, end_ms: int | None
) -> None:
    """The monitors on `port` and the ports after it (0: any free ones)."""
    with ExitStack() as open_lines:
        outlets = []
        for index, (monitor, noise) in enumerate(monitors):
            line: Line = open_lines.enter_context(closing(await TcpLine.open(port + index if port else 0)))
            outlets.append(Outlet(monitor, line, noise))
        announce(outlets)
        await play(outlets, stop, end_ms)


async def run_on_udp(
    monitors: Iterable[tuple[Callable[[int], Plugged], Datagrams]],
    port: int,
    announce: Announce,
    stop: asyncio.Event,
    end_ms: int | None,
) -> None:
    """The monitors on UDP `port` and the ports after it (0: any free ones); each is made knowing its own."""
    with ExitStack() as open_lines:
        outlets = []
        for index, (make, datagrams) in enumerate(monitors):
            line = open_lines.enter_context(closing(await UdpLine.open(port + index if port else 0, datagrams)))
            monitor, noise = make(line.port)
            outlets.append(Outlet(monitor, line, noise))
        announce(outlets)
        await play(outlets, stop, end_ms)


def run_on_stream(plugged: Plugged, stream: BinaryIO, end_ms: int | None) -> None:
    """One monitor on a stream: until `end_ms` as fast as possible, without an end in real time."""
    monitor, noise = plugged
    if end_ms is not None:
        for data in bytes_until(monitor, noise, end_ms):
            stream.write(data)
        stream.flush()
        return
    pace = Pace(time.monotonic)
    while True:
        t_ms, late = pace.next()
        for piece in noise.pieces(noise.spoil(monitor.step(t_ms))):
            if not late:
                stream.write(piece)
                stream.flush()
        time.sleep(SLICE_MS / 1_000)
