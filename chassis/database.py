"""SQLite opened the one way we trust: WAL, synchronous FULL, foreign keys, explicit transactions."""

from __future__ import annotations

import itertools
import operator
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from vitals.errors import StorageError


def open_database(path: Path, page_bytes: int = 4096) -> sqlite3.Connection:
    """Open or create `path` for writing, in autocommit mode: say BEGIN IMMEDIATE yourself.

    WAL with FULL is durable at power loss; the folder is fsynced so that a new file survives too. `page_bytes` is of a
    new file: small pages spare the card where commits are small.
    The connection may be handed to one other thread, never shared. Raises StorageError.
    """
    new = not path.exists()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=5.0, cached_statements=256
        )
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"cannot open the database {path}: {error}") from error
    try:
        connection.execute(f"PRAGMA page_size={page_bytes}")  # before the first page is written, or never
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA journal_size_limit=67108864")
        if new:
            path.chmod(0o600)
            sync_folder(path.parent)
    except (OSError, sqlite3.Error) as error:
        connection.close()
        raise StorageError(f"cannot open the database {path}: {error}") from error
    return connection


def insert_many(db: sqlite3.Connection, into: str, rows: Sequence[Sequence[object]], otherwise: str = "") -> None:
    """Insert `rows`, all of as many columns: `into` is all before VALUES, `otherwise` all after it.

    Many at a time: between any two steps of a statement this thread gives up the interpreter lock, and beside a busy
    thread it waits milliseconds to have it back. With `executemany` each row is a step.
    """
    for part in _parts(rows):
        values = list(itertools.chain.from_iterable(part))
        db.execute(f"{into} VALUES {_tuples(len(part[0]), len(part))} {otherwise}", values)


def delete_many(
    db: sqlite3.Connection, table: str, columns: Sequence[str], keys: Sequence[Sequence[str | int]]
) -> None:
    """Delete the rows of `table` whose `columns` are one of `keys`; many at a time."""
    for part in _parts(keys):
        values = list(itertools.chain.from_iterable(part))
        db.execute(f"DELETE FROM {table} WHERE {_any_of(tuple(columns), len(part))}", values)


def run_many(db: sqlite3.Connection, writes: Iterable[tuple[str, Sequence[object]]]) -> None:
    """Run statements with their values, in this order; the same insert several times running is many at a time."""
    for sql, group in itertools.groupby(writes, operator.itemgetter(0)):
        rows = [values for _, values in group]
        into, _, places = sql.partition(" VALUES ")
        if len(rows) > 1 and places == _tuples(len(rows[0]), 1):
            insert_many(db, into, rows)
        else:
            for values in rows:
                db.execute(sql, values)


_AT_ONCE = (256, 64, 16, 4, 1)  # few statements, so that each is prepared once

_Row = TypeVar("_Row")


def _parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    at = 0
    while at < len(rows):
        size = next(size for size in _AT_ONCE if size <= len(rows) - at)
        yield rows[at : at + size]
        at += size


@lru_cache(maxsize=64)
def _tuples(width: int, rows: int) -> str:
    row = f"({', '.join('?' * width)})"
    return ", ".join([row] * rows)


@lru_cache(maxsize=64)
def _any_of(columns: tuple[str, ...], keys: int) -> str:
    if len(columns) == 1:
        return f"{columns[0]} IN {_tuples(keys, 1)}"
    one = " AND ".join(f"{column} = ?" for column in columns)  # SQLite finds no index for (a, b) IN (VALUES ...)
    return " OR ".join([f"({one})"] * keys)


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open an existing database for reading beside its writer. Raises StorageError."""
    connection = None
    try:
        connection = sqlite3.connect(
            f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False, timeout=5.0
        )
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except sqlite3.Error as error:
        if connection is not None:  # left to the collector it would keep its locks for a while
            connection.close()
        raise StorageError(f"cannot read the database {path}: {error}") from error
    return connection


def sync_folder(folder: Path) -> None:
    """Make a new directory entry durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
