"""What a spool knows of time: the anchors of each boot, and which rows are dated by a guess until one is found.

Call inside a transaction, or for reading.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple

import msgspec

from edge_agent.anchors import Anchor, nearest
from edge_agent.spool_pruning import GAP
from edge_agent.stamp import Draft
from vitals.codec import decode, encode
from vitals.readings import ClockQuality, Record
from vitals.waves import decode_frames, encode_frame

NEWEST = 1_000  # rows looked through for the latest time: finding it in all of them would take seconds
MOST_ANCHORS = 500  # three days of one boot; the newest are kept

Guesses = dict[int, tuple[str, int]]  # seq: boot, steady time of the measurement

# clock_anchor: see edge_agent.anchors. guess: rows whose time and clock are to be put right by an anchor of their boot.
TABLES = """
CREATE TABLE IF NOT EXISTS clock_anchor (
    boot TEXT NOT NULL, steady INTEGER NOT NULL, wall INTEGER NOT NULL, error_ms INTEGER NOT NULL, source TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS guess (seq INTEGER PRIMARY KEY, boot TEXT NOT NULL, measured INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS guess_boot ON guess (boot)
"""


def make_tables(database: sqlite3.Connection) -> None:
    """Add the tables to a spool that has none yet."""
    for statement in TABLES.split(";"):
        database.execute(statement)


def anchors(database: sqlite3.Connection) -> list[Anchor]:
    """All that are kept, oldest first."""
    query = "SELECT boot, steady, wall, error_ms, source FROM clock_anchor ORDER BY rowid"
    return [
        Anchor(boot=boot, steady=steady, wall=wall, error_ms=error_ms, source=source)
        for boot, steady, wall, error_ms, source in database.execute(query)
    ]


def keep_anchor(database: sqlite3.Connection, anchor: Anchor) -> None:
    """One more; the oldest go."""
    database.execute("INSERT INTO clock_anchor VALUES (?, ?, ?, ?, ?)", astuple(anchor))
    database.execute(
        "DELETE FROM clock_anchor WHERE rowid <= (SELECT max(rowid) FROM clock_anchor) - ?", (MOST_ANCHORS,)
    )


def guesses(database: sqlite3.Connection) -> Guesses:
    """All of them; of a damaged spool, too."""
    query = "SELECT seq, boot, measured FROM guess"
    return {int(seq): (str(boot), int(measured)) for seq, boot, measured in database.execute(query)}


def note_guess(database: sqlite3.Connection, seq: int, boot: str, measured: int) -> None:
    """The row `seq` is dated by a guess."""
    database.execute("INSERT INTO guess VALUES (?, ?, ?)", (seq, boot, measured))


def note_guesses(database: sqlite3.Connection, drafts: Iterable[tuple[int, Draft]]) -> None:
    """Of the (seq, draft) just stored, remember those dated by a guess."""
    rows = [(seq, draft.boot, draft.measured) for seq, draft in drafts if draft.measured is not None]
    if rows:
        database.executemany("INSERT INTO guess VALUES (?, ?, ?)", rows)


def newest(database: sqlite3.Connection) -> dict[str, int]:
    """The latest time of each device that is no guess."""
    query = (
        "SELECT device, max(time) FROM record WHERE kind != ? AND seq NOT IN (SELECT seq FROM guess) GROUP BY device"
    )
    return dict(database.execute(query, (GAP,)))


def newest_known(database: sqlite3.Connection) -> int:
    """The latest time that is no guess among the newest rows; 0 if there is none."""
    query = "SELECT seq, time FROM record WHERE kind != ? ORDER BY seq DESC LIMIT ?"
    rows = database.execute(query, (GAP, NEWEST)).fetchall()
    guesses = {seq for (seq,) in database.execute("SELECT seq FROM guess ORDER BY seq DESC LIMIT ?", (NEWEST,))}
    return max((time for seq, time in rows if seq not in guesses), default=0)


def tidy(database: sqlite3.Connection) -> None:
    """Forget the guesses about rows that are gone."""
    database.execute("DELETE FROM guess WHERE NOT EXISTS (SELECT 1 FROM record WHERE record.seq = guess.seq)")


def has_guesses(database: sqlite3.Connection, boot: str) -> bool:
    """Whether an anchor may still put a row right: of `boot`, or of one that has had an anchor."""
    query = "SELECT 1 FROM guess WHERE boot = ? OR boot IN (SELECT boot FROM clock_anchor) LIMIT 1"
    return database.execute(query, (boot,)).fetchone() is not None


def date_anew(database: sqlite3.Connection, limit: int) -> tuple[int, dict[str, int]]:
    """Put right up to `limit` guesses of boots that have an anchor; how many, and the latest time of each device."""
    known: dict[str, list[Anchor]] = defaultdict(list)
    for anchor in anchors(database):
        known[anchor.boot].append(anchor)
    marks = ",".join("?" * len(known))
    guesses = database.execute(
        f"SELECT seq, boot, measured FROM guess WHERE boot IN ({marks}) ORDER BY seq LIMIT ?", (*known, limit)
    ).fetchall()
    newest: dict[str, int] = {}
    for seq, boot, measured in guesses:
        row = database.execute("SELECT kind, device, body FROM record WHERE seq = ?", (seq,)).fetchone()
        best = nearest(known[boot], measured)
        if row is None or best is None:  # the hub has had it as a guess, or it was given up
            continue
        kind, device, body = row
        time = best.utc(measured)
        body = _dated(kind, body, time, best.quality_at(measured))
        database.execute("UPDATE record SET time = ?, body = ? WHERE seq = ?", (time, body, seq))
        newest[device] = max(newest.get(device, 0), time)
    database.executemany("DELETE FROM guess WHERE seq = ?", [(seq,) for seq, _, _ in guesses])
    return len(guesses), newest


def _dated(kind: str, body: bytes, time: int, clock: ClockQuality) -> bytes:
    if kind == "wave":
        return b"".join(encode_frame(frame._replace(time=time, clock=clock)) for frame in decode_frames(body))
    return encode(msgspec.structs.replace(decode(body, Record), time=time, clock=clock))
