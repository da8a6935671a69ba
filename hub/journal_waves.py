"""Waves in the journal: frames as rows of bytes, kept for hours where readings are kept for days."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from chassis.database import insert_many
from hub.journal_gaps import Key

PRUNE_ROWS = 200  # old frames that go with each commit, and twice as many as come
_EVER = 2**62

WAVES = """
CREATE TABLE IF NOT EXISTS wave (
    id INTEGER PRIMARY KEY,           -- grows in commit order
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,
    device TEXT NOT NULL, channel TEXT NOT NULL,
    ward TEXT NOT NULL, bed TEXT NOT NULL,  -- frozen at admission; '' where the device stands at no bed
    time INTEGER NOT NULL,            -- of the first sample, UTC ms
    received INTEGER NOT NULL, clock TEXT NOT NULL,
    rate REAL NOT NULL,               -- Hz
    scale REAL NOT NULL, "offset" REAL NOT NULL, unit TEXT NOT NULL,  -- value = raw * scale + offset
    samples BLOB NOT NULL             -- int16, little-endian; -32768: none
);
CREATE UNIQUE INDEX IF NOT EXISTS wave_identity ON wave (gateway, epoch, seq);
CREATE INDEX IF NOT EXISTS wave_bed_time ON wave (ward, bed, time);
CREATE TABLE IF NOT EXISTS wave_expired (  -- how many frames have left the journal because they were old
    gateway TEXT NOT NULL, epoch INTEGER NOT NULL,
    count INTEGER NOT NULL,
    last INTEGER NOT NULL,            -- the highest seq among them
    PRIMARY KEY (gateway, epoch)
) WITHOUT ROWID;
"""


class WaveRow(NamedTuple):
    """One row of `wave`, in column order without the id."""

    gateway: str
    epoch: int
    seq: int
    device: str
    channel: str
    ward: str
    bed: str
    time: int
    received: int
    clock: str
    rate: float
    scale: float
    offset: float
    unit: str
    samples: bytes


def save_waves(db: sqlite3.Connection, rows: Sequence[WaveRow]) -> None:
    """Write frames down. Inside a transaction."""
    insert_many(
        db,
        "INSERT INTO wave (gateway, epoch, seq, device, channel, ward, bed, time, received, clock, rate, scale,"
        ' "offset", unit, samples)',
        rows,
        width=15,
        otherwise="ON CONFLICT DO NOTHING",
    )


def prune_waves(db: sqlite3.Connection, keep_after: int, came: int, *, full: bool) -> bool:
    """Let frames go that were received before `keep_after`, or the oldest if the journal is full. Inside a transaction.

    False if there are none to give: only then may readings go for want of room.
    """
    oldest = db.execute("SELECT received FROM wave ORDER BY id LIMIT 1").fetchone()
    if oldest is None or not (full or oldest[0] < keep_after):
        return False
    gone: list[tuple[str, int, int]] = db.execute(
        "DELETE FROM wave WHERE id IN (SELECT id FROM wave ORDER BY id LIMIT ?) AND received < ?"
        " RETURNING gateway, epoch, seq",
        (max(PRUNE_ROWS, 2 * came), _EVER if full else keep_after),
    ).fetchall()
    counts: Counter[Key] = Counter()
    last: dict[Key, int] = {}
    for gateway, epoch, seq in gone:
        counts[gateway, epoch] += 1
        last[gateway, epoch] = max(seq, last.get((gateway, epoch), 0))
    db.executemany(
        "INSERT INTO wave_expired VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE"
        " SET count = count + excluded.count, last = max(last, excluded.last)",
        [(*key, count, last[key]) for key, count in counts.items()],
    )
    return bool(gone)


def expired_waves(db: sqlite3.Connection, gateway: str, epoch: int) -> int:
    """How many frames have left the journal: so many settled seqs are in no other table."""
    row = db.execute("SELECT count FROM wave_expired WHERE gateway = ? AND epoch = ?", (gateway, epoch)).fetchone()
    return int(row[0]) if row else 0
