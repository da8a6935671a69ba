"""Ways to tell people at the bed: a file for displays, a program such as a buzzer. Neither ever holds up sampling."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from pathlib import Path

import msgspec

from vitals.alarms import Alarm, AlarmEvent
from vitals.codec import encode
from vitals.readings import Milliseconds

log = logging.getLogger(__name__)

WAITING = 32  # transitions the program has not been run for yet; then the oldest go, counted


class BedsidePicture(msgspec.Struct, frozen=True, kw_only=True):
    """What `bedside.json` holds. While `silent_since` is set, a `time` older than 15 s means the agent is dead."""

    gateway: str
    time: Milliseconds
    silent_since: Milliseconds | None
    alarms: list[Alarm]


class PictureFile:
    """Replaced whole, so that a reader never sees half of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._complained = False

    def write(self, picture: BedsidePicture) -> None:
        """Blocking; run it in a thread."""
        part = self._path.with_name(f".{self._path.name}.part")
        try:
            part.write_bytes(encode(picture) + b"\n")
            part.replace(self._path)
        except OSError as error:
            if not self._complained:
                log.error("cannot write %s for local displays: %s", self._path, error)
            self._complained = True
        else:
            self._complained = False


class LocalCommand:
    """Runs a program for each transition, one after the other, with the event as JSON on its standard input."""

    def __init__(self, words: list[str], timeout_s: float) -> None:
        self.dropped = 0
        self._words = words
        self._timeout_s = timeout_s
        self._waiting: deque[bytes] = deque()
        self._work = asyncio.Event()
        self._complained = ""

    def tell(self, event: AlarmEvent) -> None:
        """Returns at once."""
        if not self._words:
            return
        if len(self._waiting) >= WAITING:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(encode(event) + b"\n")
        self._work.set()

    async def run(self) -> None:
        """Run it for what waits."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                self._said(await self._once(self._waiting.popleft()))

    async def _once(self, body: bytes) -> str:
        """Why it failed, or empty."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._words, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, start_new_session=True
            )
        except (OSError, ValueError) as error:
            return f"cannot be run: {error}"
        try:
            async with asyncio.timeout(self._timeout_s):
                await process.communicate(body)
        except TimeoutError:
            return f"took longer than {self._timeout_s:g} s and was ended"
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return "" if process.returncode == 0 else f"ended with exit code {process.returncode}"

    def _said(self, failure: str) -> None:
        if failure and failure != self._complained:
            log.error("the bedside command %s %s", self._words[0], failure)
        elif self._complained and not failure:
            log.info("the bedside command %s works again", self._words[0])
        self._complained = failure
