"""`people.db`: one writer, the console; each change and its row in the audit trail are one transaction."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from chassis.database import open_database
from hub.audit import BEGINNING, Cell, chained
from vitals.errors import StorageError

SCHEMA = """
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE, title TEXT NOT NULL, role TEXT NOT NULL,
    wards TEXT,                       -- JSON list; NULL: every ward
    password TEXT NOT NULL,           -- argon2id; '': none chosen yet
    created INTEGER NOT NULL, disabled INTEGER  -- since when
);
CREATE TABLE IF NOT EXISTS link (      -- opens the choice of a password, once
    hash BLOB PRIMARY KEY,
    account INTEGER REFERENCES account (id),  -- NULL: makes an administrator
    expires INTEGER NOT NULL, used INTEGER
);
CREATE TABLE IF NOT EXISTS session (
    hash BLOB PRIMARY KEY,
    account INTEGER NOT NULL REFERENCES account (id),
    began INTEGER NOT NULL, active INTEGER NOT NULL, address TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS failure (   -- of signing in, by account and by address
    key TEXT PRIMARY KEY, count INTEGER NOT NULL, last INTEGER NOT NULL, until INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS token (     -- of a program
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, rights TEXT NOT NULL, wards TEXT,
    created INTEGER NOT NULL, "by" TEXT NOT NULL, expires INTEGER NOT NULL,
    revoked INTEGER, used INTEGER
);
CREATE TABLE IF NOT EXISTS screen (    -- a screen on a wall, bound to its browser by a cookie
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL, hash BLOB NOT NULL UNIQUE, wards TEXT,
    created INTEGER NOT NULL, "by" TEXT NOT NULL, revoked INTEGER, used INTEGER
);
CREATE TABLE IF NOT EXISTS audit (     -- append only
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL, "by" TEXT NOT NULL, kind TEXT NOT NULL, action TEXT NOT NULL, subject TEXT NOT NULL,
    detail TEXT NOT NULL, address TEXT NOT NULL,
    hash BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS audit_time ON audit (time);
"""
_ENTRY = 'id, time, "by", kind, action, subject, detail, address'


class Entry(NamedTuple):
    """One row of the trail: who did what to whom or what."""

    id: int
    time: int
    by: str
    kind: str  # of who did it: person, token, screen, demo, console
    action: str
    subject: str
    detail: str
    address: str


class Doer(NamedTuple):
    """Who makes a change, from where, and when."""

    by: str
    kind: str
    address: str
    time: int


CONSOLE = "console"


class PeopleError(StorageError):
    """`people.db` cannot be read or written."""


class Change:
    """A transaction under way."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def write(self, statement: str, *values: Cell) -> int:
        """Change rows; how many."""
        return self._db.execute(statement, values).rowcount

    def rows(self, query: str, *values: Cell) -> list[tuple[Any, ...]]:
        """Rows as this transaction sees them."""
        return self._db.execute(query, values).fetchall()

    def row(self, query: str, *values: Cell) -> tuple[Any, ...] | None:
        """The first of them."""
        return next(iter(self.rows(query, *values)), None)

    def note(self, doer: Doer, action: str, subject: str = "", detail: str = "") -> None:
        """Append to the trail."""
        before = self.row("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1")
        number, previous = before or (0, BEGINNING)
        cells = (number + 1, doer.time, doer.by, doer.kind, action, subject, detail, doer.address)
        self.write(
            f"INSERT INTO audit ({_ENTRY}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", *cells, chained(previous, cells)
        )


class Store:
    """The file. `rows` may be called on the loop: it reads a few rows of small tables, and never waits for a writer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._writer = open_database(path)
        try:
            self._writer.executescript(SCHEMA)
            self._reader = open_database(path)
            self._reader.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            self._writer.close()
            raise StorageError(f"cannot use {path}: {error}; restore it or move it aside") from error

    @contextmanager
    def change(self) -> Iterator[Change]:
        """One transaction, undone if the body raises. Raises StorageError."""
        with self._lock:
            try:
                self._writer.execute("BEGIN IMMEDIATE")
                yield Change(self._writer)
                self._writer.execute("COMMIT")
            except sqlite3.Error as error:
                raise PeopleError(f"cannot write {self.path}: {error}") from error
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @property
    def reader(self) -> sqlite3.Connection:
        """The connection that only reads."""
        return self._reader

    def rows(self, query: str, *values: Cell) -> list[tuple[Any, ...]]:
        """Rows of a query. Raises StorageError."""
        try:
            return self._reader.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise PeopleError(f"cannot read {self.path}: {error}") from error

    def row(self, query: str, *values: Cell) -> tuple[Any, ...] | None:
        """The first row."""
        return next(iter(self.rows(query, *values)), None)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()
        self._writer.close()
