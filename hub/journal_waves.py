"""Waves in the journal: frames as rows of bytes, kept for hours where readings are kept for days."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from chassis.database import insert_many

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
        otherwise="ON CONFLICT DO NOTHING",
    )


def expired_waves(db: sqlite3.Connection, gateway: str, epoch: int) -> int:
    """How many frames have left the journal: so many settled seqs are in no other table."""
    row = db.execute("SELECT count FROM wave_expired WHERE gateway = ? AND epoch = ?", (gateway, epoch)).fetchone()
    return int(row[0]) if row else 0
