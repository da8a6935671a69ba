"""The audit chains: each row's hash covers the row and the hash before it, so that no row changes or goes unseen."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

import msgspec

Cell: TypeAlias = str | int | float | bytes | None

BEGINNING = bytes(32)  # what the first row is chained to

DEED_CHAIN = """
CREATE TABLE IF NOT EXISTS deed_chain (  -- the hash of each deed over itself and the hash before; never pruned
    deed INTEGER PRIMARY KEY, hash BLOB NOT NULL
);
"""
DEED_HEAD = "SELECT deed, hash FROM deed_chain ORDER BY deed DESC LIMIT 1"
_DEEDS = 'deed.id, deed.time, deed.client, deed.action, deed."by", deed.reason, deed.request, deed.body, deed.result'


class Head(NamedTuple):
    """The newest row of a chain. Noted elsewhere, it shows when rows behind it are cut off."""

    row: int
    hash: bytes


class Linked(NamedTuple):
    """One row as it is stored: what it says, and the hash it was given."""

    row: int
    time: int
    cells: Sequence[Cell] | None  # None: there is a hash, and the row it belongs to is gone
    hash: bytes | None  # None: a row that never got one


class Break(NamedTuple):
    """Where a chain does not hold, and why."""

    row: int
    time: int | None  # None: the row is gone, and its time with it
    why: str


def chained(previous: bytes, cells: Sequence[Cell]) -> bytes:
    """The hash of a row after `previous`."""
    canonical = msgspec.json.encode([cell.hex() if isinstance(cell, bytes) else cell for cell in cells])
    return hashlib.sha256(previous + canonical).digest()


def first_break(rows: Iterable[Linked], noted: Iterable[Head] = (), start: bytes = BEGINNING) -> Break | None:
    """The first place where the chain does not hold; None: it does, and each of the `noted` heads is in it."""
    heads = {head.row: head.hash for head in noted}
    previous, last = start, 0
    for row in rows:
        if row.cells is None:
            return Break(row.row, None, "this row is gone")
        if row.hash is None:
            return Break(row.row, row.time, "this row was put in from outside: it has no hash")
        if chained(previous, row.cells) != row.hash:
            return Break(row.row, row.time, "this row was changed, or one before it was changed or is gone")
        if heads.pop(row.row, row.hash) != row.hash:
            return Break(row.row, row.time, "another row stood here when its hash was noted")
        previous, last = row.hash, row.row
    if heads:
        gone = min(heads)
        end = f"the chain ends with row {last}" if gone > last else "it is not in the chain"
        return Break(gone, None, f"this row is gone: its hash was noted, but {end}")
    return None


def extend_deed_chain(db: sqlite3.Connection) -> None:
    """Chain the deeds that are new, inside the transaction that wrote them. The first time: all that are there."""
    last = deed_head(db)
    previous = last.hash if last else BEGINNING
    for row in db.execute(f"SELECT {_DEEDS} FROM deed WHERE id > ? ORDER BY id", (last.row if last else 0,)).fetchall():
        previous = chained(previous, row)
        db.execute("INSERT INTO deed_chain VALUES (?, ?)", (row[0], previous))


def deed_head(db: sqlite3.Connection) -> Head | None:
    """The newest row of the journal's chain."""
    row = db.execute(DEED_HEAD).fetchone()
    return Head(*row) if row else None


def linked_deeds(db: sqlite3.Connection) -> Iterator[Linked]:
    """Every deed with its hash, oldest first; also a hash without a deed, and a deed without a hash."""
    both = (
        f"SELECT {_DEEDS}, deed_chain.hash FROM deed LEFT JOIN deed_chain ON deed_chain.deed = deed.id"
        " UNION ALL SELECT deed, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, hash FROM deed_chain"
        " WHERE deed NOT IN (SELECT id FROM deed) ORDER BY 1"
    )
    for *cells, found in db.execute(both):
        yield Linked(cells[0], cells[1] or 0, cells if cells[1] is not None else None, found)


_ENTRY = 'id, time, "by", kind, action, subject, detail, address'


def trail_head(db: sqlite3.Connection) -> Head | None:
    """The newest row of the console's trail."""
    row = db.execute("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1").fetchone()
    return Head(*row) if row else None


def linked_trail(db: sqlite3.Connection) -> Iterator[Linked]:
    """The console's trail with its hashes, oldest first; a number that is left out is a row that is gone."""
    expected = 1
    for *cells, found in db.execute(f"SELECT {_ENTRY}, hash FROM audit ORDER BY id"):
        while expected < cells[0]:
            yield Linked(expected, 0, None, None)
            expected += 1
        yield Linked(cells[0], cells[1], cells, found)
        expected += 1
