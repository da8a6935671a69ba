"""Retention: old records leave the journal in small slices, and the file gives its room back, inside the commits.

No second writer and no VACUUM ever stands before a commit.
"""

from __future__ import annotations

import logging
import sqlite3

from hub.expired import let_go

PRUNE_ROWS = 200  # old records that go with each commit, and twice as many as come
PRUNE_SCORES = 20  # old scores that go with each commit: far fewer come
QUARANTINE_ROWS = 10_000  # older refusals go; the counters keep counting
VACUUM_PAGES = 32  # given back with each commit
SLACK = 8  # the file keeps one free page in so many: what comes next needs them
LEAST_SLACK_PAGES = 2_048

_PRUNE_SCORES = "DELETE FROM score WHERE id IN (SELECT id FROM score ORDER BY id LIMIT ?) AND time < ?"

log = logging.getLogger(__name__)


class Retention:
    """Used by the one writer of a journal; `max_bytes` caps what records may take, younger ones included."""

    def __init__(self, db: sqlite3.Connection, max_bytes: int | None, waves_sooner_ms: int = 0) -> None:
        self._db = db
        self._waves_sooner_ms = waves_sooner_ms
        self._max_pages = max_bytes // _pragma(db, "page_size") if max_bytes else None
        self._shrinks = _pragma(db, "auto_vacuum") == 2
        self._said = False

    def prune(self, keep_after: int, came: int, *, quarantined: bool) -> None:
        """Let records go that were received before `keep_after`, and the oldest past the cap.

        `came` is how many records this transaction has brought. Inside a transaction. What went is counted, so that
        every seq can be accounted for.
        """
        limit = max(PRUNE_ROWS, 2 * came)
        over = self._over()
        if let_go(self._db, "wave", limit, None if over else keep_after + self._waves_sooner_ms):
            over = False  # readings stay as long as there are waves to give
        if over and not self._said:
            self._warn(keep_after)
        let_go(self._db, "record", limit, None if over else keep_after)
        self._db.execute(_PRUNE_SCORES, (PRUNE_SCORES, keep_after))
        if quarantined:
            self._db.execute(
                "DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?", (QUARANTINE_ROWS,)
            )
        self._shrink()

    def _warn(self, keep_after: int) -> None:
        oldest = self._db.execute("SELECT received FROM record ORDER BY id LIMIT 1").fetchone()
        if oldest is not None and oldest[0] >= keep_after:
            self._said = True
            log.warning("the journal has reached journal.max_gb: records leave it before journal.keep is over")

    def _over(self) -> bool:
        if self._max_pages is None:
            return False
        return _pragma(self._db, "page_count") - _pragma(self._db, "freelist_count") > self._max_pages

    def _shrink(self) -> None:
        if not self._shrinks:
            return
        free = _pragma(self._db, "freelist_count")
        if free > LEAST_SLACK_PAGES and free * SLACK > _pragma(self._db, "page_count"):
            for _ in range(VACUUM_PAGES):  # sqlite3 steps this statement once, and each step frees one page
                self._db.execute("PRAGMA incremental_vacuum(1)")


def make_shrinkable(db: sqlite3.Connection) -> None:
    """Let a database without tables give room back later. One that has tables stays as it is."""
    if db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None:
        db.execute("PRAGMA auto_vacuum=INCREMENTAL")
        db.execute("VACUUM")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
