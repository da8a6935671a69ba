"""The committer: batches of the intake go to the journal in one worker thread, at most one commit under way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

from chassis.histogram import Histogram
from chassis.tasks import backoff
from hub.journal import Batch, Journal
from vitals.errors import StorageError

log = logging.getLogger(__name__)


class Committer:
    """Wakes when something waits, lets it gather for `interval_s`, commits, and tells `on_commit`."""

    def __init__(
        self,
        journal: Journal,
        interval_s: float,
        take: Callable[[], Batch],
        on_commit: Callable[[Batch, list[int]], None],
        keep_after: Callable[[], int],
    ) -> None:
        self._journal = journal
        self._interval_s = interval_s
        self._take = take
        self._on_commit = on_commit
        self._keep_after = keep_after
        self._wake = asyncio.Event()
        self.took = Histogram()  # seconds of each commit that succeeded
        self.refused = False  # the disk takes nothing now
        self.aboard = 0  # records of the commit under way
        self._unconfirmed: list[int] = []
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")

    def wake(self) -> None:
        """Something waits."""
        self._wake.set()

    async def run(self) -> None:
        """Commit for ever. A refusing disk is retried for ever too: without a commit there is no receipt."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(self._interval_s)
            await self.commit_now()

    async def commit_now(self) -> None:
        """Commit what waits.

        Cancelled, it leaves the commit under way to the worker, which `close` waits for: nothing is reported of it,
        so the gateways send again and its events stay in the outbox.
        """
        self._wake.clear()
        batch = self._take()
        if not batch:
            return
        self.aboard = batch.size
        ids = await asyncio.shield(self._commit(batch))
        self.aboard = 0
        self._on_commit(batch, ids)

    async def confirm(self, ids: list[int]) -> None:
        """Take announced events out of the outbox; what the disk refuses now goes with the next ones."""
        self._unconfirmed += ids
        if not self._unconfirmed or self.refused:
            return
        ids, self._unconfirmed = self._unconfirmed, []
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._journal.confirm, ids)
        except StorageError:
            self._unconfirmed += ids  # announced again at worst; the next commit says what is wrong

    async def _commit(self, batch: Batch) -> list[int]:
        loop = asyncio.get_running_loop()
        waits = backoff(0.2, 5.0)
        while True:
            began = perf_counter()
            try:
                ids = await loop.run_in_executor(self._thread, self._journal.commit, batch, self._keep_after())
            except StorageError as error:
                if not self.refused:
                    log.error("%s; no receipts until it works again, gateways keep their records", error)
                self.refused = True
                await asyncio.sleep(next(waits))
                continue
            self.took.observe(perf_counter() - began)
            if self.refused:
                self.refused = False
                log.warning("the journal commits again")
            return ids

    def close(self) -> None:
        """Wait for the worker."""
        self._thread.shutdown(wait=True)
