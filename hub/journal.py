"""The journal: records, alarm states and announcements in, one durable SQLite transaction out.

The commit point of the whole system: a receipt never precedes the commit of its records here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from chassis.database import open_database
from hub.journal_schema import SCHEMA
from vitals.errors import StorageError
from vitals.ranges import Ranges

FORMAT = 1
QUARANTINE_ROWS = 10_000  # older refusals go; the counters keep counting
PRUNE_ROWS = 200  # old records that go with each commit, and twice as many as come
_NOTHING = Ranges()


class RecordRow(NamedTuple):
    """One row of `record`, in column order without the id."""

    gateway: str
    epoch: int
    seq: int
    device: str
    ward: str
    bed: str
    time: int
    received: int
    late: int
    body: bytes


class EventRow(NamedTuple):
    """One row of `alarm_event`; committing it also puts it in the outbox."""

    alarm: str
    ward: str
    bed: str
    rule: str
    change: str
    time: int
    body: bytes


class StateRow(NamedTuple):
    """The saved state of one alarm machine; `body` None deletes it."""

    ward: str
    bed: str
    rule: str
    body: bytes | None


class QuarantineRow(NamedTuple):
    """What was refused, why, and its first kilobyte."""

    received: int
    topic: str
    gateway: str
    reason: str
    records: int  # refused; 0 when the message could not be read at all
    size: int
    sha256: str
    head: bytes


class Refusal(NamedTuple):
    """One seq that is final although it is not in the journal."""

    gateway: str
    epoch: int
    seq: int
    reason: str


class Write(NamedTuple):
    """One further statement of the same transaction: how deeds, entries, limits and tickets get their rows in."""

    sql: str
    values: tuple[str | int | float | bytes | None, ...]


class Batch:
    """What waits for the next commit."""

    __slots__ = ("events", "quarantine", "records", "refusals", "settled", "states", "writes")

    def __init__(self) -> None:
        self.records: list[RecordRow] = []
        self.events: list[EventRow] = []
        self.states: list[StateRow] = []
        self.quarantine: list[QuarantineRow] = []
        self.refusals: list[Refusal] = []
        self.writes: list[Write] = []  # in this order
        self.settled: dict[tuple[str, int], Ranges] = {}  # (gateway, epoch) → seqs this batch settles

    def settle(self, gateway: str, epoch: int, seq: int) -> None:
        """Note that this batch makes (gateway, epoch, seq) final."""
        ranges = self.settled.get((gateway, epoch))
        if ranges is None:
            ranges = self.settled[gateway, epoch] = Ranges()
        ranges.add(seq)

    def __bool__(self) -> bool:
        return bool(self.records or self.events or self.states or self.quarantine or self.refusals or self.writes)


class Journal:
    """The one writer. Open and read at start in any thread; `commit` and `confirm` then run in one thread only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_database(path)
        try:
            self._db.executescript(SCHEMA)
            self._check_format()
        except sqlite3.Error as error:
            raise StorageError(f"cannot use the journal {path}: {error}; restore it or move it aside") from error
        self._settled = self._read_settled()

    def _check_format(self) -> None:
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
        (found,) = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        if found != str(FORMAT):
            raise StorageError(f"the journal {self._path} has format {found}, this version reads {FORMAT}")

    def _read_settled(self) -> dict[tuple[str, int], Ranges]:
        settled: dict[tuple[str, int], Ranges] = {}
        for gateway, epoch, low, high in self._db.execute("SELECT gateway, epoch, low, high FROM committed"):
            settled.setdefault((gateway, epoch), Ranges()).add_range(low, high)
        return settled

    def settled(self, gateway: str, epoch: int) -> Ranges:
        """The seqs that are final: in the journal, or rejected and in quarantine. Not to be changed by the caller."""
        return self._settled.get((gateway, epoch), _NOTHING)

    def alarm_states(self) -> list[StateRow]:
        """The saved alarm machines."""
        return [StateRow(*row) for row in self._db.execute("SELECT ward, bed, rule, body FROM alarm_state")]

    def read(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Rows of a query. Only before the first commit: what the parts of the hub remember from the last run."""
        return list(self._db.execute(query, values))

    def outbox(self) -> list[tuple[int, bytes]]:
        """(event id, AlarmEvent JSON) of what is not known to have reached the broker, oldest first."""
        query = (
            "SELECT event.id, event.body FROM outbox JOIN alarm_event AS event ON event.id = outbox.event ORDER BY 1"
        )
        return list(self._db.execute(query))

    def commit(self, batch: Batch, keep_after: int = 0) -> list[int]:
        """Write `batch` in one durable transaction; its events' ids. On StorageError nothing is written.

        Records received before `keep_after` (UTC ms) leave in small slices, in the same transaction: no vacuum and
        no second writer ever stands before a commit.
        """
        db = self._db
        event_ids: list[int] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            db.executemany(
                "INSERT INTO record (gateway, epoch, seq, device, ward, bed, time, received, late, body)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                batch.records,
            )
            for event in batch.events:
                cursor = db.execute(
                    "INSERT INTO alarm_event (alarm, ward, bed, rule, change, time, body) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    event,
                )
                assert cursor.lastrowid is not None
                event_ids.append(cursor.lastrowid)
            db.executemany("INSERT INTO outbox (event) VALUES (?)", [(number,) for number in event_ids])
            self._save_states(batch.states)
            db.executemany(
                "INSERT INTO quarantine (received, topic, gateway, reason, records, size, sha256, head)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                batch.quarantine,
            )
            db.executemany("INSERT INTO rejected VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", batch.refusals)
            for write in batch.writes:
                db.execute(*write)
            merged = self._save_settled(batch.settled)
            self._prune(keep_after, max(PRUNE_ROWS, 2 * len(batch.records)), quarantined=bool(batch.quarantine))
            db.execute("COMMIT")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise StorageError(f"cannot commit to the journal {self._path}: {error}") from error
        self._settled.update(merged)
        return event_ids

    def _save_states(self, states: Iterable[StateRow]) -> None:
        for ward, bed, rule, body in states:
            if body is None:
                self._db.execute("DELETE FROM alarm_state WHERE ward = ? AND bed = ? AND rule = ?", (ward, bed, rule))
            else:
                self._db.execute("INSERT OR REPLACE INTO alarm_state VALUES (?, ?, ?, ?)", (ward, bed, rule, body))

    def _save_settled(self, settled: dict[tuple[str, int], Ranges]) -> dict[tuple[str, int], Ranges]:
        merged: dict[tuple[str, int], Ranges] = {}
        gone: list[tuple[str, int, int]] = []
        come: list[tuple[str, int, int, int]] = []
        for (gateway, epoch), new in settled.items():
            old = self._settled.get((gateway, epoch), _NOTHING)
            whole = merged[gateway, epoch] = old.union(new)
            before, after = dict(old), dict(whole)
            gone += [(gateway, epoch, low) for low in before if low not in after]
            come += [(gateway, epoch, low, high) for low, high in after.items() if before.get(low) != high]
        self._db.executemany("DELETE FROM committed WHERE gateway = ? AND epoch = ? AND low = ?", gone)
        self._db.executemany("INSERT OR REPLACE INTO committed VALUES (?, ?, ?, ?)", come)
        return merged

    def _prune(self, keep_after: int, limit: int, *, quarantined: bool) -> None:
        self._db.execute(
            "DELETE FROM record WHERE id IN (SELECT id FROM record ORDER BY id LIMIT ?) AND received < ?",
            (limit, keep_after),
        )
        if quarantined:
            self._db.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (QUARANTINE_ROWS,)
            )

    def confirm(self, event_ids: Iterable[int]) -> None:
        """Take announced events out of the outbox. Raises StorageError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("DELETE FROM outbox WHERE event = ?", [(number,) for number in event_ids])
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StorageError(f"cannot update the outbox of {self._path}: {error}") from error

    def close(self) -> None:
        """Checkpoint and close."""
        self._db.close()
