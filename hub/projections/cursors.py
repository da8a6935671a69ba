"""Cursors: how far each sink has come, what it refused, and how it is doing, in one small SQLite file.

Deliberately not in the journal: a sink that stalls in the middle of a write must never hold the journal's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from chassis.database import open_database, open_read_only
from chassis.failpoints import failpoint
from hub.projections.sink import Stream
from vitals.errors import StorageError

DEAD_LETTER_LIMIT = 100_000  # per sink; more than that is a settings fault and is only counted

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cursor (
    sink TEXT NOT NULL, stream TEXT NOT NULL,
    position INTEGER NOT NULL,        -- id of the last entry the sink has stored
    bookmark TEXT NOT NULL,           -- identity of that entry: tells a replaced journal from a grown one
    PRIMARY KEY (sink, stream)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS dead_letter (
    sink TEXT NOT NULL, stream TEXT NOT NULL, entry INTEGER NOT NULL, bookmark TEXT NOT NULL,
    reason TEXT NOT NULL, line BLOB NOT NULL, time INTEGER NOT NULL,
    PRIMARY KEY (sink, stream, entry, bookmark)
);
CREATE TABLE IF NOT EXISTS sink_status (
    sink TEXT PRIMARY KEY,
    state TEXT NOT NULL,              -- running or waiting
    lag INTEGER NOT NULL,             -- entries of the journal it does not have yet
    error TEXT NOT NULL,              -- why it waits
    since INTEGER NOT NULL,           -- in this state since, UTC ms
    updated INTEGER NOT NULL,
    dead INTEGER NOT NULL DEFAULT 0,  -- entries it ever refused
    pruned INTEGER NOT NULL DEFAULT 0 -- entries that had left the journal before it could take them
) WITHOUT ROWID;
"""


class Cursor(NamedTuple):
    """A place in a stream."""

    position: int
    bookmark: str


START = Cursor(0, "")


class DeadLetter(NamedTuple):
    """One entry a sink refused."""

    stream: str
    entry: int
    reason: str
    line: bytes
    time: int


class SinkStatus(NamedTuple):
    """How a sink is doing, for people."""

    sink: str
    state: Literal["running", "waiting"]
    lag: int
    error: str
    since: int
    updated: int
    dead: int
    pruned: int


class Cursors:
    """The one writer for one sink. Every method raises StorageError when the file refuses."""

    def __init__(self, path: Path, sink: str) -> None:
        self._path = path
        self._sink = sink
        self._db = open_database(path)
        try:
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise StorageError(f"cannot use the cursors in {path}: {error}; move the file aside") from error

    def cursor(self, stream: Stream) -> Cursor:
        """Where the sink stands in `stream`; START when it never took anything."""
        query = "SELECT position, bookmark FROM cursor WHERE sink = ? AND stream = ?"
        row = self._db.execute(query, (self._sink, stream)).fetchone()
        return Cursor(*row) if row else START

    def advance(self, stream: Stream, cursor: Cursor, lag: int, now: int) -> None:
        """Remember that everything up to `cursor` is stored or buried, and that the sink is running."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", (self._sink, stream, *cursor))
            self._note(db, "running", "", lag, now)

        self._write(write)

    def bury(self, stream: Stream, lines: Sequence[tuple[Cursor, bytes]], reason: str, now: int) -> None:
        """Keep entries the sink refused, with the reason; burying one twice keeps one."""

        def write(db: sqlite3.Connection) -> None:
            (kept,) = db.execute("SELECT count(*) FROM dead_letter WHERE sink = ?", (self._sink,)).fetchone()
            full = kept >= DEAD_LETTER_LIMIT
            rows = [(self._sink, stream, *cursor, reason, line, now) for cursor, line in lines]
            if not full:
                new = db.executemany("INSERT OR IGNORE INTO dead_letter VALUES (?, ?, ?, ?, ?, ?, ?)", rows).rowcount
            self._count(db, "dead", len(rows) if full else new, now)

        self._write(write)

    def note_pruned(self, count: int, now: int) -> None:
        """Count entries that left the journal before the sink could take them."""
        self._write(lambda db: self._count(db, "pruned", count, now))

    def note_waiting(self, error: str, lag: int, now: int) -> None:
        """Write down that the sink does not take entries, and why."""
        self._write(lambda db: self._note(db, "waiting", error, lag, now))

    def rewind(self) -> None:
        """Start again from the oldest entry the journal has: rebuilds the sink."""
        self._write(lambda db: db.execute("DELETE FROM cursor WHERE sink = ?", (self._sink,)))

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._db.close()

    def _note(self, db: sqlite3.Connection, state: str, error: str, lag: int, now: int) -> None:
        """`since` moves only when the state changes."""
        db.execute(
            "INSERT INTO sink_status (sink, state, lag, error, since, updated) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET since = iif(state = excluded.state, since, excluded.since),"
            " state = excluded.state, lag = excluded.lag, error = excluded.error, updated = excluded.updated",
            (self._sink, state, lag, error, now, now),
        )

    def _count(self, db: sqlite3.Connection, column: Literal["dead", "pruned"], count: int, now: int) -> None:
        db.execute(
            "INSERT OR IGNORE INTO sink_status (sink, state, lag, error, since, updated)"
            " VALUES (?, 'running', 0, '', ?, ?)",
            (self._sink, now, now),
        )
        db.execute(f"UPDATE sink_status SET {column} = {column} + ? WHERE sink = ?", (count, self._sink))

    def _write(self, write: Callable[[sqlite3.Connection], object]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            write(self._db)
            failpoint("cursor.write.before_commit")
            self._db.execute("COMMIT")
            failpoint("cursor.write.after_commit")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StorageError(f"cannot write the cursors in {self._path}: {error}") from error


def statuses(path: Path) -> list[SinkStatus]:
    """How every sink is doing. Raises StorageError when there is no such file."""
    return [SinkStatus(*row) for row in _rows(path, f"SELECT {', '.join(SinkStatus._fields)} FROM sink_status", ())]


def positions(path: Path, sink: str) -> dict[str, int]:
    """How far `sink` has come in each stream. Raises StorageError when there is no such file."""
    return dict(_rows(path, "SELECT stream, position FROM cursor WHERE sink = ?", (sink,)))


def dead_letters(path: Path, sink: str, limit: int = 100) -> list[DeadLetter]:
    """The newest entries `sink` refused. Raises StorageError when there is no such file."""
    columns = ", ".join(DeadLetter._fields)
    query = f"SELECT {columns} FROM dead_letter WHERE sink = ? ORDER BY time DESC, entry DESC LIMIT ?"
    return [DeadLetter(*row) for row in _rows(path, query, (sink, limit))]


def _rows(path: Path, query: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
    db = open_read_only(path)
    try:
        return list(db.execute(query, values))
    except sqlite3.Error as error:
        raise StorageError(f"cannot read the cursors in {path}: {error}") from error
    finally:
        db.close()
