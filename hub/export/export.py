"""An export: a span of the journal read in short steps, each of which gives the next bytes of the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from hub.export.formats import Format
from hub.export.tables import Row, Table, unreadable
from hub.history import History, StoredRecord
from hub.projections.sink import Entry, StoredEvent, StoredState, StoredTicketEvent
from vitals.alarms import AlarmEvent
from vitals.errors import StorageError

PAGE = 1_000  # entries of one step: between steps nothing of the journal is held

_event = msgspec.json.Decoder(AlarmEvent)


class Asked(NamedTuple):
    """Which rows: from `start` up to and not including `end`, UTC ms; `wards` None: all, and what is in none."""

    start: int
    end: int
    wards: tuple[str, ...] | None = None
    bed: str | None = None


class _Source(NamedTuple):
    """Where the entries of a table are in the journal."""

    columns: str
    tables: str
    make: Callable[..., Entry]
    name: str = ""  # of the table with id, time, ward and bed, as a prefix


_SOURCES: dict[str, _Source] = {
    "readings": _Source(
        "id, gateway, epoch, seq, device, ward, bed, time, received, late, body", "record", StoredRecord
    ),
    "alarms": _Source("id, body", "alarm_event", lambda number, body: StoredEvent(number, _event.decode(body))),
    "devices": _Source("id, gateway, device, ward, bed, time, state, message", "device_history", StoredState),
    "tickets": _Source(
        'told.id, told.ticket, told.time, told.kind, told."by", told.text,'
        " ticket.gateway, ticket.device, ticket.ward, ticket.bed, ticket.fault",
        "ticket_event AS told JOIN ticket ON ticket.number = told.ticket",
        StoredTicketEvent,
        "told.",
    ),
}


class Export:
    """Call `step` with a view of the journal until it gives None. Readings go bed by bed, the rest by time.

    What is committed after the first step is left out: an export is of one moment. Its memory does not grow.
    """

    def __init__(self, table: Table, format_: Format, asked: Asked) -> None:
        self._table = table
        self._format = format_
        self._asked = asked
        self._source = _SOURCES[table.name]
        self._places: list[tuple[str, str]] = []
        self._place = 0
        self._last = (asked.start, 0)  # time and id of the entry that was read last
        self._until = -1  # the newest entry there was at the beginning; below 0: not begun
        self._over = False
        self.rows = 0

    @property
    def done(self) -> float:
        """How much of it is done, from 0 to 1."""
        if self._over:
            return 1.0
        length = self._asked.end - self._asked.start
        part = min(1.0, (self._last[0] - self._asked.start) / length)
        return (self._place + part) / max(1, len(self._places)) if self._until >= 0 else 0.0

    def step(self, history: History) -> bytes | None:
        """The next bytes, none yet, or None at the end. Raises StorageError when the journal cannot be read."""
        if self._over:
            return None
        try:
            return self._step(history)
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StorageError(f"cannot read the journal: {error}; start the hub once, it makes what lacks") from error

    def _step(self, history: History) -> bytes:
        if self._until < 0:
            self._begin(history)
            return self._format.begin()
        if self._place >= len(self._places):
            self._over = True
            return self._format.end()
        entries = self._page(history)
        if len(entries) < PAGE:
            self._place, self._last = self._place + 1, (self._asked.start, 0)
        rows = [row for entry in entries for row in self._rows_of(entry)]
        self.rows += len(rows)
        return self._format.rows(rows)

    def _rows_of(self, entry: Entry) -> Iterable[Row]:
        try:
            return self._table.rows(entry)
        except msgspec.MsgspecError:  # one record that went bad does not take the others along
            return unreadable(entry) if isinstance(entry, StoredRecord) else ()

    def _begin(self, history: History) -> None:
        wanted = self._asked.wards
        if self._table.name == "readings":
            self._places = [place for place in _places(history) if self._wants(*place)]
        elif wanted is None or wanted:
            self._places = [("", "")]
        source = self._source
        ((self._until,),) = history.select(f"SELECT coalesce(max({source.name}id), 0) FROM {source.tables}")

    def _wants(self, ward: str, bed: str) -> bool:
        return (self._asked.wards is None or ward in self._asked.wards) and self._asked.bed in (None, bed)

    def _page(self, history: History) -> Sequence[Entry]:
        name = self._source.name
        where = [f"({name}time, {name}id) > (?, ?)", f"{name}time < ?", f"{name}id <= ?"]
        values: list[Any] = [*self._last, self._asked.end, self._until]
        place, wards = ("ticket." if name else ""), self._asked.wards
        if self._table.name == "readings":
            where.append("ward = ? AND bed = ?")
            values += self._places[self._place]
        else:
            if wards is not None:
                where.append(f"{place}ward IN ({', '.join('?' * len(wards))})")
                values += wards
            if self._asked.bed is not None:
                where.append(f"{place}bed = ?")
                values.append(self._asked.bed)
        query = (
            f"SELECT {name}time, {self._source.columns} FROM {self._source.tables}"
            f" WHERE {' AND '.join(where)} ORDER BY {name}time, {name}id LIMIT ?"
        )
        found = history.select(query, *values, PAGE)
        if found:
            self._last = found[-1][0], found[-1][1]
        return [self._source.make(*row[1:]) for row in found]


def _places(history: History) -> list[tuple[str, str]]:
    """Every bed with readings, and the place of devices at no bed: each found by one look into the index."""
    found: list[tuple[str, str]] = [
        (ward, bed) for ward, bed in history.select("SELECT ward, bed FROM record ORDER BY ward, bed LIMIT 1")
    ]
    while found:
        query = "SELECT ward, bed FROM record WHERE (ward, bed) > (?, ?) ORDER BY ward, bed LIMIT 1"
        rows = history.select(query, *found[-1])
        if not rows:
            break
        found.append((rows[0][0], rows[0][1]))
    return found
