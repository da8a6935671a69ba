"""The books of a spool: which seqs are settled, kept as ranges in its own database. Call inside a transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

from edge_agent.seqset import Range, SeqSet


def settle(database: sqlite3.Connection, ranges: Iterable[Range]) -> int:
    """Take `ranges` into the settled seqs; returns how many are new. Costs the same however many there are."""
    return sum(_settle(database, low, high) for low, high in ranges)


def unsettle(database: sqlite3.Connection, ranges: Iterable[Range]) -> None:
    """Take `ranges` out again: they must be sent once more."""
    for low, high in ranges:
        for start, end in _touching(database, low, high):
            database.execute("DELETE FROM settled WHERE low = ?", (start,))
            if start < low:
                database.execute("INSERT INTO settled VALUES (?, ?)", (start, min(end, low - 1)))
            if end > high:
                database.execute("INSERT INTO settled VALUES (?, ?)", (max(start, high + 1), end))


def settled(database: sqlite3.Connection) -> SeqSet:
    """All of them."""
    return SeqSet(database.execute("SELECT low, high FROM settled ORDER BY low"))


def waiting(database: sqlite3.Connection, accepted: int) -> SeqSet:
    """All that are not settled, of 1..`accepted`."""
    rest = SeqSet([(1, accepted)] if accepted else [])
    for low, high in settled(database):
        rest.discard(low, high)
    return rest


def _settle(database: sqlite3.Connection, low: int, high: int) -> int:
    new = high - low + 1
    start, end = low, high
    for first, last in _touching(database, low, high):
        new -= max(0, min(high, last) - max(low, first) + 1)
        start, end = min(start, first), max(end, last)
        database.execute("DELETE FROM settled WHERE low = ?", (first,))
    database.execute("INSERT INTO settled VALUES (?, ?)", (start, end))
    return new


def _touching(database: sqlite3.Connection, low: int, high: int) -> list[Range]:
    """The settled ranges that overlap `low`..`high` or stand right beside it."""
    query = (
        "SELECT low, high FROM settled"
        " WHERE low >= (SELECT coalesce(max(low), 0) FROM settled WHERE low <= ?) AND low <= ? ORDER BY low"
    )
    return [(first, last) for first, last in database.execute(query, (low, high + 1)) if last >= low - 1]
