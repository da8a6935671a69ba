"""The feed: both streams of the journal as numbered entries, with a check that it is still the same journal."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from hub.history import History, StoredRecord
from hub.projections.cursors import START, Cursor
from hub.projections.sink import Entry, StoredEvent, Stream
from vitals.errors import StorageError


class Feed:
    """A reader of one journal. Raises StorageError while there is no journal, or when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._history = History(path)
        self._inode = _inode(path)

    def read(self, stream: Stream, position: int, limit: int) -> Sequence[Entry]:
        """Up to `limit` entries after `position`, in commit order."""
        try:
            if stream == "records":
                return self._history.after(position, limit)
            return [StoredEvent(number, event) for number, event in self._history.alarm_events_after(position, limit)]
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StorageError(f"cannot read the journal {self._path}: {error}") from error

    def latest(self, stream: Stream) -> int:
        """The position of the newest entry, 0 when there is none."""
        try:
            if stream == "records":
                return self._history.latest_position()
            return max((number for number, _ in self._history.alarm_events(limit=1)), default=0)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StorageError(f"cannot read the journal {self._path}: {error}") from error

    def resume(self, stream: Stream, cursor: Cursor) -> Cursor:
        """`cursor` if it belongs to this journal, START if the journal was replaced or restored meanwhile.

        Entries before the cursor may have been pruned; then there is nothing to compare and it is believed.
        """
        if cursor == START:
            return cursor
        found = self.read(stream, cursor.position - 1, 1)
        if not found or (found[0].id == cursor.position and bookmark(found[0]) != cursor.bookmark):
            return START
        return cursor

    def replaced(self) -> bool:
        """Whether another file has taken the journal's place since this feed was made."""
        return _inode(self._path) != self._inode

    def close(self) -> None:
        """Close the view."""
        self._history.close()


def bookmark(entry: Entry) -> str:
    """What an entry is, whatever its number."""
    if isinstance(entry, StoredRecord):
        return f"{entry.gateway}/{entry.epoch}/{entry.seq}"
    return f"{entry.event.alarm.id}/{entry.event.alarm.rev}"


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
