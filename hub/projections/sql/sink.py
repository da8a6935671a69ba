"""The SQL sink: entries of the journal become rows in one PostgreSQL, MariaDB or MySQL database.

SQLAlchemy, Alembic and the drivers are imported when it opens: a hub without this projection does not need them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec

from chassis.clock import SystemClock
from chassis.secrets import resolve
from hub.history import History, StoredRecord
from hub.projections.sink import (
    Entry,
    PoisonError,
    Sink,
    StoredEvent,
    StoredScore,
    StoredState,
    StoredStay,
    StoredTicketEvent,
    Stream,
)
from hub.projections.sql import rows
from hub.projections.sql.cells import Ms
from hub.settings import HubSettings, SqlSettings
from vitals.errors import LinkError, UsageError

if TYPE_CHECKING:
    from hub.projections.sql.store import Store

STREAMS: tuple[Stream, ...] = ("records", "alarm-events", "device-states", "ticket-events", "scores")


def sinks(settings: HubSettings, folder: Path) -> list[Sink]:
    """The sink of the section `projections.sql`."""
    assert settings.projections.sql is not None
    return [SqlSink(settings.projections.sql, folder, settings.hub, folder / settings.journal.path)]


def open_store(settings: SqlSettings, folder: Path, *, user: str | None = None, password: str | None = None) -> Store:
    """The database of the settings, not connected yet; `user` and `password` may be another's. Raises UsageError."""
    with _extra():
        from hub.projections.sql.store import Store
    reference = password or settings.password
    secret = None if reference is None else resolve(reference, folder)
    return Store(settings.url, secret, int(settings.timeout), user=user)


def schema_statements(dialect: str) -> str:
    """What makes the tables in an empty database. Raises UsageError without the extra."""
    with _extra():
        from hub.projections.sql.schema import statements
    return statements(dialect)


class SqlSink:
    """One database. The password is read at every `open`, so a corrected file needs no restart."""

    name = "sql"

    def __init__(self, settings: SqlSettings, folder: Path, hub: str, journal: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._hub = hub
        self._journal = journal
        self._origin = rows.Origin(hub, "")
        self._store: Store | None = None
        self._clock = SystemClock()
        self.batch = settings.batch
        self.streams: tuple[Stream, ...] = (*STREAMS, "admissions") if settings.patients else STREAMS

    def open(self) -> None:
        """Connect, and bring the tables to this program's version."""
        self._origin = rows.Origin(self._hub, _identity(self._journal))
        self._store = open_store(self._settings, self._folder)
        self._store.open()

    def write(self, entries: Sequence[Entry]) -> None:
        """Write the rows of all entries, and how far the stream has come, in one transaction."""
        assert self._store is not None
        try:
            with self._store.transaction():
                self._put(self._store, entries)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise PoisonError(f"cannot be written as rows: {error}") from error

    def render(self, entry: Entry) -> bytes:
        """The entry as JSON: one entry is many rows."""
        return rows.rendered(entry)

    def close(self) -> None:
        """Drop the connection."""
        if self._store is not None:
            self._store.close()
        self._store = None

    def _put(self, store: Store, entries: Sequence[Entry]) -> None:
        from hub.projections.sql import tables

        match entries[0]:
            case StoredRecord():
                records = cast(Sequence[StoredRecord], entries)
                store.put_text(tables.VALUES, rows.value_rows(records, store.cells))
                self._note(store, "records", entries, max(record.received for record in records))
            case StoredEvent():
                events = cast(Sequence[StoredEvent], entries)
                store.put(tables.TRANSITIONS, rows.transition_rows(events))
                store.put(tables.ALARMS, rows.alarm_rows(events))
                self._note(store, "alarm-events", entries, max(event.time for _, event in events))
            case StoredState():
                states = cast(Sequence[StoredState], entries)
                store.put(tables.HISTORY, rows.history_rows(states))
                store.put(tables.DEVICES, rows.device_rows(states))
                self._note(store, "device-states", entries, max(state.time for state in states))
            case StoredTicketEvent():
                told = cast(Sequence[StoredTicketEvent], entries)
                store.put(tables.TICKET_EVENTS, rows.ticket_event_rows(told, self._origin))
                history = store.history(self._origin.journal, sorted({one.ticket for one in told}))
                store.put(tables.TICKETS, rows.ticket_rows(told, history, self._origin))
                self._note(store, "ticket-events", entries, max(one.time for one in told))
            case StoredScore():
                scores = cast(Sequence[StoredScore], entries)
                store.put(tables.SCORES, rows.score_rows(scores))
                self._note(store, "scores", entries, max(score.time for score in scores))
            case StoredStay():
                stays = cast(Sequence[StoredStay], entries)
                store.put(tables.ADMISSIONS, rows.admission_rows(stays, self._origin))
                self._note(store, "admissions", entries, max(stay.time for stay in stays))

    def _note(self, store: Store, stream: Stream, entries: Sequence[Entry], time: int) -> None:
        """How fresh the copy is: without this row, silence would look like health."""
        from hub.projections.sql import tables

        last = max(entry.id for entry in entries)
        store.put(tables.COPIED, [(self._hub, stream, last, Ms(time), Ms(self._clock.wall_ms()))])


@contextlib.contextmanager
def _extra() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise UsageError(f"{error.name} is not installed; run: pip install 'wardline[sql]'") from error


def _identity(journal: Path) -> str:
    """What tells this journal from another one of the same hub."""
    history = History(journal)
    try:
        found = history.select("SELECT value FROM meta WHERE key = 'identity'")
    finally:
        history.close()
    if not found:
        raise LinkError(
            f"the journal {journal} is of an older version and has no identity; waiting for its hub to start"
        )
    return str(found[0][0])
