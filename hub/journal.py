"""The journal: records, alarm states and announcements in, one durable SQLite transaction out.

The commit point of the whole system: a receipt never precedes the commit of its records here.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from chassis.database import delete_many, insert_many, open_database, run_many
from chassis.failpoints import failpoint
from hub.audit import extend_deed_chain
from hub.expired import note_expired
from hub.journal_gaps import GapRow, Key, read_ranges, refill, save_gaps, save_settled
from hub.journal_schema import SCHEMA, add_columns
from hub.journal_waves import WaveRow, save_waves
from hub.retention import Retention, make_shrinkable
from vitals.errors import StorageError
from vitals.ranges import Ranges

FORMAT = 1
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

    __slots__ = (
        "events",
        "gaps",
        "quarantine",
        "records",
        "refilled",
        "refusals",
        "settled",
        "states",
        "waves",
        "writes",
    )

    def __init__(self) -> None:
        self.records: list[RecordRow] = []
        self.waves: list[WaveRow] = []
        self.events: list[EventRow] = []
        self.states: list[StateRow] = []
        self.quarantine: list[QuarantineRow] = []
        self.refusals: list[Refusal] = []
        self.writes: list[Write] = []  # in this order
        self.settled: dict[Key, Ranges] = {}  # seqs this batch settles
        self.gaps: list[GapRow] = []  # what it declares missing; those seqs are settled too
        self.refilled: dict[Key, Ranges] = {}  # seqs of its records that a gap had declared missing

    def settle(self, gateway: str, epoch: int, seq: int) -> None:
        """Note that this batch makes (gateway, epoch, seq) final."""
        ranges = self.settled.get((gateway, epoch))
        if ranges is None:
            ranges = self.settled[gateway, epoch] = Ranges()
        ranges.add(seq)

    @property
    def size(self) -> int:
        """How many records and frames it stores."""
        return len(self.records) + len(self.waves)

    def __bool__(self) -> bool:
        return bool(
            self.size or self.events or self.states or self.quarantine or self.refusals or self.writes or self.gaps
        )


class Journal:
    """The one writer. Open and read at start in any thread; `commit` and `confirm` then run in one thread only."""

    def __init__(self, path: Path, max_bytes: int | None = None, waves_sooner_ms: int = 0) -> None:
        """`max_bytes` caps the room that is used; the oldest waves go before it is passed, and then records.

        Waves leave `waves_sooner_ms` before records that came with them.
        """
        self._path = path
        self._max_bytes = max_bytes
        self._waves_sooner_ms = waves_sooner_ms
        self._number = 0  # of the last commit
        self._unsure: tuple[Batch, list[int]] | None = None  # failed; only the file knows how far it came
        self._open()

    def _open(self) -> None:
        self._db = open_database(self._path)
        try:
            make_shrinkable(self._db)
            self._db.executescript(SCHEMA)
            add_columns(self._db)
            self._check_format()
            self._account_for_older_versions()
            self._number = self._commits()
            self._settled = read_ranges(self._db, "committed")
            self._missing = read_ranges(self._db, "missing")
            counted = "SELECT gateway, epoch, count(*) FROM rejected GROUP BY gateway, epoch"
            self._rejected = Counter({(gateway, epoch): n for gateway, epoch, n in self._db.execute(counted)})
            self._retention = Retention(self._db, self._max_bytes, self._waves_sooner_ms)
        except sqlite3.Error as error:
            self._db.close()
            raise StorageError(f"cannot use the journal {self._path}: {error}; restore it or move it aside") from error

    def _check_format(self) -> None:
        self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
        (found,) = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        if found != str(FORMAT):
            self._db.close()
            raise StorageError(f"the journal {self._path} has format {found}, this version reads {FORMAT}")

    def _commits(self) -> int:
        return int(self._db.execute("SELECT value FROM meta WHERE key = 'commits'").fetchone()[0])

    def _account_for_older_versions(self) -> None:
        """A journal of before: records that had left it were not written down."""
        if self._db.execute("SELECT 1 FROM meta WHERE key = 'commits'").fetchone() is not None:
            return
        self._db.execute("BEGIN IMMEDIATE")
        for (gateway, epoch), settled in read_ranges(self._db, "committed").items():
            gone = settled.minus(accounted(self._db, gateway, epoch))
            if gone.count():
                last = max(high for _, high in gone)
                note_expired(self._db, gateway, epoch, gone.count(), last)
        self._db.execute("INSERT INTO meta VALUES ('commits', '0')")
        self._db.execute("COMMIT")

    def settled(self, gateway: str, epoch: int) -> Ranges:
        """The seqs that are final: in the journal, in quarantine, or declared missing. Not for the caller to change."""
        return self._settled.get((gateway, epoch), _NOTHING)

    def missing(self, gateway: str, epoch: int) -> Ranges:
        """Of those, the seqs a gap declares missing and that have not come. Not for the caller to change."""
        return self._missing.get((gateway, epoch), _NOTHING)

    def rejected(self, gateway: str, epoch: int) -> int:
        """How many of them were refused."""
        return self._rejected[gateway, epoch]

    def epochs(self, gateway: str) -> list[int]:
        """The epochs of a gateway the journal knows, oldest first."""
        return sorted(epoch for name, epoch in list(self._settled) if name == gateway)

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

        Records received before `keep_after` (UTC ms) leave in small slices, in the same transaction. After a failure
        give the same batch again: if it turns out to be in the file after all, it is not written twice.
        """
        if self._unsure is not None:
            found = self._look_again(batch)
            if found is not None:
                return found
        db = self._db
        event_ids: list[int] = []
        try:
            db.execute("BEGIN IMMEDIATE")
            insert_many(
                db,
                "INSERT INTO record (gateway, epoch, seq, device, ward, bed, time, received, late, body)",
                batch.records,
                otherwise="ON CONFLICT DO NOTHING",
            )
            save_waves(db, batch.waves)
            event_ids = self._save_events(batch.events)
            self._save_states(batch.states)
            insert_many(
                db,
                "INSERT INTO quarantine (received, topic, gateway, reason, records, size, sha256, head)",
                batch.quarantine,
            )
            insert_many(db, "INSERT INTO rejected", batch.refusals, otherwise="ON CONFLICT DO NOTHING")
            run_many(db, batch.writes)
            if batch.writes:
                extend_deed_chain(db)
            merged = save_settled(db, self._settled, batch.settled)
            save_gaps(db, batch.gaps)
            refill(db, batch.refilled)
            self._retention.prune(keep_after, batch.size, quarantined=bool(batch.quarantine))
            db.execute("UPDATE meta SET value = ? WHERE key = 'commits'", (str(self._number + 1),))
            failpoint("journal.commit.before")
            db.execute("COMMIT")
            failpoint("journal.commit.after")
        except sqlite3.Error as error:
            self._unsure = batch, event_ids
            with contextlib.suppress(sqlite3.Error):
                if db.in_transaction:
                    db.execute("ROLLBACK")
            raise StorageError(f"cannot commit to the journal {self._path}: {error}") from error
        self._number += 1
        self._settled.update(merged)
        self._rejected.update((refusal.gateway, refusal.epoch) for refusal in batch.refusals)
        self._note_missing(batch)
        return event_ids

    def _look_again(self, batch: Batch) -> list[int] | None:
        """After a failed commit: read the file anew. The ids of the events of `batch` if it is in there, else None."""
        assert self._unsure is not None
        expected, (unsure, event_ids) = self._number + 1, self._unsure
        self._db.close()
        self._open()
        self._unsure = None
        return event_ids if self._number == expected and batch is unsure else None

    def _note_missing(self, batch: Batch) -> None:
        changed: dict[Key, Ranges] = {}
        for row in batch.gaps:
            key = (row.gateway, row.epoch)
            changed[key] = changed.get(key, self.missing(*key)).union(row.missing)
        for key, came in batch.refilled.items():
            changed[key] = changed.get(key, self.missing(*key)).minus(came)
        self._missing.update(changed)

    def _save_events(self, events: Sequence[EventRow]) -> list[int]:
        """Write events down, and that each is to be announced; their ids."""
        if not events:
            return []
        counter = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'alarm_event'").fetchone()
        first = (counter[0] if counter else 0) + 1
        ids = range(first, first + len(events))
        rows = [(number, *event) for number, event in zip(ids, events, strict=True)]
        insert_many(self._db, "INSERT INTO alarm_event (id, alarm, ward, bed, rule, change, time, body)", rows)
        insert_many(self._db, "INSERT INTO outbox (event)", [(number,) for number in ids])
        return list(ids)

    def _save_states(self, states: Sequence[StateRow]) -> None:
        gone = [(state.ward, state.bed, state.rule) for state in states if state.body is None]
        delete_many(self._db, "alarm_state", ("ward", "bed", "rule"), gone)
        kept = [state for state in states if state.body is not None]
        insert_many(self._db, "INSERT OR REPLACE INTO alarm_state", kept)

    def confirm(self, event_ids: Iterable[int]) -> None:
        """Take announced events out of the outbox. Raises StorageError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            delete_many(self._db, "outbox", ("event",), [(number,) for number in event_ids])
            failpoint("outbox.confirm.before")
            self._db.execute("COMMIT")
            failpoint("outbox.confirm.after")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StorageError(f"cannot update the outbox of {self._path}: {error}") from error

    def close(self) -> None:
        """Checkpoint and close."""
        self._db.close()


def accounted(db: sqlite3.Connection, gateway: str, epoch: int) -> Ranges:
    """The seqs of records and waves that are in the journal, rejected, or explained by a gap."""
    islands = (
        "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island FROM record"
        " WHERE gateway = ?1 AND epoch = ?2) GROUP BY island"
        " UNION ALL SELECT seq, seq FROM wave WHERE gateway = ?1 AND epoch = ?2"
        " UNION ALL SELECT seq, seq FROM rejected WHERE gateway = ?1 AND epoch = ?2"
        " UNION ALL SELECT low, high FROM missing WHERE gateway = ?1 AND epoch = ?2"
    )
    return Ranges(db.execute(islands, (gateway, epoch)))
