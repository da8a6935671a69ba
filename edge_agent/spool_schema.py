"""The tables of a spool, and how one of the format before becomes one of this."""

from __future__ import annotations

import sqlite3

FORMAT = 2
PAGE_BYTES = 1024  # a commit of a second is smaller: benchmarks/spool_wear.py

SETTLED = "CREATE TABLE settled (low INTEGER PRIMARY KEY, high INTEGER NOT NULL)"
WAVES = "CREATE INDEX record_wave ON record (seq) WHERE kind = 'wave'"
COUNTS = ("receipted", "rejected", "watermark")

# settled: seqs that need not be sent any more: receipted, rejected, or named in a gap record. A row may still be there.
# watermark: the highest one a receipt of this epoch has named; a hub that names less was restored from a copy.
SCHEMA = f"""
CREATE TABLE meta (
    id TEXT NOT NULL, epoch INTEGER NOT NULL, format INTEGER NOT NULL,
    pruned INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT '',
    {", ".join(f"{name} INTEGER NOT NULL DEFAULT 0" for name in COUNTS)}
);
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, device TEXT NOT NULL, time INTEGER NOT NULL, steady INTEGER NOT NULL, boot TEXT NOT NULL,
    body BLOB NOT NULL
);
{WAVES};
{SETTLED};
"""
INSERT = "INSERT INTO record (seq, kind, device, time, steady, boot, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
COLUMNS = "seq, kind, device, time, steady, boot, body"
ACCEPTED = "SELECT seq FROM sqlite_sequence WHERE name = 'record'"


def accepted(database: sqlite3.Connection) -> int:
    """The highest seq ever given out."""
    row = database.execute(ACCEPTED).fetchone()
    return int(row[0]) if row else 0


def upgrade(database: sqlite3.Connection, format_: int) -> None:
    """Bring a spool of an older format to this one, in one transaction. Raises sqlite3.Error."""
    if format_ == FORMAT:
        return
    database.execute("BEGIN IMMEDIATE")
    try:
        for name in COUNTS:
            database.execute(f"ALTER TABLE meta ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
        database.execute(SETTLED)
        database.execute(WAVES)
        # Format 1 deleted what had a receipt and what it pruned: all that is not there is settled.
        last = count = 0
        for (seq,) in [*database.execute("SELECT seq FROM record ORDER BY seq"), (accepted(database) + 1,)]:
            if seq > last + 1:
                database.execute("INSERT INTO settled VALUES (?, ?)", (last + 1, seq - 1))
                count += seq - 1 - last
            last = seq
        database.execute("UPDATE meta SET format = ?, receipted = max(0, ? - pruned)", (FORMAT, count))
        database.execute("COMMIT")
    except sqlite3.Error:
        database.execute("ROLLBACK")
        raise
