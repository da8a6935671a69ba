import asyncio

import pytest

from chassis.clock import SystemClock
from edge_agent import recorder as recorder_module
from edge_agent.clock_quality import ClockWatch
from edge_agent.recorder import Recorder
from edge_agent.spool_file import open_spool
from edge_agent.spool_thread import SpoolThread
from vitals.errors import StorageError
from vitals.readings import Observation


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


async def until(condition, seconds=5.0):
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


def test_while_the_disk_refuses_records_wait_in_memory_and_nothing_is_lost(bench, monkeypatch, caplog):
    monkeypatch.setattr(recorder_module, "RETRY_S", 0.02)
    stand = bench()
    append, full = stand.spool.append, [True]

    def refuse(drafts):
        if full:
            raise StorageError("cannot write the spool: database or disk is full")
        return append(drafts)

    monkeypatch.setattr(stand.spool, "append", refuse)

    async def scene():
        stand.observe(1_000)
        await until(lambda: "full" in stand.recorder.trouble)
        stand.observe(10)
        full.clear()
        await until(lambda: not stand.recorder.trouble)
        assert stand.committed == [(1, 1_010)]
        assert stand.recorder.lost["memory_full"] == 0

    run(stand.recorder, scene)
    assert "records wait in memory" in caplog.text


def test_who_waits_hears_when_all_is_on_the_disk(bench):
    stand = bench()

    async def scene():
        await stand.recorder.stored()  # nothing is pending
        stand.observe(5)
        await asyncio.gather(stand.recorder.stored(), stand.recorder.stored())
        assert stand.spool.accepted() == 5

    run(stand.recorder, scene)


def test_who_waits_hears_when_the_disk_refuses_and_again_when_it_does_not(bench, monkeypatch):
    monkeypatch.setattr(recorder_module, "RETRY_S", 0.02)
    stand = bench()
    append, full = stand.spool.append, [True]

    def refuse(drafts):
        if full:
            raise StorageError("cannot write the spool: database or disk is full")
        return append(drafts)

    monkeypatch.setattr(stand.spool, "append", refuse)

    async def scene():
        stand.observe(1)
        with pytest.raises(StorageError):
            await stand.recorder.stored()
        full.clear()
        await stand.recorder.stored()
        assert stand.spool.accepted() == 1

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
