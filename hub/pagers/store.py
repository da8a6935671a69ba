"""`pages.db`: who was called about what, what was sent, and how far the journal has been read, in one transaction.

Everything is in here before it is sent: after a crash a page is sent again rather than lost, under the same id.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from chassis.database import open_database
from chassis.failpoints import failpoint
from hub.pagers.events import BEGINNING, Bookmark
from rules.paging import Call, Changes, Delivery, Escalation
from vitals.alarms import Alarm
from vitals.errors import StorageError
from vitals.pages import PagerFault

FORMAT = 1
KEEP_MS = 30 * 86_400_000
PRUNE_ROWS = 500  # per table and save

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS cursor (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position INTEGER NOT NULL, event TEXT NOT NULL   -- the last alarm event of the journal that is settled in here
);
CREATE TABLE IF NOT EXISTS escalation (
    alarm TEXT PRIMARY KEY,
    round INTEGER NOT NULL, since INTEGER NOT NULL, taken INTEGER NOT NULL, hurry INTEGER NOT NULL,
    over INTEGER NOT NULL,
    body BLOB NOT NULL                -- JSON: Alarm, as it was when last heard of
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS escalation_open ON escalation (over, since);
CREATE TABLE IF NOT EXISTS call (
    id TEXT PRIMARY KEY,
    alarm TEXT NOT NULL, step INTEGER NOT NULL, recipient TEXT NOT NULL, time INTEGER NOT NULL,
    stands_in_for TEXT NOT NULL, delivery TEXT NOT NULL, outcome TEXT NOT NULL, "by" TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS call_time ON call (time);
CREATE INDEX IF NOT EXISTS call_delivery ON call (delivery);
CREATE TABLE IF NOT EXISTS delivery (
    id TEXT PRIMARY KEY,
    recipient TEXT NOT NULL, ward TEXT NOT NULL, test INTEGER NOT NULL, time INTEGER NOT NULL, tries INTEGER NOT NULL,
    sent INTEGER, received INTEGER, failed INTEGER, trouble TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS delivery_time ON delivery (time);
CREATE TABLE IF NOT EXISTS fault (
    recipient TEXT PRIMARY KEY, reason TEXT NOT NULL, since INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS recipient (id TEXT PRIMARY KEY, name TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS link (     -- the key itself is only in the page; this is its SHA-256
    hash BLOB PRIMARY KEY, delivery TEXT NOT NULL, expires INTEGER NOT NULL, used INTEGER
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS link_expires ON link (expires);
"""


class Link(NamedTuple):
    """The hash of a key that opens one delivery on a phone, and until when."""

    hash: bytes
    delivery: str
    expires: int


class Saved(NamedTuple):
    """What a process that starts goes on with."""

    bookmark: Bookmark
    escalations: list[Escalation]
    calls: list[Call]
    deliveries: list[Delivery]
    faults: list[PagerFault]


class PageStore:
    """The one writer; only links are marked as used by the console. Every method may raise StorageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = open_database(path)
        try:
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('format', ?)", (str(FORMAT),))
            (found,) = self._db.execute("SELECT value FROM meta WHERE key = 'format'").fetchone()
        except sqlite3.Error as error:
            raise StorageError(f"cannot use the pages in {path}: {error}; move the file aside") from error
        if found != str(FORMAT):
            raise StorageError(f"{path} has format {found}, this version reads {FORMAT}")

    def name(self, recipients: Iterable[tuple[str, str]]) -> None:
        """What the recipients are called, (id, name) each; those of old pages stay known."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany("INSERT OR REPLACE INTO recipient VALUES (?, ?)", recipients)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise StorageError(f"cannot write the pages to {self._path}: {error}") from error

    def load(self) -> Saved:
        """Everything that is not over."""
        db = self._db
        try:
            cursor = db.execute("SELECT position, event FROM cursor").fetchone()
            escalations = [
                Escalation(
                    alarm=msgspec.json.decode(body, type=Alarm),
                    round=round_,
                    since=since,
                    taken=taken,
                    hurry=bool(hurry),
                )
                for round_, since, taken, hurry, body in db.execute(
                    "SELECT round, since, taken, hurry, body FROM escalation WHERE over = 0"
                )
            ]
            names = "id, alarm, step, recipient, time, stands_in_for, delivery"
            wanted = "outcome = '' AND alarm IN (SELECT alarm FROM escalation WHERE over = 0)"
            calls = [
                Call(id=id_, alarm=alarm, step=step, recipient=who, time=time, stands_in_for=instead, delivery=delivery)
                for id_, alarm, step, who, time, instead, delivery in db.execute(
                    f"SELECT {names} FROM call WHERE {wanted}"
                )
            ]
            deliveries = [self._delivery(one) for one in sorted({call.delivery for call in calls if call.delivery})]
            faults = [
                PagerFault(recipient=recipient, reason=reason, since=since)
                for recipient, reason, since in db.execute("SELECT recipient, reason, since FROM fault")
            ]
        except (sqlite3.Error, msgspec.MsgspecError) as error:
            raise StorageError(f"cannot read the pages in {self._path}: {error}; move the file aside") from error
        bookmark = Bookmark(*cursor) if cursor else BEGINNING
        return Saved(bookmark, escalations, calls, [one for one in deliveries if one is not None], faults)

    def save(
        self, bookmark: Bookmark, changes: Changes, faults: Sequence[PagerFault], links: Iterable[Link], now: int
    ) -> None:
        """One durable transaction: all of it or nothing."""
        db = self._db
        try:
            db.execute("BEGIN IMMEDIATE")
            db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?, ?)", bookmark)
            self._save_changes(changes)
            db.execute("DELETE FROM fault")
            db.executemany("INSERT INTO fault VALUES (?, ?, ?)", [(f.recipient, f.reason, f.since) for f in faults])
            db.executemany("INSERT OR REPLACE INTO link (hash, delivery, expires) VALUES (?, ?, ?)", links)
            self._prune(now)
            failpoint("pages.save.before_commit")
            db.execute("COMMIT")
            failpoint("pages.save.after_commit")
        except sqlite3.Error as error:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise StorageError(f"cannot write the pages to {self._path}: {error}") from error

    def note_received(self, delivery: str, recipient: str, now: int) -> None:
        """A receipt for a page whose alarms are over already."""
        try:
            self._db.execute(
                "UPDATE delivery SET received = ?, sent = coalesce(sent, ?)"
                " WHERE id = ? AND recipient = ? AND received IS NULL",
                (now, now, delivery, recipient),
            )
        except sqlite3.Error as error:
            raise StorageError(f"cannot write the pages to {self._path}: {error}") from error

    def close(self) -> None:
        """Checkpoint and close."""
        self._db.close()

    def _delivery(self, id_: str) -> Delivery | None:
        names = "id, recipient, ward, test, time, tries, sent, received, failed, trouble"
        row = self._db.execute(f"SELECT {names} FROM delivery WHERE id = ?", (id_,)).fetchone()
        if row is None:
            return None
        fields = dict(zip(names.split(", "), row, strict=True))
        fields["test"] = bool(fields["test"])
        calls = [
            call for (call,) in self._db.execute("SELECT id FROM call WHERE delivery = ? ORDER BY time, id", (id_,))
        ]
        return Delivery(**fields, calls=calls)

    def _save_changes(self, changes: Changes) -> None:
        self._db.executemany(
            "INSERT OR REPLACE INTO escalation VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                (one.alarm.id, one.round, one.since, one.taken, one.hurry, one.over, msgspec.json.encode(one.alarm))
                for one in changes.escalations
            ],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO call VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (c.id, c.alarm, c.step, c.recipient, c.time, c.stands_in_for, c.delivery, c.outcome, c.by)
                for c in changes.calls
            ],
        )
        self._db.executemany(
            "INSERT OR REPLACE INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                (d.id, d.recipient, d.ward, d.test, d.time, d.tries, d.sent, d.received, d.failed, d.trouble)
                for d in changes.deliveries
            ],
        )

    def _prune(self, now: int) -> None:
        old = now - KEEP_MS
        for table, key, column in (("call", "id", "time"), ("delivery", "id", "time"), ("link", "hash", "expires")):
            query = f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {column} < ? LIMIT ?)"
            self._db.execute(query, (old, PRUNE_ROWS))
        self._db.execute(
            "DELETE FROM escalation WHERE alarm IN (SELECT alarm FROM escalation WHERE over = 1 AND since < ? LIMIT ?)",
            (old, PRUNE_ROWS),
        )
