"""The spool: drafts become durable rows with a gap-free seq, sent until the hub's receipt settles them.

Settled rows stay for a while (the kept ring), so that a hub put back from a copy can be refilled.
Not thread-safe: one worker thread owns it. Each public method is one transaction, or several that each leave it whole.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chassis.database import open_database
from chassis.failpoints import failpoint
from edge_agent import spool_books, spool_pruning, spool_times
from edge_agent.anchors import Anchor
from edge_agent.epochs import next_epoch, write_epoch
from edge_agent.seqset import Range, SeqSet
from edge_agent.spool_ballast import Ballast, free_bytes
from edge_agent.spool_pruning import GAP
from edge_agent.spool_schema import FORMAT, INSERT, accepted, upgrade
from edge_agent.stamp import Draft
from vitals.codec import MAX_PAYLOAD_BYTES, decode
from vitals.errors import StorageError
from vitals.readings import Record

log = logging.getLogger(__name__)

ENVELOPE_BYTES = 64  # what a batch adds around its records
MAX_RECORD_BYTES = MAX_PAYLOAD_BYTES - ENVELOPE_BYTES
LOG_BYTES = 1 << 20  # of write-ahead log before it is folded in: a full disk must not be full of log
LOG_SHARE = 4  # and of the ballast one part in this many, since folding in needs room first
LEAST_PAGES = 64
PRUNE_SHARE = 20  # at the size cap, one row in this many goes at a time
PRUNE_LARGEST = 5_000  # and never more in one transaction: its log must fit into the ballast
PRUNE_ROUNDS = 50
KEPT_SHARE = 4  # of the size cap, one part in this many may be rows the hub has already
TRIM_ROWS = 5_000
TRIM_S = 60.0  # rows kept after their receipt go together, to spare the card
CAP_RETRY_S = 60.0  # after the disk was full, how often to see whether there is room again


@dataclass(frozen=True, slots=True, kw_only=True)
class Appended:
    """What one append did: `first`..`last` are the new seqs (last < first: none), `refused` were too large.

    `pruned` had to go for want of room although the hub has not had them; `gaps` are the seqs that say so.
    """

    first: int
    last: int
    refused: int = 0
    pruned: tuple[Range, ...] = ()
    gaps: tuple[Range, ...] = ()
    waves: tuple[Range, ...] = ()  # of the new seqs, those of waves


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What the spool holds; lowest and highest are 0 when it is empty."""

    lowest: int
    highest: int
    count: int
    accepted: int  # the highest seq ever given out


@dataclass(frozen=True, slots=True, kw_only=True)
class Refill:
    """What a hub that lost its memory gets again, and the gap records for what is not here any more."""

    ranges: tuple[Range, ...]
    missing: tuple[Range, ...]
    gaps: Range


class Spool:
    """An open spool. Get one from `spool_file.open_spool`."""

    def __init__(self, path: Path, max_bytes: int, retain_ms: int = 0) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.retain_ms = retain_ms
        self._ballast = Ballast(path, max_bytes)
        self._ballast.take()
        self._open()
        database = self._database
        self.format, self.id, self.epoch, self.note = database.execute(
            "SELECT format, id, epoch, note FROM meta"
        ).fetchone()
        upgrade(database, self.format)
        with self._transaction():
            spool_times.make_tables(database)
            spool_times.tidy(database)
        self.format = FORMAT
        self.pruned, self.receipted, self.rejected, self.watermark = database.execute(
            "SELECT pruned, receipted, rejected, watermark FROM meta"
        ).fetchone()
        self._page = int(database.execute("PRAGMA page_size").fetchone()[0])
        self._full_cap = self._cap = max(LEAST_PAGES, max_bytes // self._page)
        if not self._ballast.aboard:  # next to no room: live within what there is from the start
            self._cap = min(
                self._cap, max(LEAST_PAGES, self._used_pages() + free_bytes(path.parent) // 4 // self._page)
            )
        self._look_again_at = 0.0
        self._broken = False  # the database is closed since an error, and could not be opened again
        self._trim_at = 0.0
        self._sacrifices: list[spool_pruning.Sacrifice] = []  # not told yet
        self._kept_from = 1  # no row below this is settled
        # For other threads to look at: how much of the cap rows the hub has not had take; from 1 on the oldest go.
        self.fill = 0.0
        holding = self.holding()
        self.lowest, self.rows = holding.lowest, holding.count
        self._measure()

    @property
    def disk_full(self) -> bool:
        """Whether the disk, not the size cap, is what limits the spool now."""
        return self._cap < self._full_cap

    def append(self, drafts: Sequence[Draft]) -> Appended:
        """Store `drafts` durably, in order. Raises StorageError if nothing of it was stored."""
        if self._broken:
            self._reopen()
        try:
            first, last, refused, waves = self._insert(drafts)
        except StorageError as exc:
            if not _is_full(exc):
                raise
            self._make_room(drafts)
            first, last, refused, waves = self._insert(drafts)
        if drafts:
            self._keep_size(drafts[-1])
        self._measure()
        # Also what an append before this one gave up and then failed all the same.
        sacrifices, self._sacrifices = self._sacrifices, []
        return Appended(
            first=first,
            last=last,
            refused=refused,
            pruned=tuple(seqs for one in sacrifices for seqs in one.seqs),
            gaps=tuple(one.gaps for one in sacrifices),
            waves=tuple(waves),
        )

    def read(self, ranges: Iterable[Range], max_bytes: int = MAX_RECORD_BYTES) -> list[tuple[int, bytes]]:
        """(seq, record as JSON or wave frame) of the rows in `ranges`, in order: as many as fit, at least one."""
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

    def settle(
        self, receipted: Sequence[Range], rejected: Sequence[Range] = (), watermark: int = 0, now: int | None = None
    ) -> None:
        """The hub has these for good, or refuses them for good. They stay while there is room. Raises StorageError.

        `now` is wall time: rows measured longer ago than `retain_ms` go.
        """
        watermark = max(watermark, self.watermark)
        if receipted or rejected or watermark > self.watermark:
            with self._transaction() as database:
                counts = spool_books.settle(database, receipted), spool_books.settle(database, rejected)
                database.execute(
                    "UPDATE meta SET receipted = receipted + ?, rejected = rejected + ?, watermark = ?",
                    (*counts, watermark),
                )
                failpoint("spool.settle.before_commit")
            failpoint("spool.settle.after_commit")
            self.receipted += counts[0]
            self.rejected += counts[1]
            self.watermark = watermark
        self._kept_from = min([self._kept_from, *(low for low, _ in [*receipted, *rejected])])
        self._trim(now)
        self._measure()

    def refill(self, hub_has: Sequence[Range], watermark: int, like: Draft) -> Refill:
        """The hub knows `hub_has` alone, though it once gave receipts for more: all else is to be sent again.

        What is not here any more is declared lost, unless a gap record that is here says so already.
        """
        with self._transaction() as database:
            wanted = spool_books.settled(database)
            for low, high in hub_has:
                wanted.discard(low, high)
            present = SeqSet()
            for (seq,) in database.execute("SELECT seq FROM record ORDER BY seq"):
                if seq in wanted:
                    present.add(seq)
            for (body,) in database.execute("SELECT body FROM record WHERE kind = ?", (GAP,)):
                gap = decode(body, Record).gap
                if gap is not None and gap.epoch == self.epoch:
                    for low, high in gap.spans():
                        wanted.discard(low, high)
            for low, high in present:
                wanted.discard(low, high)
            spool_books.unsettle(database, present)
            gaps = spool_pruning.declare(database, list(wanted), "not_kept", like, epoch=self.epoch, kind="mixed")
            # Which of the lost ones were refused is not kept: they count as receipted as long as there are such.
            lost = present.count() + wanted.count()
            receipted = max(0, self.receipted - lost)
            rejected = max(0, self.rejected - max(0, lost - self.receipted))
            pruned = spool_books.settled(database).count() - receipted - rejected
            database.execute(
                "UPDATE meta SET receipted = ?, rejected = ?, pruned = ?, watermark = ?",
                (receipted, rejected, pruned, watermark),
            )
            failpoint("spool.refill.before_commit")
        failpoint("spool.refill.after_commit")
        self.receipted, self.rejected, self.pruned, self.watermark = receipted, rejected, pruned, watermark
        self.rows += gaps[1] - gaps[0] + 1
        return Refill(ranges=tuple(present), missing=tuple(wanted), gaps=gaps)

    def accepted(self) -> int:
        """The highest seq ever given out in this epoch."""
        with self._reading() as database:
            return accepted(database)

    def holding(self) -> Holding:
        """What is in the spool now."""
        query = "SELECT coalesce(min(seq), 0), coalesce(max(seq), 0), count(*) FROM record"
        with self._reading() as database:
            lowest, highest, count = database.execute(query).fetchone()
            return Holding(lowest=lowest, highest=highest, count=count, accepted=accepted(database))

    def waiting(self) -> list[Range]:
        """Seqs the hub has not confirmed, as far as the disk knows."""
        with self._reading() as database:
            return list(spool_books.waiting(database, accepted(database)))

    def waves(self) -> list[Range]:
        """Seqs of the waves that are here."""
        seqs = SeqSet()
        with self._reading() as database:
            for (seq,) in database.execute("SELECT seq FROM record WHERE kind = 'wave' ORDER BY seq"):
                seqs.add(seq)
        return list(seqs)

    def newest_times(self) -> dict[str, int]:
        """The latest time of each device among the rows held, guesses aside."""
        with self._reading() as database:
            return spool_times.newest(database)

    def anchors(self) -> list[Anchor]:
        """When the time was known, as far back as that is kept."""
        with self._reading() as database:
            return spool_times.anchors(database)

    def newest_known(self) -> int:
        """The latest time among the newest rows, guesses aside; 0 if there is none."""
        with self._reading() as database:
            return spool_times.newest_known(database)

    def keep_anchor(self, anchor: Anchor) -> None:
        """Remember when the time was known. Raises StorageError."""
        with self._transaction() as database:
            spool_times.keep_anchor(database, anchor)

    def has_guesses(self, boot: str) -> bool:
        """Whether there are rows that an anchor may still put right: of this boot, or of one that has had an anchor."""
        with self._reading() as database:
            return spool_times.has_guesses(database, boot)

    def date_anew(self, limit: int) -> tuple[int, dict[str, int]]:
        """Put right the times of up to `limit` rows; how many, and the latest time of each device."""
        with self._transaction() as database:
            return spool_times.date_anew(database, limit)

    def young(self, boot: str, since: int) -> list[tuple[int, int]]:
        """(seq, steady time) of the rows of this boot measured after `since`."""
        query = "SELECT seq, steady FROM record WHERE boot = ? AND steady > ? ORDER BY seq DESC LIMIT 10000"
        with self._reading() as database:
            return list(reversed(database.execute(query, (boot, since)).fetchall()))

    def new_epoch(self, note: str, like: Draft) -> int:
        """Begin a new epoch with the rows that wait, because the hub knows this one further than we do.

        They keep their seqs; the other seqs belong to the epoch before, and a gap record says so.
        """
        epoch = next_epoch(self.path, self.epoch)
        with self._transaction() as database:
            known = spool_books.settled(database)
            for low, high in known:
                database.execute("DELETE FROM record WHERE seq BETWEEN ? AND ?", (low, high))
            if known:
                spool_pruning.declare(database, list(known), "epoch_change", like, epoch=epoch, kind="mixed")
            database.execute(
                "UPDATE meta SET epoch = ?, note = ?, receipted = 0, rejected = 0, pruned = ?, watermark = 0",
                (epoch, note, known.count()),
            )
            failpoint("spool.epoch.before_commit")
        failpoint("spool.epoch.after_commit")
        write_epoch(self.path, epoch)
        self.epoch, self.note = epoch, note
        self.receipted = self.rejected = self.watermark = 0
        self.pruned = known.count()
        self._recount()
        return epoch

    def close(self) -> None:
        """Fold the write-ahead log into the file and close it."""
        with contextlib.suppress(sqlite3.Error):
            self._database.close()

    def _insert(self, drafts: Sequence[Draft]) -> tuple[int, int, int, SeqSet]:
        """(first, last, refused, waves) of a durable insert."""
        before = self.accepted()
        waves = SeqSet()
        rows: list[tuple[object, ...]] = []
        guesses: list[tuple[int, Draft]] = []
        for draft in drafts:
            seq = before + len(rows) + 1
            body = draft.body(seq)
            if len(body) > MAX_RECORD_BYTES:
                log.error("refused a record of %s of %d bytes: at most 64 kB fit a message", draft.device, len(body))
                continue
            if draft.wave:
                waves.add(seq)
            if draft.measured is not None:
                guesses.append((seq, draft))
            rows.append((seq, draft.kind, draft.device, draft.time, draft.steady, draft.boot, body))
        last = before + len(rows)
        try:
            with self._transaction() as database:
                database.executemany(INSERT, rows)
                spool_times.note_guesses(database, guesses)
                failpoint("spool.append.before_commit")
        except StorageError as exc:
            # After an I/O error the commit is unknown: only a fresh look at the file tells.
            if not _is_full(exc):
                self._reopen()
            if not rows or self.accepted() != last:
                raise
        failpoint("spool.append.after_commit")
        self.rows += len(rows)
        if not self.lowest and rows:
            self.lowest = before + 1
        return before + 1, last, len(drafts) - len(rows), waves

    def _keep_size(self, like: Draft) -> None:
        """Prune when the file's used part passes the cap."""
        reason = "disk_full" if self.disk_full else "spool_full"
        for _ in range(PRUNE_ROUNDS):
            if self._used_pages() <= self._cap or not self._prune(reason, like):
                break
        self._look_for_room()

    def _make_room(self, drafts: Sequence[Draft]) -> None:
        """The disk is full: from now on the spool lives within what it has. Raises StorageError if that fails too."""
        used = self._used_pages()
        needed = 8 + len(drafts) * used // max(1, self.rows)
        if needed > used // 2:
            raise StorageError(
                f"cannot write the spool {self.path}: the disk is full, and there is too little to prune"
            )
        if not self.disk_full:
            log.error(
                "the disk of the spool %s is full: the spool lives within %.1f MB until there is room again",
                self.path,
                used * self._page / 1e6,
            )
        self._cap = max(LEAST_PAGES, used - needed)
        self._look_again_at = time.monotonic() + CAP_RETRY_S
        self._ballast.throw()
        self._fold_log()
        for _ in range(PRUNE_ROUNDS):
            if self._used_pages() <= self._cap or not self._prune("disk_full", drafts[-1]):
                break
        self._fold_log()

    def _fold_log(self) -> None:
        with contextlib.suppress(sqlite3.Error):
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _prune(self, reason: str, like: Draft) -> bool:
        """One slice: what the hub has goes first, and only then what it has not. False: nothing to give."""
        limit = min(PRUNE_LARGEST, max(1, self.rows // PRUNE_SHARE))
        if self._kept():
            with self._transaction() as database:
                dropped, self._kept_from = spool_pruning.drop_kept(database, limit, self._kept_from)
                failpoint("spool.drop.before_commit")
            if dropped:
                self._recount(-dropped)
                return True
        with self._transaction() as database:
            given = spool_pruning.sacrifice(database, limit, reason, like)
            failpoint("spool.prune.before_commit")
        failpoint("spool.prune.after_commit")
        if given is None:
            return False
        self._sacrifices.append(given)
        self.pruned += given.count
        self._recount(given.gaps[1] - given.gaps[0] + 1 - given.count)
        return True

    def _trim(self, now: int | None) -> None:
        """Let go of what the hub has had for long enough, and of what is too much of it."""
        older_than = None if now is None or not self.retain_ms else now - self.retain_ms
        if self.retain_ms:
            if time.monotonic() < self._trim_at:
                return
            self._trim_at = time.monotonic() + TRIM_S
        kept = self._kept()
        while kept:
            share = kept / self.rows * self._used_pages()
            limit = TRIM_ROWS if not self.retain_ms or share > self._cap / KEPT_SHARE else 0
            if not limit and older_than is None:
                break
            with self._transaction() as database:
                dropped, self._kept_from = spool_pruning.drop_kept(
                    database, min(TRIM_ROWS, kept), self._kept_from, None if limit else older_than
                )
                failpoint("spool.trim.before_commit")
            failpoint("spool.trim.after_commit")
            self._recount(-dropped)
            kept = self._kept()
            if dropped < TRIM_ROWS:
                break

    def _look_for_room(self) -> None:
        """After a full disk: take ballast aboard again and lift the limit, if there is room."""
        if not self.disk_full or time.monotonic() < self._look_again_at:
            return
        self._look_again_at = time.monotonic() + CAP_RETRY_S
        if self._ballast.take():
            log.info("the disk of the spool %s has room again", self.path)
            self._cap = self._full_cap

    def _kept(self) -> int:
        """Rows here that the hub has."""
        waiting = accepted(self._database) - self.receipted - self.rejected - self.pruned
        return max(0, int(self.rows - waiting))

    def _measure(self) -> None:
        with self._reading():
            self.fill = self._used_pages() / self._cap * (1 - self._kept() / self.rows) if self.rows else 0.0

    def _used_pages(self) -> int:
        pages = self._database.execute("PRAGMA page_count").fetchone()[0]
        free = self._database.execute("PRAGMA freelist_count").fetchone()[0]
        return int(pages - free)

    def _recount(self, change: int | None = None) -> None:
        if change is None:
            self.rows = self.holding().count
        else:
            self.rows += change
        self.lowest = int(self._database.execute("SELECT coalesce(min(seq), 0) FROM record").fetchone()[0])

    @contextlib.contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            yield self._database
        except sqlite3.Error as exc:
            raise StorageError(f"cannot read the spool {self.path}: {exc}") from exc

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            yield self._database
            self._database.execute("COMMIT")
        except BaseException as exc:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            if isinstance(exc, sqlite3.Error):
                raise StorageError(f"cannot write the spool {self.path}: {exc}") from exc
            raise

    def _open(self) -> None:
        self._database = open_database(self.path)
        page = int(self._database.execute("PRAGMA page_size").fetchone()[0])
        pages = max(16, min(LOG_BYTES, self._ballast.size // LOG_SHARE) // page)
        self._database.execute(f"PRAGMA wal_autocheckpoint={pages}")
        self._database.execute(f"PRAGMA journal_size_limit={2 * pages * page}")

    def _reopen(self) -> None:
        self._broken = True
        with contextlib.suppress(sqlite3.Error):
            self._database.close()
        self._open()
        self._broken = False


def _is_full(exc: StorageError) -> bool:
    """Whether the disk had no room, as opposed to being broken."""
    return getattr(exc.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
