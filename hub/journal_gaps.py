"""Gaps in the journal: declarations that records will never come, and the seqs they still explain."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from chassis.database import delete_many, insert_many
from vitals.ranges import Ranges
from vitals.readings import Gap

Key = tuple[str, int]
"""(gateway, epoch)."""


class GapRow(NamedTuple):
    """One declaration. `missing` are the seqs of it that are neither in the journal nor explained otherwise."""

    gateway: str
    epoch: int  # whose seqs they are
    gap: Gap
    source: Literal["edge", "hub"]
    time: int
    missing: Ranges


def save_gaps(db: sqlite3.Connection, gaps: Iterable[GapRow]) -> None:
    """Write declarations down. Inside a transaction."""
    for gateway, epoch, gap, source, time, missing in gaps:
        what = (gap.first, gap.last, gap.count, gap.reason, gap.kind)
        when = (time, gap.start, gap.end)
        left = missing.count() if gap.first else gap.count
        cursor = db.execute(
            'INSERT INTO gap (gateway, epoch, first, last, count, reason, kind, source, time, start, "end", missing)'
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (gateway, epoch, *what, source, *when, left),
        )
        insert_many(db, "INSERT INTO missing", [(gateway, epoch, low, high, cursor.lastrowid) for low, high in missing])


def refill(db: sqlite3.Connection, came: Mapping[Key, Ranges]) -> None:
    """These seqs have come after all: the gaps that explained them become smaller. Inside a transaction."""
    overlapping = (
        "SELECT low, high, gap FROM missing WHERE gateway = ? AND epoch = ? AND low <= ? AND high >= ? ORDER BY low"
    )
    for (gateway, epoch), ranges in came.items():
        for low, high in ranges:
            for old_low, old_high, gap in db.execute(overlapping, (gateway, epoch, high, low)).fetchall():
                first, last = max(low, old_low), min(high, old_high)
                db.execute("DELETE FROM missing WHERE gateway = ? AND epoch = ? AND low = ?", (gateway, epoch, old_low))
                rest = [(old_low, first - 1), (last + 1, old_high)]
                db.executemany(
                    "INSERT INTO missing VALUES (?, ?, ?, ?, ?)",
                    [(gateway, epoch, start, end, gap) for start, end in rest if start <= end],
                )
                count = last - first + 1
                db.execute(
                    "UPDATE gap SET missing = missing - ?, refilled = refilled + ? WHERE id = ?", (count, count, gap)
                )


def read_ranges(db: sqlite3.Connection, table: Literal["committed", "missing"]) -> dict[Key, Ranges]:
    """All seqs of a table of ranges."""
    found: dict[Key, Ranges] = {}
    for gateway, epoch, low, high in db.execute(f"SELECT gateway, epoch, low, high FROM {table}"):
        found.setdefault((gateway, epoch), Ranges()).add_range(low, high)
    return found


def save_settled(db: sqlite3.Connection, old: Mapping[Key, Ranges], new: Mapping[Key, Ranges]) -> dict[Key, Ranges]:
    """Add `new` to the committed ranges, which are `old`; what its keys hold then. Inside a transaction."""
    merged: dict[Key, Ranges] = {}
    gone: list[tuple[str, int, int]] = []
    come: list[tuple[str, int, int, int]] = []
    for (gateway, epoch), added in new.items():
        before = old.get((gateway, epoch))
        whole = merged[gateway, epoch] = (before or Ranges()).union(added)
        # Only around what was added: where waves wait behind readings there are very many ranges.
        near = Ranges((max(0, low - 1), high + 1) for low, high in added)
        was, now = dict((before or Ranges()).touching(near)), dict(whole.touching(added))
        gone += [(gateway, epoch, low) for low in was if low not in now]
        come += [(gateway, epoch, low, high) for low, high in now.items() if was.get(low) != high]
    delete_many(db, "committed", ("gateway", "epoch", "low"), gone)
    insert_many(db, "INSERT OR REPLACE INTO committed", come)
    return merged
