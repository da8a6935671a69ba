"""The journal as the console reads it: short queries in threads of their own, page by page."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from hub.history import History, StoredRecord
from vitals.errors import StorageError

PAGE = 2_000  # records read at once; between pages nothing is held, so the journal can be checkpointed

_T = TypeVar("_T")


class Archive:
    """Opens the journal anew for each query: it may not exist yet, or be moved while the console runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="journal-reader")

    async def query(self, ask: Callable[[History], _T]) -> _T:
        """What `ask` finds. Raises StorageError."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, ask)

    async def readable(self) -> bool:
        """Whether the journal can be read now."""
        try:
            await self.query(History.latest_position)
        except StorageError:
            return False
        return True

    async def readings(self, ward: str, bed: str, start: int, end: int) -> AsyncIterator[list[StoredRecord]]:
        """Pages of a bed's records measured in [start, end), by time. Memory stays flat. Raises StorageError."""
        last = (start, 0)
        while True:
            page = await self.query(lambda history, last=last: _page(history, ward, bed, last, end))  # type: ignore[misc]
            if page:
                yield page
                last = (page[-1].time, page[-1].id)
            if len(page) < PAGE:
                return

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, ask: Callable[[History], _T]) -> _T:
        history = History(self.path)
        try:
            return ask(history)
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the journal: {error}") from error
        finally:
            history.close()


def _page(history: History, ward: str, bed: str, last: tuple[int, int], end: int) -> list[StoredRecord]:
    records = history.readings(ward, bed, last[0], end)
    return list(itertools.islice((record for record in records if (record.time, record.id) > last), PAGE))
