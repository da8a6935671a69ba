"""Alarm events of the journal, read after a cursor of our own: nothing is missed while nobody listens."""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path
from typing import NamedTuple

import msgspec

from chassis.database import open_read_only
from vitals.alarms import Alarm, AlarmEvent
from vitals.errors import StorageError

log = logging.getLogger(__name__)


class Bookmark(NamedTuple):
    """How far the journal has been read: the id of the last event, and which event that was."""

    position: int
    event: str


BEGINNING = Bookmark(0, "")


class Read(NamedTuple):
    """Some events, in order, and where the reader stands behind them."""

    events: list[AlarmEvent]
    bookmark: Bookmark


class Events:
    """A reader of one journal. Raises StorageError while there is none, or when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_read_only(path)
        self._inode = _inode(path)
        self._decoder = msgspec.json.Decoder(AlarmEvent)

    def after(self, bookmark: Bookmark, limit: int) -> Read:
        """Up to `limit` events behind `bookmark`."""
        events: list[AlarmEvent] = []
        for number, body in self._rows(
            "SELECT id, body FROM alarm_event WHERE id > ? ORDER BY id LIMIT ?", bookmark.position, limit
        ):
            event = self._decode(number, body)
            bookmark = Bookmark(number, name_of(event))
            if event is not None:
                events.append(event)
        return Read(events, bookmark)

    def standing(self) -> tuple[list[Alarm], Bookmark]:
        """For who begins to listen: each alarm that has not ended as its last event left it, and the place behind."""
        query = "SELECT id, body FROM alarm_event WHERE id IN (SELECT max(id) FROM alarm_event GROUP BY alarm)"
        query += " AND change NOT IN ('cleared', 'reset') ORDER BY id"
        last = self._rows("SELECT id, body FROM alarm_event ORDER BY id DESC LIMIT ?", 1)
        found = [event.alarm for number, body in self._rows(query) if (event := self._decode(number, body)) is not None]
        if not last:
            return found, BEGINNING
        return found, Bookmark(last[0][0], name_of(self._decode(*last[0])))

    def knows(self, bookmark: Bookmark) -> bool:
        """Whether `bookmark` is of this journal, and not of one that was replaced or restored meanwhile."""
        rows = self._rows("SELECT id, body FROM alarm_event WHERE id = ?", bookmark.position)
        return bool(rows) and name_of(self._decode(*rows[0])) == bookmark.event

    def replaced(self) -> bool:
        """Whether another file has taken the journal's place since this reader was made."""
        return _inode(self._path) != self._inode

    def close(self) -> None:
        """Close the view."""
        self._db.close()

    def _rows(self, query: str, *values: object) -> list[tuple[int, bytes]]:
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the journal {self._path}: {error}") from error

    def _decode(self, number: int, body: bytes) -> AlarmEvent | None:
        """The event, or None: one that nobody can read must not stand before those that follow."""
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            log.error("alarm event %d of the journal cannot be read, nobody is paged for it: %s", number, error)
            return None


def name_of(event: AlarmEvent | None) -> str:
    """Which event it is, whatever its number."""
    return "" if event is None else f"{event.alarm.id}/{event.alarm.rev}/{event.change}"


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
