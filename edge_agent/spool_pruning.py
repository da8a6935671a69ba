"""What a spool gives up when there is no room: first what the hub has, then waves, then the oldest vitals.

Everything that the hub has not had is named in a gap record. Call inside a transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edge_agent.seqset import Range, SeqSet
from edge_agent.spool_books import settle
from edge_agent.spool_schema import INSERT, accepted
from edge_agent.stamp import Draft
from vitals.codec import encode
from vitals.readings import GAP_DEVICE, MAX_GAP_RANGES, Gap, Record

GAP = "gap"  # the kind of a row; such rows are never given up
# In this order. An alarm's record goes only when nothing but alarms and gaps is left.
SACRIFICES = ("wave", "vitals", "alarm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sacrifice:
    """Rows the hub never had and will not get: their seqs, and those of the gap records that say so."""

    seqs: tuple[Range, ...]
    gaps: Range

    @property
    def count(self) -> int:
        """How many rows."""
        return sum(high - low + 1 for low, high in self.seqs)


def drop_kept(database: sqlite3.Connection, limit: int, begin: int, older_than: int | None = None) -> tuple[int, int]:
    """Delete up to `limit` of the oldest rows the hub has, from seq `begin` on; (how many, where to begin next time).

    With `older_than`, only rows measured before that time, up to the first that is younger.
    """
    dropped = 0
    query = "SELECT seq, time FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq LIMIT ?"
    ranges = database.execute("SELECT low, high FROM settled WHERE high >= ? ORDER BY low", (begin,)).fetchall()
    for low, high in ranges:
        begin = max(low, begin)
        rows = database.execute(query, (begin, high, limit - dropped)).fetchall()
        old = rows
        if older_than is not None:
            old = rows[: next((index for index, (_, time) in enumerate(rows) if time >= older_than), len(rows))]
        if old:
            begin = old[-1][0] + 1
            database.execute("DELETE FROM record WHERE seq BETWEEN ? AND ?", (low, begin - 1))
            dropped += len(old)
        if len(old) < len(rows) or dropped >= limit:
            break
        begin = high + 1
    return dropped, begin


def sacrifice(database: sqlite3.Connection, limit: int, reason: str, like: Draft) -> Sacrifice | None:
    """Delete up to `limit` rows the hub has not had and declare them; None if there is nothing to give.

    Only when no row is left that the hub has. The gap records are stamped like the draft `like`.
    """
    for kind in SACRIFICES:
        query = "SELECT seq, time FROM record WHERE kind = ? ORDER BY seq LIMIT ?"
        if kind == "wave":  # its partial index is used only for the literal
            query = "SELECT seq, time FROM record WHERE kind = 'wave' AND ? = kind ORDER BY seq LIMIT ?"
        rows = database.execute(query, (kind, limit)).fetchall()
        if rows:
            break
    else:
        return None
    seqs = SeqSet()
    for seq, _ in rows:
        seqs.add(seq)
    for low, high in seqs:
        database.execute("DELETE FROM record WHERE seq BETWEEN ? AND ?", (low, high))
    times = [time for _, time in rows]
    (epoch,) = database.execute("SELECT epoch FROM meta").fetchone()
    gaps = declare(
        database,
        list(seqs),
        reason,
        like,
        epoch=epoch,
        kind="wave" if kind == "wave" else "vitals",
        start=min(times),
        end=max(times),
    )
    count = settle(database, seqs)
    database.execute("UPDATE meta SET pruned = pruned + ?", (count,))
    return Sacrifice(seqs=tuple(seqs), gaps=gaps)


def declare(
    database: sqlite3.Connection, seqs: Sequence[Range], reason: str, like: Draft, *, epoch: int, **fields: object
) -> Range:
    """Append gap records that name `seqs` of `epoch`, as many as it takes; their own seqs.

    The epoch is always said: the record may yet go out under a later one.
    """
    first = accepted(database) + 1
    last = first - 1
    for part in _parts(seqs):
        last += 1
        gap = Gap(
            first=part[0][0],
            last=part[-1][1],
            count=sum(high - low + 1 for low, high in part),
            ranges=part if len(part) > 1 else [],
            reason=reason,
            epoch=epoch,
            **fields,  # type: ignore[arg-type]
        )
        put_gap(database, last, gap, like)
    return first, last


def put_gap(database: sqlite3.Connection, seq: int, gap: Gap, like: Draft) -> None:
    """One gap record as row `seq`."""
    record = Record(seq=seq, device=GAP_DEVICE, time=like.time, clock=like.clock, gap=gap)
    database.execute(INSERT, (seq, GAP, GAP_DEVICE, like.time, like.steady, like.boot, encode(record)))


def _parts(seqs: Sequence[Range]) -> Iterable[list[Range]]:
    return (list(seqs[at : at + MAX_GAP_RANGES]) for at in range(0, len(seqs), MAX_GAP_RANGES))
