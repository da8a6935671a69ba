"""The committer never gives a batch up, and never reports one that is not committed."""

import asyncio

import pytest

from hub.committer import Committer
from hub.journal import Batch, StateRow
from vitals.errors import StorageError


class Disk:
    """A journal that refuses the first `refusals` commits."""

    def __init__(self, refusals: int) -> None:
        self.refusals = refusals
        self.committed: list[Batch] = []

    def commit(self, batch, keep_after):
        if self.refusals:
            self.refusals -= 1
            raise StorageError("disk full")
        self.committed.append(batch)
        return []


def batch() -> Batch:
    batch = Batch()
    batch.states.append(StateRow("icu", "1", "r", b"s"))
    return batch


def committer(disk, batches, reported):
    return Committer(
        disk, 0.001, lambda: batches.pop(0) if batches else Batch(), lambda done, ids: reported.append(done), lambda: 0
    )


@pytest.mark.parametrize("refusals", [0, 2])
def test_a_batch_is_committed_in_the_end_and_then_reported(refusals):
    disk, waiting, reported = Disk(refusals), [batch(), batch()], []
    expected = list(waiting)

    async def run() -> None:
        worker = committer(disk, waiting, reported)
        task = asyncio.create_task(worker.run())
        async with asyncio.timeout(5):
            while len(reported) < 2:
                worker.wake()
                await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        worker.close()

    asyncio.run(run())
    assert disk.committed == expected == reported


def test_nothing_is_reported_while_the_disk_refuses():
    disk, reported = Disk(1_000), []

    async def run() -> None:
        worker = committer(disk, [batch()], reported)
        worker.wake()
        task = asyncio.create_task(worker.run())
        async with asyncio.timeout(5):
            while disk.refusals > 998:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        disk.refusals = 0
        worker.close()

    asyncio.run(run())
    assert reported == []


def test_an_empty_batch_is_no_commit():
    disk, reported = Disk(0), []

    async def run() -> None:
        worker = committer(disk, [], reported)
        await worker.commit_now()
        worker.close()

    asyncio.run(run())
    assert disk.committed == reported == []
