"""A station: many simulated monitors in one process, each on a pty with a stable name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from firmware_sim.lines.pty import PtyLine
from firmware_sim.plan import StationMonitor
from firmware_sim.playback import Outlet, play


def _nothing(outlets: Sequence[Outlet]) -> None:
    pass


async def run_station(
    plan: Sequence[StationMonitor],
    folder: Path,
    stop: asyncio.Event,
    *,
    files: Path = Path(),
    end_ms: int | None = None,
    ready: Callable[[Sequence[Outlet]], None] = _nothing,
) -> None:
    """Run the monitors of `plan` at `folder`/<link> until `stop` is set (or for `end_ms`), then remove the links.

    Recordings named by file are looked for in `files`. `ready` is called once all links are there.
    """
    outlets: list[Outlet] = []
    try:
        monitors = [(item, item.build(files)) for item in plan]  # before any link, so that a bad plan leaves none
        for item, monitor in monitors:
            outlets.append(Outlet(monitor, PtyLine(folder / item.link), item.cable()))
        ready(outlets)
        await play(outlets, stop, end_ms)
    finally:
        for outlet in outlets:
            outlet.line.close()
