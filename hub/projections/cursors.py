"""Cursors: how far each sink has come, what it refused, and how it is doing, in one small SQLite file.

Deliberately not in the journal: a sink that stalls in the middle of a write must never hold the journal's lock.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
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
    pruned INTEGER NOT NULL DEFAULT 0, -- entries that had left the journal before it could take them
    copied INTEGER NOT NULL DEFAULT 0 -- entries it ever took, each as often as it took it
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS request (  -- what a person asks of the copying thread
    sink TEXT NOT NULL,
    kind TEXT NOT NULL,               -- rewind or retry
    since INTEGER NOT NULL,           -- rewind: copy again what came from then on, UTC ms
    time INTEGER NOT NULL,
    PRIMARY KEY (sink, kind)
) WITHOUT ROWID;
"""


class Cursor(NamedTuple):
    """A place in a stream."""

    position: int
    bookmark: str


START = Cursor(0, "")


class Request(NamedTuple):
    """What a person asks of the thread that copies into a sink."""

    kind: Literal["rewind", "retry"]
    since: int


class DeadLetter(NamedTuple):
    """One entry a sink refused."""

    stream: Stream
    entry: int
    bookmark: str
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
    copied: int


class Cursors:
    """The one writer for one sink. Every method raises StorageError when the file refuses."""

    def __init__(self, path: Path, sink: str) -> None:
        self._path = path
        self._sink = sink
        self._db = open_database(path)
        try:
            self._db.executescript(_SCHEMA)
            if "copied" not in {row[1] for row in self._db.execute("PRAGMA table_info(sink_status)")}:
                self._db.execute("ALTER TABLE sink_status ADD COLUMN copied INTEGER NOT NULL DEFAULT 0")
        except sqlite3.Error as error:
            raise StorageError(f"cannot use the cursors in {path}: {error}; move the file aside") from error

    def cursor(self, stream: Stream) -> Cursor:
        """Where the sink stands in `stream`; START when it never took anything."""
        rows = self._read("SELECT position, bookmark FROM cursor WHERE sink = ? AND stream = ?", (self._sink, stream))
        return Cursor(*rows[0]) if rows else START

    def begin(self, streams: Sequence[Stream]) -> None:
        """Have a place in each of `streams`, and in no other."""

        def write(db: sqlite3.Connection) -> None:
            marks = ", ".join("?" * len(streams))
            db.execute(f"DELETE FROM cursor WHERE sink = ? AND stream NOT IN ({marks})", (self._sink, *streams))
            rows = [(self._sink, stream, *START) for stream in streams]
            db.executemany("INSERT OR IGNORE INTO cursor VALUES (?, ?, ?, ?)", rows)

        self._write(write)

    def advance(self, stream: Stream, cursor: Cursor, lag: int, now: int, copied: int = 0) -> None:
        """Remember that everything up to `cursor` is stored or buried, and that the sink is running."""

        def write(db: sqlite3.Connection) -> None:
            db.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", (self._sink, stream, *cursor))
            self._note(db, "running", "", lag, now)
            db.execute("UPDATE sink_status SET copied = copied + ? WHERE sink = ?", (copied, self._sink))

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

    def ask(self, wanted: Request, now: int) -> None:
        """Ask for something; of two rewinds the one that goes further back counts."""
        self._write(
            lambda db: db.execute(
                "INSERT INTO request VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET since = min(since, excluded.since)",
                (self._sink, *wanted, now),
            )
        )

    def requests(self) -> list[Request]:
        """What people ask of this sink's copying."""
        return [Request(*row) for row in self._read("SELECT kind, since FROM request WHERE sink = ?", (self._sink,))]

    def done(self, request: Request, cursors: Mapping[Stream, Cursor] | None = None) -> None:
        """Forget `request` and, in the same moment, stand at `cursors`. One asked for meanwhile stays."""

        def write(db: sqlite3.Connection) -> None:
            rows = [(self._sink, stream, *cursor) for stream, cursor in (cursors or {}).items()]
            db.executemany("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?, ?)", rows)
            db.execute("DELETE FROM request WHERE sink = ? AND kind = ? AND since = ?", (self._sink, *request))

        self._write(write)

    def letters(self, after: int, limit: int) -> list[tuple[int, DeadLetter]]:
        """(number, letter) of up to `limit` dead letters after number `after`, oldest first."""
        columns = ", ".join(DeadLetter._fields)
        query = f"SELECT rowid, {columns} FROM dead_letter WHERE sink = ? AND rowid > ? ORDER BY rowid LIMIT ?"
        return [(number, DeadLetter(*row)) for number, *row in self._read(query, (self._sink, after, limit))]

    def unbury(self, numbers: Sequence[int]) -> None:
        """Forget dead letters: the sink has taken the entries."""
        rows = [(self._sink, number) for number in numbers]
        self._write(lambda db: db.executemany("DELETE FROM dead_letter WHERE sink = ? AND rowid = ?", rows))

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

    def _read(self, query: str, values: tuple[str | int, ...]) -> list[tuple[Any, ...]]:
        try:
            return list(self._db.execute(query, values))
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the cursors in {self._path}: {error}") from error

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


def positions(path: Path, sink: str) -> dict[Stream, int]:
    """How far `sink` has come in each stream. Raises StorageError when there is no such file."""
    return dict(_rows(path, "SELECT stream, position FROM cursor WHERE sink = ?", (sink,)))


def request(path: Path, sink: str, wanted: Request, now: int) -> None:
    """Ask the thread that copies into `sink` for something, now or when it next runs. Raises StorageError."""
    with closing(Cursors(path, sink)) as cursors:
        cursors.ask(wanted, now)


def requests(path: Path, sink: str) -> list[Request]:
    """What was asked of `sink` and is not done yet. Raises StorageError when there is no such file."""
    return [Request(*row) for row in _rows(path, "SELECT kind, since FROM request WHERE sink = ?", (sink,))]


def count_dead_letters(path: Path, sink: str) -> int:
    """How many entries `sink` has refused and not taken since. Raises StorageError when there is no such file."""
    return int(_rows(path, "SELECT count(*) FROM dead_letter WHERE sink = ?", (sink,))[0][0])


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
