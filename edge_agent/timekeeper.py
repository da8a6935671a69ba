"""The timekeeper: looks for the true time, keeps anchors on the disk, and puts right what was dated by a guess."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from chassis.clock import Clock
from edge_agent.anchors import Anchors
from edge_agent.clock_quality import ClockWatch, GatewayClock
from edge_agent.spool_thread import SpoolThread
from edge_agent.stamp import CLOCK_FLOOR_MS
from vitals.errors import StorageError

log = logging.getLogger(__name__)

LOOK_S = 1.0
SLICE = 1_000  # rows put right in one transaction: new ones wait for it
WRONG_MS = 2_000  # a wall clock further off than this should be looked at by people


class Timekeeper:
    """Owns what the gateway knows of time. Everything here runs on the event loop."""

    def __init__(
        self, machine: Clock, spool: SpoolThread, boot: str, synced: Callable[[], bool | None] | None = None
    ) -> None:
        known, newest = spool.spool.anchors(), spool.spool.newest_known()
        floor = max([CLOCK_FLOOR_MS, newest, *(anchor.wall for anchor in known)])
        self.watch = ClockWatch(synced, machine, Anchors(boot, known, floor))
        self.clock = GatewayClock(machine, self.watch.anchors)
        self.dated: Callable[[Mapping[str, int]], None] = lambda _: None  # told of the latest time of each device
        self.sure: Callable[[], None] = lambda: None  # told when no row is dated by a guess any more
        self._machine = machine
        self._floor = floor
        self._spool = spool
        self._boot = boot
        self._guesses = spool.spool.has_guesses(boot)
        self._found = self.watch.found
        self._woken = asyncio.Event()
        self._wrong = False

    @property
    def guesses(self) -> bool:
        """Whether there were, a moment ago, records dated by a guess that may yet be put right."""
        return self._guesses

    @property
    def reason(self) -> str:
        """What people should know of the clock; empty when all is well."""
        wrong = self.watch.wrong_by
        if abs(wrong) > WRONG_MS:
            return f"clock: this machine's is {wrong / 1_000:+.0f} s wrong, records have the right time"
        shown = self._machine.wall_ms()
        if self.watch.quality == "unsynced" and shown < self._floor:
            date = datetime.fromtimestamp(max(0, shown) / 1_000, UTC).strftime("%Y-%m-%d")
            return f"clock: this machine's shows {date} and was never set, certificates may be refused; see to its NTP"
        return ""

    def heard(self, time: int, error_ms: int) -> None:
        """The hub said what time it is, at most `error_ms` ago."""
        known = self.watch.anchors.best is not None
        anchor = self.watch.anchors.heard(time=time, steady=self._machine.steady_ms(), error_ms=error_ms)
        if anchor is not None:
            self._found.append(anchor)
            self._woken.set()
            if not known:
                log.info("nothing sets the clock of this machine: going by the hub's")

    async def run(self) -> None:
        """Look each second."""
        if self.reason:
            log.warning("%s", self.reason)
        trouble = False
        while True:
            self._woken.clear()
            anchor = self.watch.look()
            if anchor is not None:
                self._found.append(anchor)
            self._tell()
            try:
                await self._put_right()
                trouble = False
            except StorageError as exc:  # what it says stands in the status already, of the recorder
                log.log(logging.DEBUG if trouble else logging.WARNING, "times cannot be put right yet: %s", exc)
                trouble = True
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), LOOK_S)

    def _tell(self) -> None:
        """Say so when the wall clock of the machine is wrong, and when it is right again."""
        by = self.watch.wrong_by
        if self._wrong != (abs(by) > WRONG_MS):
            self._wrong = not self._wrong
            if self._wrong:
                log.warning("the clock of this machine is %+.0f s wrong: records have the right time", by / 1_000)
            else:
                log.info("the clock of this machine is right again")

    async def _put_right(self) -> None:
        spool = self._spool.spool
        while self._found:
            await self._spool.call(spool.keep_anchor, self._found[0])
            del self._found[0]
        if self.watch.anchors.best is None:
            if not self._guesses:
                self._guesses = await self._spool.call(spool.has_guesses, self._boot)
            return
        count = 0
        while await self._spool.call(spool.has_guesses, self._boot):
            done, newest = await self._spool.call(spool.date_anew, SLICE)
            self.dated(newest)
            count += done
        if count:
            log.info("the time is known now: %d records that were dated by a guess are put right", count)
        if self._guesses:
            self._guesses = False
            self.sure()
