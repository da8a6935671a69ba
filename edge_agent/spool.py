"""The spool: drafts become durable rows with a gap-free seq, kept until the hub's receipt lets go of them.

Not thread-safe: one worker thread owns it. Each public method is one transaction.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis.database import open_database
from edge_agent.epochs import next_epoch, write_epoch
from edge_agent.seqset import Range
from edge_agent.stamp import Draft
from vitals.codec import MAX_PAYLOAD_BYTES, encode
from vitals.errors import StorageError

log = logging.getLogger(__name__)

FORMAT = 1
ENVELOPE_BYTES = 64  # what a batch adds around its records
MAX_RECORD_BYTES = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES
PRUNE_SHARE = 20  # at the size cap, one row in this many goes at a time

SCHEMA = """
CREATE TABLE meta (
    id TEXT NOT NULL, epoch INTEGER NOT NULL, format INTEGER NOT NULL,
    pruned INTEGER NOT NULL DEFAULT 0, note TEXT NOT NULL DEFAULT ''
);
CREATE TABLE record (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL, device TEXT NOT NULL, time INTEGER NOT NULL, steady INTEGER NOT NULL, boot TEXT NOT NULL,
    body BLOB NOT NULL
);
"""
INSERT = "INSERT INTO record (seq, kind, device, time, steady, boot, body) VALUES (?, ?, ?, ?, ?, ?, ?)"
COLUMNS = "seq, kind, device, time, steady, boot, body"


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What one append did: `first`..`last` are the new seqs (last < first: none), `refused` were too large."""

    first: int
    last: int
    refused: int = 0
    pruned: Range | None = None  # the oldest rows that had to go to stay under the size cap


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the spool holds; lowest and highest are 0 when it is empty."""

    lowest: int
    highest: int
    count: int
    accepted: int  # the highest seq ever given out


class Spool:
    """An open spool. Get one from `spool_file.open_spool`."""

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self._database = open_database(path)
        page = self._database.execute("PRAGMA page_size").fetchone()[0]
        self._max_pages = max(16, max_bytes // page)
        self.id, self.epoch, self.format, self.pruned, self.note = self._database.execute(
            "SELECT id, epoch, format, pruned, note FROM meta"
        ).fetchone()

    def append(self, drafts: Sequence[Draft]) -> Appended:
        """Store `drafts` durably, in order. Raises StorageError if nothing of it was stored."""
        before = self.accepted()
        rows: list[tuple[object, ...]] = []
        for draft in drafts:
            seq = before + len(rows) + 1
            body = encode(draft.record(seq))
            if len(body) > MAX_RECORD_BYTES:
                log.error("refused a record of %s of %d bytes: at most 64 kB fit a message", draft.device, len(body))
                continue
            rows.append((seq, draft.kind, draft.device, draft.time, draft.steady, draft.boot, body))
        last = before + len(rows)
        try:
            with self._transaction():
                self._database.executemany(INSERT, rows)
        except StorageError:
            # After an I/O error the commit is unknown: only a fresh look at the file tells.
            self._reopen()
            if not rows or self.accepted() != last:
                raise
        return Appended(first=before + 1, last=last, refused=len(drafts) - len(rows), pruned=self._keep_size())

    def read(self, ranges: Iterable[Range], max_bytes: int = MAX_RECORD_BYTES) -> list[tuple[int, bytes]]:
        """(seq, record as JSON) of the rows in `ranges`, in order: as many as fit into `max_bytes`, at least one."""
        rows: list[tuple[int, bytes]] = []
        total = 0
        try:
            for low, high in ranges:
                query = "SELECT seq, body FROM record WHERE seq BETWEEN ? AND ? ORDER BY seq"
                for seq, body in self._database.execute(query, (low, high)):
                    total += len(body) + 1
                    if rows and total > max_bytes:
                        return rows
                    rows.append((seq, body))
        except sqlite3.Error as exc:
            raise StorageError(f"cannot read the spool {self.path}: {exc}") from exc
        return rows

    def forget(self, ranges: Iterable[Range]) -> None:
        """Delete these rows, for good. Raises StorageError."""
        with self._transaction():
            self._database.executemany("DELETE FROM record WHERE seq BETWEEN ? AND ?", list(ranges))

    def accepted(self) -> int:
        """The highest seq ever given out in this epoch."""
        try:
            row = self._database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()
        except sqlite3.Error as exc:
            raise StorageError(f"cannot read the spool {self.path}: {exc}") from exc
        return int(row[0]) if row else 0

    def holding(self) -> Holding:
        """What is in the spool now."""
        query = "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), count(*) FROM record"
        try:
            lowest, highest, count = self._database.execute(query).fetchone()
        except sqlite3.Error as exc:
            raise StorageError(f"cannot read the spool {self.path}: {exc}") from exc
        return Holding(lowest=lowest, highest=highest, count=count, accepted=self.accepted())

    def newest_times(self) -> dict[str, int]:
        """The latest time of each device among the rows held."""
        return dict(self._database.execute("SELECT device, max(time) FROM record GROUP BY device"))

    def young(self, boot: str, since: int) -> list[tuple[int, int]]:
        """(seq, steady time) of the rows of this boot measured after `since`."""
        query = "SELECT seq, steady FROM record WHERE boot = ? AND steady > ? ORDER BY seq DESC LIMIT 10000"
        return list(reversed(self._database.execute(query, (boot, since)).fetchall()))

    def new_epoch(self, note: str) -> int:
        """Begin a new epoch with the rows held, because the hub knows this one further than we do."""
        epoch = next_epoch(self.path, self.epoch)
        with self._transaction():
            self._database.execute("UPDATE meta SET epoch = ?, note = ?", (epoch, note))
        write_epoch(self.path, epoch)
        self.epoch, self.note = epoch, note
        return epoch

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _keep_size(self) -> Range | None:
        """Prune the oldest rows when the file's used part passes the cap. A pruned row is counted, durably."""
        pages = self._database.execute("PRAGMA page_count").fetchone()[0]
        free = self._database.execute("PRAGMA freelist_count").fetchone()[0]
        if pages - free <= self._max_pages:
            return None
        lowest, count = self._database.execute("SELECT min(seq), count(*) FROM record").fetchone()
        last = self._database.execute(
            "SELECT seq FROM record ORDER BY seq LIMIT 1 OFFSET ?", (max(0, count // PRUNE_SHARE - 1),)
        ).fetchone()[0]
        with self._transaction():
            cursor = self._database.execute("DELETE FROM record WHERE seq <= ?", (last,))
            self._database.execute("UPDATE meta SET pruned = pruned + ?", (cursor.rowcount,))
        self.pruned += cursor.rowcount
        return lowest, last

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield
            self._database.execute("COMMIT")
        except sqlite3.Error as exc:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise StorageError(f"cannot write the spool {self.path}: {exc}") from exc

    def _reopen(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._database = open_database(self.path)
