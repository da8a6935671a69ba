"""What leaves the journal because it is old: counted by gateway and epoch, so that every seq can be accounted for."""

from __future__ import annotations

import sqlite3
from typing import Literal

_EVER = 2**62


def let_go(db: sqlite3.Connection, table: Literal["record", "wave"], limit: int, before: int | None) -> int:
    """Let the oldest `limit` rows of `table` go that were received `before` (UTC ms; None: whenever); how many went.

    Inside a transaction. No row is read on the way: each would be a step, and beside a busy thread each step waits.
    """
    before = _EVER if before is None else before
    oldest = db.execute(f"SELECT received FROM {table} ORDER BY id LIMIT 1").fetchone()
    if oldest is None or oldest[0] >= before:
        return 0
    db.execute(
        f"INSERT INTO {table}_expired SELECT gateway, epoch, count(*), max(seq)"
        f" FROM (SELECT gateway, epoch, seq, received FROM {table} ORDER BY id LIMIT ?) WHERE received < ?"
        f" GROUP BY gateway, epoch {_ADD}",
        (limit, before),
    )
    oldest_ids = f"SELECT id FROM {table} ORDER BY id LIMIT ?"
    return db.execute(f"DELETE FROM {table} WHERE id IN ({oldest_ids}) AND received < ?", (limit, before)).rowcount


def note_expired(db: sqlite3.Connection, gateway: str, epoch: int, count: int, last: int) -> None:
    """So many records, `last` the highest seq of them, have left the journal. Inside a transaction."""
    db.execute(f"INSERT INTO record_expired VALUES (?, ?, ?, ?) {_ADD}", (gateway, epoch, count, last))


_ADD = "ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)"
