"""Supervised tasks: run for ever, restart what fails, with back-off, and say so once each way."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Awaitable, Callable, Iterator

from vitals.errors import LinkError

log = logging.getLogger(__name__)


def backoff(first_s: float = 0.5, last_s: float = 30.0) -> Iterator[float]:
    """Waiting times in seconds: doubling from `first_s` to `last_s`, with jitter so that not all return at once."""
    delay = first_s
    while True:
        yield delay * random.uniform(0.7, 1.3)  # noqa: S311 - jitter, not a secret
        delay = min(last_s, delay * 2)


async def supervise(
    name: str, run: Callable[[], Awaitable[None]], *, first_s: float = 0.5, last_s: float = 30.0
) -> None:
    """Run `run` for ever; when it fails or returns, log one line, wait with back-off, run it again.

    The only place that catches everything: a part that dies must not take its neighbours along.
    """
    loop = asyncio.get_running_loop()
    waits = backoff(first_s, last_s)
    while True:
        started = loop.time()
        try:
            await run()
            log.warning("%s ended; starting it again", name)
        except asyncio.CancelledError:
            raise
        except LinkError as error:  # lines and brokers come and go: one line, no stack
            log.warning("%s: %s; trying again", name, error)
        except Exception:
            log.exception("%s failed; starting it again", name)
        if loop.time() - started > last_s:
            waits = backoff(first_s, last_s)
        await asyncio.sleep(next(waits))


def stop_on_signals() -> asyncio.Event:
    """An event that SIGTERM and SIGINT set. Call inside the running loop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def run_until(stop: asyncio.Event, *tasks: asyncio.Task[None]) -> None:
    """Wait for `stop`, or for the first task to fail; then cancel the tasks and wait for them.

    Raises the failure of the task that ended first, if one did.
    """
    waiter = asyncio.create_task(_wait(stop), name="stop")
    try:
        done, _ = await asyncio.wait([waiter, *tasks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiter.cancel()
        for task in tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        if task is not waiter and not task.cancelled() and (error := task.exception()) is not None:
            raise error


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
