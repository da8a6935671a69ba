"""Observations become spooled records: thinned, stamped, collected, and committed in groups.

While the disk refuses they go out from memory instead, and to the disk as soon as it is back.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence

from chassis.clock import Clock
from chassis.failpoints import failpoint
from edge_agent.clock_quality import ClockWatch
from edge_agent.seqset import Range
from edge_agent.spool import Appended
from edge_agent.spool_memory import MemorySpool
from edge_agent.spool_thread import SpoolThread
from edge_agent.stamp import Draft, Stamper
from edge_agent.thinning import Thinner
from edge_agent.wave_desk import WAVE, Chosen, WaveDesk
from vitals.errors import StorageError
from vitals.readings import Observation

log = logging.getLogger(__name__)

GROUP = 200  # this many records do not wait for the interval
LARGEST_GROUP = 2_000
MEMORY = 20_000  # records that wait for a slow disk; then the oldest go, counted
MEMORY_FOR_WAVES = MEMORY // 2
RETRY_S = 1.0
STALLED_MS = 3_000  # a write that takes longer is trouble, too
LOOK_S = 0.1  # how often a write is looked at that does not end
NEARLY_FULL = 0.9  # of the spool: from here on it is told of receipts before it gives anything up

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
        memory: MemorySpool | None = None,
    ) -> None:
        self.lost: Counter[str] = Counter()  # records given up, by reason
        self.memory = memory or MemorySpool()
        self.in_memory: Callable[[], None] = lambda: None  # told when the memory holds other records than before
        self.waves_stored: Callable[[Sequence[Range]], None] = lambda _: None  # told before the commit they came with
        self.changed: Callable[[], None] = lambda: None  # told when trouble begins or ends
        self.settle: Callable[[], Awaitable[None]] | None = None  # tells the spool what has a receipt
        self.taken: Callable[[Draft], None] = lambda _: None  # told of each draft at once, before the disk has it
        self._spool = spool
        self._clock = clock
        self._quality = quality
        self._boot = boot
        self._interval = interval_s
        self._committed = committed
        self._pruned = pruned
        self._pending: deque[Draft] = deque()
        self._waves = WaveDesk(boot)
        self._stampers: dict[str, Stamper] = {}
        self._thinners: dict[str, Thinner] = {}
        self._times = spool.spool.newest_times()
        self._lock = asyncio.Lock()
        self._waiting: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()
        self._many = asyncio.Event()
        self._trouble = ""
        self._retry_at = 0
        self._writing_since: int | None = None

    @property
    def trouble(self) -> str:
        """Why records are not durable now; empty when they are."""
        since = self._writing_since
        if not self._trouble and since is not None and self._clock.steady_ms() - since > STALLED_MS:
            return f"the disk has not taken a record for {(self._clock.steady_ms() - since) // 1_000} s"
        return self._trouble

    @property
    def pending(self) -> int:
        """Records that wait for the disk."""
        return len(self._pending)

    def add_device(self, device: str, interval_ms: int, waves: Chosen = "none") -> None:
        """Get ready for the observations of a device."""
        self._waves.add_device(device, waves)
        self._stampers[device] = Stamper(device, self._boot, self._times.get(device, 0))
        self._thinners[device] = Thinner(interval_ms)

    def observe(self, device: str, observation: Observation, steady: int) -> None:
        """Take one observation; returns at once."""
        if observation.waves:
            self._waves.take(device, observation, steady)
        if not self._thinners[device].keep(observation, steady):
            return
        wall = self._clock.wall_ms() - (self._clock.steady_ms() - steady)  # when it was heard
        draft = self._stampers[device].stamp(observation, wall=wall, steady=steady, clock=self._quality.quality)
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

    def dated(self, newest: Mapping[str, int]) -> None:
        """Records were dated anew; the latest time of each device."""
        for device, time in newest.items():
            if device in self._stampers:
                self._stampers[device].dated(time)

    def cut_waves(self, *, everything: bool = False) -> None:
        """Take the stretches of waves that are ready. They never push a reading out."""
        drafts = self._waves.cut(
            wall=self._clock.wall_ms(),
            steady=self._clock.steady_ms(),
            clock=self._quality.quality,
            everything=everything,
        )
        if len(self._pending) + len(drafts) > MEMORY_FOR_WAVES:
            self.lost["wave_memory_full"] += len(drafts)
        elif drafts:
            self._pending.extend(drafts)
            self._work.set()

    @property
    def dropped(self) -> Counter[str]:
        """Words of drivers the wire does not know, over all devices."""
        return sum((stamper.dropped for stamper in self._stampers.values()), Counter(self._waves.dropped))

    async def stored(self) -> None:
        """Wait until all that was observed so far is on the disk. Raises StorageError; it is kept and tried again."""
        if self._pending:
            waiting = asyncio.get_running_loop().create_future()
            self._waiting.append(waiting)
            await waiting

    async def run(self) -> None:
        """Commit what has come together, each interval or each GROUP records; while the disk refuses, ask it again."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), RETRY_S if self.memory.owes else None)
                await asyncio.wait_for(self._many.wait(), self._interval)
            with contextlib.suppress(StorageError):  # said and shown already
                await self.flush()

    async def flush(self, *, patient: bool = True) -> None:
        """Commit everything pending. Raises StorageError; the records go out from memory then.

        `patient`: the disk that has just refused is not asked at once again.
        """
        async with self._lock:
            self._work.clear()
            self._many.clear()
            if self._trouble and patient and self._clock.steady_ms() < self._retry_at:
                self._to_memory(StorageError(self._trouble))
                return
            while self._pending or self.memory.owes:
                if not await self._commit():
                    break
            self._answer(None)

    async def _commit(self) -> bool:
        """Commit one group; False if there is nothing to commit yet. Raises StorageError."""
        group = [self._pending[index] for index in range(min(len(self._pending), LARGEST_GROUP))]
        back = self.memory.returning(self._clock.steady_ms(), LARGEST_GROUP)
        parcel = self.memory.parcel(back, group[-1] if group else None)
        if not group and not parcel:
            return False
        lost_before = self.lost["memory_full"]
        self._writing_since = self._clock.steady_ms()
        failpoint("recorder.append.before")
        try:
            if self.settle is not None and self._spool.spool.fill > NEARLY_FULL:
                await self.settle()
            done = await self._patiently(self._spool.call(self._spool.spool.append, [*parcel, *group]), len(group))
        except StorageError as exc:
            self._refused(exc)
            self._to_memory(exc)
            raise
        finally:
            self._writing_since = None
        failpoint("recorder.append.after")
        # While the disk was slow the oldest may have been pushed out of the queue; they are stored after all.
        pushed_out = self.lost["memory_full"] - lost_before
        self.lost["memory_full"] -= min(pushed_out, len(group))
        for _ in range(max(0, len(group) - pushed_out)):
            self._pending.popleft()
        self._stored([*parcel, *group], done)
        if parcel:
            self.memory.returned(back)
            self.in_memory()
        return True

    async def _patiently(self, append: Coroutine[object, object, Appended], size: int) -> Appended:
        """Wait for a slow disk; what comes meanwhile goes out from memory, behind the group of `size` it has now."""
        writing = asyncio.create_task(append)
        while not writing.done():
            await asyncio.wait({writing}, timeout=LOOK_S)
            if not writing.done() and self.trouble and len(self._pending) > size:
                group = [self._pending.popleft() for _ in range(size)]
                self._to_memory(StorageError(self.trouble))
                self._pending.extend(group)
                self.changed()
        return await writing

    def _to_memory(self, exc: StorageError) -> None:
        """The disk does not take what is pending: send it from memory, and do not let who waits wait."""
        readings = [draft for draft in self._pending if draft.kind != WAVE]
        self.lost["wave_disk_refused"] += len(self._pending) - len(readings)
        self._pending.clear()
        self.lost["disk_refused"] += self.memory.take(readings)
        self.in_memory()
        self._answer(exc)

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
        if self._trouble:
            log.info("the spool takes records again")
            self._trouble = ""
            self.changed()
        self.lost["oversized"] += done.refused
        self.waves_stored(done.waves)
        if done.last >= done.first:
            self._committed((done.first, done.last), max(draft.steady for draft in group))
        for seqs in done.pruned:
            self._pruned(seqs)
        for gaps in done.gaps:
            self._committed(gaps, group[-1].steady)

    def _refused(self, exc: StorageError) -> None:
        self._retry_at = self._clock.steady_ms() + int(RETRY_S * 1_000)
        if not self._trouble:
            log.error("%s; records go out from memory, which holds at most %d", exc, MEMORY)
            self._trouble = str(exc)
            self.changed()
        self._trouble = str(exc)
