import asyncio
import threading

import msgspec
import pytest

from chassis.clock import SystemClock
from edge_agent import recorder as recorder_module
from edge_agent.clock_quality import ClockWatch
from edge_agent.recorder import Recorder
from edge_agent.spool_file import open_spool
from edge_agent.spool_memory import MemorySpool
from edge_agent.spool_thread import SpoolThread
from vitals.errors import StorageError
from vitals.readings import Observation, Record


@pytest.fixture
def bench(tmp_path):
    """A recorder over a real spool; `committed` collects the ranges it reports."""

    class Bench:
        def __init__(self, interval_s=0.02):
            self.spool = open_spool(tmp_path / "spool.db")
            self.committed = []
            self.recorder = Recorder(
                SpoolThread(self.spool),
                SystemClock(),
                ClockWatch(lambda: True),
                "boot-1",
                interval_s,
                lambda seqs, _: self.committed.append(seqs),
                lambda _: None,
            )
            self.recorder.add_device("mon-a", 0)

        def observe(self, count):
            for _ in range(count):
                self.recorder.observe("mon-a", Observation(values={"hr": 72.0}), SystemClock().steady_ms())

    return Bench


async def until(condition, seconds=30.0):
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)


def run(recorder, scene):
    async def main():
        task = asyncio.create_task(recorder.run())
        await scene()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())


def test_records_are_committed_in_groups(bench):
    stand = bench()

    async def scene():
        stand.observe(50)
        await until(lambda: stand.committed)
        assert stand.committed == [(1, 50)]

    run(stand.recorder, scene)


def test_many_records_do_not_wait_for_the_interval(bench):
    stand = bench(interval_s=60)

    async def scene():
        stand.observe(recorder_module.GROUP)
        await until(lambda: stand.committed == [(1, recorder_module.GROUP)])

    run(stand.recorder, scene)


def refusing(stand, monkeypatch, why="database or disk is full"):
    """Makes the spool refuse until the list returned is emptied."""
    monkeypatch.setattr(recorder_module, "RETRY_S", 0.02)
    append, broken = stand.spool.append, [True]

    def refuse(drafts):
        if broken:
            raise StorageError(f"cannot write the spool: {why}")
        return append(drafts)

    monkeypatch.setattr(stand.spool, "append", refuse)
    return broken


def stored(spool):
    return [msgspec.json.decode(body, type=Record) for _, body in spool.read([(1, 10**9)], 1 << 30)]


def test_what_came_while_the_disk_refused_is_on_it_when_it_is_back(bench, monkeypatch, caplog):
    stand = bench()
    broken = refusing(stand, monkeypatch)

    async def scene():
        stand.observe(1_000)
        await until(lambda: "full" in stand.recorder.trouble and stand.recorder.memory.holds == 1_000)
        stand.observe(10)
        await until(lambda: stand.recorder.memory.holds == 1_010)
        broken.clear()
        await until(lambda: not stand.recorder.trouble and not stand.recorder.memory.owes)
        assert stand.committed == [(1, 1_010)]
        assert not +stand.recorder.lost

    run(stand.recorder, scene)
    assert [record.seq for record in stored(stand.spool)] == list(range(1, 1_011))
    assert "go out from memory" in caplog.text


def test_what_the_hub_got_from_memory_does_not_go_to_the_disk_and_the_rest_says_where_it_went(bench, monkeypatch):
    stand = bench()
    broken = refusing(stand, monkeypatch)
    memory = stand.recorder.memory

    async def scene():
        stand.observe(10)
        await until(lambda: memory.holds == 10)
        memory.went([(1, 6)])
        memory.lanes.receipt([(1, 4)], [], 2_000, 0)
        broken.clear()
        await until(lambda: stand.committed)
        assert memory.holds == 2  # 5 and 6 are on their way: their receipt is waited for
        memory.lanes.receipt([(5, 6)], [], 2_000, 0)
        await until(lambda: not memory.owes)

    run(stand.recorder, scene)
    *moved, gap = stored(stand.spool)
    assert len(moved) == 4
    assert (gap.gap.epoch, gap.gap.spans(), gap.gap.reason) == (memory.epoch, [(7, 10)], "moved")
    books = memory.ledger()
    assert (books.accepted, books.spooled, books.receipted, books.pruned) == (10, 0, 6, 4)


def test_what_falls_out_of_memory_is_declared_when_the_disk_is_back(bench, monkeypatch):
    stand = bench()
    stand.recorder.memory = MemorySpool(limit=100)
    broken = refusing(stand, monkeypatch)

    async def scene():
        stand.observe(130)
        await until(lambda: stand.recorder.memory.holds == 100)
        assert stand.recorder.lost["disk_refused"] == 30
        broken.clear()
        await until(lambda: not stand.recorder.memory.owes)

    run(stand.recorder, scene)
    *kept, gap = stored(stand.spool)
    assert len(kept) == 100
    assert (gap.gap.reason, gap.gap.count, gap.gap.spans()) == ("disk_refused", 30, [])
    assert 0 < gap.gap.start <= gap.gap.end <= kept[0].time


def test_while_a_disk_does_not_answer_what_comes_goes_out_from_memory_and_nothing_twice(bench, monkeypatch):
    stand = bench()
    monkeypatch.setattr(recorder_module, "STALLED_MS", 20)
    monkeypatch.setattr(recorder_module, "LOOK_S", 0.01)
    go_on = threading.Event()
    append = stand.spool.append
    monkeypatch.setattr(stand.spool, "append", lambda drafts: (go_on.wait(10), append(drafts))[1])

    async def scene():
        stand.observe(3)
        await until(lambda: "has not taken a record" in stand.recorder.trouble)
        stand.observe(5)
        await until(lambda: stand.recorder.memory.holds == 5)
        stand.recorder.memory.went([(1, 2)])
        stand.recorder.memory.lanes.receipt([(1, 2)], [], 2_000, 0)
        go_on.set()
        await until(lambda: not stand.recorder.trouble and not stand.recorder.memory.owes)

    run(stand.recorder, scene)
    *rows, gap = stored(stand.spool)
    assert len(rows) == 6  # 3 on the way to the disk, 3 from memory; 2 the hub has had
    assert (gap.gap.reason, gap.gap.spans()) == ("moved", [(3, 5)])


def test_who_waits_hears_when_all_is_on_the_disk(bench):
    stand = bench()

    async def scene():
        await stand.recorder.stored()  # nothing is pending
        stand.observe(5)
        await asyncio.gather(stand.recorder.stored(), stand.recorder.stored())
        assert stand.spool.accepted() == 5

    run(stand.recorder, scene)


def test_who_waits_hears_when_the_disk_refuses_and_again_when_it_does_not(bench, monkeypatch):
    stand = bench()
    broken = refusing(stand, monkeypatch)

    async def scene():
        stand.observe(1)
        with pytest.raises(StorageError):
            await stand.recorder.stored()
        broken.clear()
        stand.observe(1)
        await until(lambda: stand.spool.accepted() == 2)
        await stand.recorder.stored()

    run(stand.recorder, scene)


def test_who_waits_is_told_when_its_record_is_pushed_out_of_memory(bench, monkeypatch):
    monkeypatch.setattr(recorder_module, "MEMORY", 3)
    stand = bench()

    async def scene():
        stand.observe(3)
        waiting = asyncio.ensure_future(stand.recorder.stored())
        await asyncio.sleep(0)
        stand.observe(1)
        with pytest.raises(StorageError, match="memory is full"):
            await waiting

    asyncio.run(scene())


def test_memory_is_bounded_while_the_disk_refuses_and_what_goes_is_counted(bench, monkeypatch):
    monkeypatch.setattr(recorder_module, "MEMORY", 100)
    stand = bench()
    stand.observe(130)
    assert stand.recorder.lost["memory_full"] == 30
    asyncio.run(stand.recorder.flush())
    assert stand.spool.accepted() == 100


def test_words_no_driver_should_say_are_counted(bench):
    stand = bench()
    stand.recorder.observe("mon-a", Observation(values={"aura": 1.0}), 1)
    assert stand.recorder.dropped == {"unknown parameter: aura": 1}
