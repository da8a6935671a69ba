"""Observations become spooled records: thinned, stamped, collected, and committed in groups."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable

from chassis.clock import Clock
from edge_agent.clock_quality import ClockWatch
from edge_agent.seqset import Range
from edge_agent.spool import Appended
from edge_agent.spool_thread import SpoolThread
from edge_agent.stamp import Draft, Stamper
from edge_agent.thinning import Thinner
from vitals.errors import StorageError
from vitals.readings import Observation

log = logging.getLogger(__name__)

GROUP = 200  # this many records do not wait for the interval
LARGEST_GROUP = 2_000
MEMORY = 20_000  # records kept in memory while the disk refuses; then the oldest go, counted
RETRY_S = 1.0

Committed = Callable[[Range, int], None]
Pruned = Callable[[Range], None]


class Recorder:
    """The sampling side: never waits for the network, and for the disk only in its own task."""

    def __init__(
        self,
        spool: SpoolThread,
        clock: Clock,
        quality: ClockWatch,
        boot: str,
        interval_s: float,
        committed: Committed,
        pruned: Pruned,
    ) -> None:
        self.lost: Counter[str] = Counter()  # records given up, by reason
        self.trouble = ""  # why records are not durable now; empty when they are
        self.taken: Callable[[Draft], None] = lambda _: None  # told of each draft at once, before the disk has it
        self._spool = spool
        self._clock = clock
        self._quality = quality
        self._boot = boot
        self._interval = interval_s
        self._committed = committed
        self._pruned = pruned
        self._pending: deque[Draft] = deque()
        self._stampers: dict[str, Stamper] = {}
        self._thinners: dict[str, Thinner] = {}
        self._times = spool.spool.newest_times()
        self._lock = asyncio.Lock()
        self._waiting: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()
        self._many = asyncio.Event()

    def add_device(self, device: str, interval_ms: int) -> None:
        """Get ready for the observations of a device."""
        self._stampers[device] = Stamper(device, self._boot, self._times.get(device, 0))
        self._thinners[device] = Thinner(interval_ms)

    def observe(self, device: str, observation: Observation, steady: int) -> None:
        """Take one observation; returns at once."""
        if not self._thinners[device].keep(observation, steady):
            return
        draft = self._stampers[device].stamp(
            observation, wall=self._clock.wall_ms(), steady=steady, clock=self._quality.quality
        )
        if draft is None:
            return
        if len(self._pending) >= MEMORY:
            self._pending.popleft()
            self.lost["memory_full"] += 1
            self._answer(StorageError("memory is full while the disk refuses"))
        self._pending.append(draft)
        self.taken(draft)
        self._work.set()
        if len(self._pending) >= GROUP:
            self._many.set()

    @property
    def dropped(self) -> Counter[str]:
        """Words of drivers the wire does not know, over all devices."""
        return sum((stamper.dropped for stamper in self._stampers.values()), Counter())

    async def stored(self) -> None:
        """Wait until all that was observed so far is on the disk. Raises StorageError; it is kept and tried again."""
        if self._pending:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    async def run(self) -> None:
        """Commit what has come together, each interval or each GROUP records."""
        while True:
            await self._work.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._many.wait(), self._interval)
            try:
                await self.flush()
            except StorageError as exc:
                self._refused(exc)
                await asyncio.sleep(RETRY_S)

    async def flush(self) -> None:
        """Commit everything pending. Raises StorageError, with nothing taken out of the queue."""
        async with self._lock:
            self._work.clear()
            self._many.clear()
            while self._pending:
                group = [self._pending[index] for index in range(min(len(self._pending), LARGEST_GROUP))]
                lost_before = self.lost["memory_full"]
                try:
                    done = await self._spool.call(self._spool.spool.append, group)
                except StorageError as exc:
                    self._work.set()
                    self._answer(exc)
                    raise
                # While the disk was slow the oldest may have been pushed out of the queue; they are stored after all.
                pushed_out = self.lost["memory_full"] - lost_before
                self.lost["memory_full"] -= min(pushed_out, len(group))
                for _ in range(max(0, len(group) - pushed_out)):
                    self._pending.popleft()
                self._stored(group, done)
            self._answer(None)

    def _answer(self, exc: StorageError | None) -> None:
        """Tell those who wait in `stored`."""
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if future.done():  # given up meanwhile
                continue
            if exc is None:
                future.set_result(None)
            else:
                future.set_exception(exc)

    def _stored(self, group: list[Draft], done: Appended) -> None:
        if self.trouble:
            log.info("the spool takes records again")
            self.trouble = ""
        self.lost["oversized"] += done.refused
        if done.last >= done.first:
            self._committed((done.first, done.last), max(draft.steady for draft in group))
        if done.pruned is not None:
            self._pruned(done.pruned)

    def _refused(self, exc: StorageError) -> None:
        if not self.trouble:
            log.error("%s; records wait in memory, at most %d", exc, MEMORY)
        self.trouble = str(exc)
