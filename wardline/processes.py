"""Child processes: kept running, logged to a file, stopped in time, gone when their parent is gone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from chassis.tasks import backoff
from wardline import child

KILL_WAIT_S = 0.5
TAIL_BYTES = 4096

Say = Callable[[str], None]


class Child:
    """One program in a process group of its own; what ends unasked is started again, with one line about it."""

    def __init__(self, name: str, argv: Sequence[str], log: Path | None, say: Say, *, last_s: float = 10.0) -> None:
        self.name = name
        self.restarts = 0
        self._argv = argv
        self._log = log
        self._say = say
        self._last_s = last_s
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    @property
    def last_line(self) -> str:
        """The last line it wrote to its log."""
        if self._log is None:
            return ""
        with contextlib.suppress(OSError):
            with self._log.open("rb") as file:
                file.seek(max(0, self._log.stat().st_size - TAIL_BYTES))
                lines = file.read().decode(errors="replace").split("\n")
            return next((line.strip() for line in reversed(lines) if line.strip()), "")
        return ""

    async def start(self) -> None:
        """Start it and keep it running. Its last run's log stays beside the new one; without a log it shares ours."""
        if self._log is not None:
            set_aside(self._log)
        await self._spawn()
        self._task = asyncio.create_task(self._keep(), name=self.name)

    async def stop(self, grace_s: float) -> None:
        """Ask it to end, wait `grace_s`, then make it end, with all it has started."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), grace_s)
        _kill_group(process.pid)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), KILL_WAIT_S)

    async def _spawn(self) -> None:
        launcher = [sys.executable, "-I", "-S", child.__file__, str(os.getpid())]
        with _writing(self._log) as output:
            self._process = await asyncio.create_subprocess_exec(
                *launcher, *self._argv, stdin=DEVNULL, stdout=output, stderr=STDOUT, start_new_session=True
            )

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        waits = backoff(0.5, self._last_s)
        while True:
            started = loop.time()
            assert self._process is not None
            code = await self._process.wait()
            _kill_group(self._process.pid)  # what it left behind would hold its ports and files
            if loop.time() - started > 2 * self._last_s:
                waits = backoff(0.5, self._last_s)
            wait = next(waits)
            self._say(f"{self.name} {_ending(code)}; starting it again in {wait:.1f} s{self._last_words()}")
            await asyncio.sleep(wait)
            self.restarts += 1
            await self._spawn()

    def _last_words(self) -> str:
        line = self.last_line
        return f"; its last words: {line}" if line else ""


def set_aside(log: Path) -> None:
    """Keep the log of the last run beside the new one; the one before that goes."""
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))


@contextlib.contextmanager
def _writing(log: Path | None) -> Iterator[int]:
    """A descriptor that appends to `log`, or that of our own standard error."""
    descriptor = os.dup(2) if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _ending(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with code {code}"


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
