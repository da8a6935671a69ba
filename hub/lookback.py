"""Looking back: gaps that were filled are judged in a thread, ward by ward; what is found waits for a commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from chassis.clock import DisciplinedClock
from chassis.failpoints import failpoint
from hub.history import History
from hub.journal import Write
from hub.late import Found, Gap, Gaps, Replay, judged_row, look_back
from vitals.errors import StorageError

LOOK_S = 1.0

log = logging.getLogger(__name__)


class Lookback:
    """`run` is meant for chassis.tasks.supervise. `found` takes each result, `keep` a row for the next commit."""

    def __init__(
        self,
        path: Path,
        gaps: Gaps,
        replay: Replay,
        clock: DisciplinedClock,
        found: Callable[[Found], None],
        keep: Callable[[Write], None],
    ) -> None:
        self._path = path
        self._gaps = gaps
        self._replay = replay
        self._clock = clock
        self._found = found
        self._keep = keep
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lookback")

    async def run(self) -> None:
        """Look for filled gaps for ever."""
        while True:
            await asyncio.sleep(LOOK_S)
            due = self._gaps.due(self._clock.now())
            if due:
                await self._look(due)

    async def _look(self, due: dict[str, list[Gap]]) -> None:
        loop = asyncio.get_running_loop()
        position = await loop.run_in_executor(self._thread, self._position)
        for ward, gaps in due.items():
            now = self._clock.now()
            try:
                found = await loop.run_in_executor(self._thread, look_back, self._path, ward, gaps, self._replay, now)
            except StorageError as error:
                log.warning("cannot look back at late readings of ward %s: %s; trying again", ward, error)
                self._gaps.again(gaps, now)
                return
            self._found(found)
        if not self._gaps:  # nothing has come late meanwhile, so all up to there is looked at
            failpoint("late.judged.before")
            self._keep(judged_row(position))

    def _position(self) -> int:
        history = History(self._path)
        try:
            return history.latest_position()
        finally:
            history.close()

    def close(self) -> None:
        """Leave what is under way; it is done again after the next start."""
        self._thread.shutdown(wait=False, cancel_futures=True)
