"""The feed: the streams of the journal as numbered entries, with a check that it is still the same journal."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hub.history import History, StoredRecord
from hub.projections.cursors import START, Cursor
from hub.projections.sink import (
    Entry,
    StoredEvent,
    StoredScore,
    StoredState,
    StoredStay,
    StoredTicketEvent,
    StoredWave,
    Stream,
)
from vitals.alarms import AlarmEvent
from vitals.errors import StorageError

_NOT_YET = ("no such table", "no such column")
_event = msgspec.json.Decoder(AlarmEvent)


class _Source(NamedTuple):
    """Where a stream is in the journal: rows of `columns` of `tables`, each made into an entry; `id` is unique."""

    columns: str
    tables: str
    make: Callable[..., Entry]
    id: str = "id"
    time: str = "time"  # the column a rebuild from a time looks at

    @property
    def table(self) -> str:
        """The one whose rows are counted."""
        return self.tables.partition(" ")[0]


_SOURCES: dict[Stream, _Source] = {
    "records": _Source(
        "id, gateway, epoch, seq, device, ward, bed, time, received, late, body",
        "record",
        StoredRecord,
        time="received",
    ),
    "alarm-events": _Source("id, body", "alarm_event", lambda number, body: StoredEvent(number, _event.decode(body))),
    "device-states": _Source("id, gateway, device, ward, bed, time, state, message", "device_history", StoredState),
    "ticket-events": _Source(
        'told.id, told.ticket, told.time, told.kind, told."by", told.text,'
        " ticket.gateway, ticket.device, ticket.ward, ticket.bed, ticket.fault",
        "ticket_event AS told JOIN ticket ON ticket.number = told.ticket",
        StoredTicketEvent,
        id="told.id",
        time="told.time",
    ),
    "scores": _Source(
        'id, ward, bed, time, "table", total, complete, risk, body',
        "score",
        lambda *row: StoredScore._make([*row[:6], bool(row[6]), *row[7:]]),
    ),
    "admissions": _Source(
        'id, time, kind, admission, ward, bed, patient, start, "end", "by", reason', "admission_event", StoredStay
    ),
    "waves": _Source(
        "id, gateway, epoch, seq, device, channel, ward, bed, time, received, clock, rate, scale,"
        ' "offset", unit, samples',
        "wave",
        StoredWave,
        time="received",
    ),
}


class Feed:
    """A reader of one journal. Raises StorageError while there is no journal, or when it cannot be read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._history = History(path)
        self._inode = _inode(path)

    def read(self, stream: Stream, position: int, limit: int) -> Sequence[Entry]:
        """Up to `limit` entries after `position`, in commit order."""
        source = _SOURCES[stream]
        query = f"SELECT {source.columns} FROM {source.tables} WHERE {source.id} > ? ORDER BY {source.id} LIMIT ?"
        try:
            return [source.make(*row) for row in self._select(query, position, limit)]
        except msgspec.MsgspecError as error:
            raise StorageError(f"cannot read the journal {self._path}: {error}") from error

    def latest(self, stream: Stream) -> int:
        """The position of the newest entry, 0 when there is none."""
        rows = self._select(f"SELECT coalesce(max(id), 0) FROM {_SOURCES[stream].table}")
        return int(rows[0][0]) if rows else 0

    def behind(self, positions: Mapping[Stream, int]) -> int:
        """How many entries stand after these places."""
        return sum(max(0, self.latest(stream) - position) for stream, position in positions.items())

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

    def before(self, stream: Stream, time: int) -> Cursor:
        """The place in `stream` after which stands everything that came at `time` (UTC ms) or later."""
        first = self._first_record(time) if stream == "records" else self._first(stream, time)
        if first <= 1:
            return START
        found = self.read(stream, first - 2, 1)
        # An entry that has left the journal is compared with nothing: any bookmark does.
        known = bookmark(found[0]) if found and found[0].id == first - 1 else ""
        return Cursor(first - 1, known)

    def replaced(self) -> bool:
        """Whether another file has taken the journal's place since this feed was made."""
        return _inode(self._path) != self._inode

    def close(self) -> None:
        """Close the view."""
        self._history.close()

    def _first(self, stream: Stream, time: int) -> int:
        source = _SOURCES[stream]
        query = f"SELECT min({source.id}) FROM {source.tables} WHERE {source.time} >= ?"
        rows = self._select(query, time)
        return int(rows[0][0]) if rows and rows[0][0] is not None else self.latest(stream) + 1

    def _first_record(self, time: int) -> int:
        """The first record received at `time` or later. They stand in the order in which they were received."""
        ((low, high),) = self._select("SELECT coalesce(min(id), 1), coalesce(max(id), 0) + 1 FROM record")
        while low < high:
            middle = (low + high) // 2
            rows = self._select("SELECT id, received FROM record WHERE id >= ? ORDER BY id LIMIT 1", middle)
            if not rows or rows[0][1] >= time:
                high = middle
            else:
                low = rows[0][0] + 1
        return int(low)

    def _select(self, query: str, *values: int) -> list[tuple[Any, ...]]:
        """Rows; none while the journal is of a version that has no such table yet."""
        try:
            return self._history.select(query, *values)
        except sqlite3.Error as error:
            if str(error).startswith(_NOT_YET):
                return []
            raise StorageError(f"cannot read the journal {self._path}: {error}") from error


def bookmark(entry: Entry) -> str:
    """What an entry is, whatever its number."""
    match entry:
        case StoredRecord() | StoredWave():
            return f"{entry.gateway}/{entry.epoch}/{entry.seq}"
        case StoredEvent():
            return f"{entry.event.alarm.id}/{entry.event.alarm.rev}"
        case StoredState():
            return f"{entry.gateway}/{entry.device}/{entry.time}/{entry.state}"
        case StoredTicketEvent():
            return f"{entry.ticket}/{entry.time}/{entry.kind}"
        case StoredScore():
            return f"{entry.ward}/{entry.bed}/{entry.table}/{entry.time}"
        case StoredStay():
            return f"{entry.admission}/{entry.time}/{entry.kind}"


def _inode(path: Path) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
