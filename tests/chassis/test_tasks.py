"""What fails is started again, slower each time, and takes no neighbour along."""

import asyncio
import itertools
import logging
import os
import signal

import pytest

from chassis.tasks import backoff, run_until, stop_on_signals, supervise


def test_waiting_times_double_up_to_the_last_with_jitter():
    waits = list(itertools.islice(backoff(1.0, 8.0), 200))
    for wait, middle in zip(waits, [1, 2, 4, 8, 8, 8], strict=False):
        assert 0.7 * middle <= wait <= 1.3 * middle
    assert len({round(wait, 6) for wait in waits[3:]}) > 100  # not all gateways return at once


def test_a_part_that_fails_is_started_again_and_says_so(caplog):
    runs = []

    async def part() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise RuntimeError("broken")
        await asyncio.Event().wait()

    async def scenario() -> None:
        task = asyncio.create_task(supervise("the part", part, first_s=0.001, last_s=0.002))
        async with asyncio.timeout(5):
            while len(runs) < 3:
                await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with caplog.at_level(logging.WARNING, logger="chassis.tasks"):
        asyncio.run(scenario())
    assert [record.getMessage() for record in caplog.records] == ["the part failed; starting it again"] * 2


def test_a_part_that_returns_is_started_again_too():
    runs = []

    async def part() -> None:
        runs.append(1)
        if len(runs) >= 2:
            await asyncio.Event().wait()

    async def scenario() -> None:
        task = asyncio.create_task(supervise("the part", part, first_s=0.001))
        async with asyncio.timeout(5):
            while len(runs) < 2:
                await asyncio.sleep(0.001)
        task.cancel()

    asyncio.run(scenario())


async def _forever() -> None:
    await asyncio.Event().wait()


async def _fail() -> None:
    raise RuntimeError("the disk is gone")


def test_stopping_cancels_every_task():
    async def scenario() -> list[bool]:
        stop = asyncio.Event()
        tasks = [asyncio.create_task(_forever()) for _ in range(3)]
        asyncio.get_running_loop().call_soon(stop.set)
        async with asyncio.timeout(5):
            await run_until(stop, *tasks)
        return [task.cancelled() for task in tasks]

    assert asyncio.run(scenario()) == [True, True, True]


def test_the_failure_that_came_first_is_the_one_that_is_raised():
    async def scenario() -> None:
        neighbour = asyncio.create_task(_forever())
        with pytest.raises(RuntimeError, match="the disk is gone"):
            await run_until(asyncio.Event(), neighbour, asyncio.create_task(_fail()))
        assert neighbour.cancelled()

    asyncio.run(scenario())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_signals_of_systemd_and_of_the_keyboard_stop_a_process(number):
    async def scenario() -> None:
        stop = stop_on_signals()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await stop.wait()

    asyncio.run(scenario())
