"""The showing: each second a snapshot of every ward goes out, spread over that second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import cycle, islice

from chassis.pace import Pace

EACH_S = 1.0
AT_ONCE = 4  # wards of a hub that is late: an alarm waits for 2 ms of them at most


class Showing:
    """Calls `show` for each ward in turn, also where the hub has so much to do that it is called late itself."""

    def __init__(self, wards: Iterable[str], show: Callable[[str], None]) -> None:
        self._wards = list(wards)
        self._show = show

    async def run(self) -> None:
        """For ever. Alarms go between any few of the wards."""
        clock = asyncio.get_running_loop().time
        wards = cycle(self._wards)
        pace = Pace(EACH_S / max(1, len(self._wards)), AT_ONCE, EACH_S)
        while True:
            for ward in islice(wards, pace.due(clock())):
                self._show(ward)
            await asyncio.sleep(pace.wait(clock()))
