"""The file of a spool: made whole or not at all, checked at start, salvaged into a new epoch when damaged."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import sqlite3
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from chassis.database import open_database, sync_folder
from chassis.failpoints import failpoint
from edge_agent import spool_times
from edge_agent.epochs import next_epoch, volatile_epoch, write_epoch
from edge_agent.seqset import Range, SeqSet
from edge_agent.spool import Spool
from edge_agent.spool_ballast import free_bytes
from edge_agent.spool_pages import page_bytes, rows_of_pages
from edge_agent.spool_pruning import declare
from edge_agent.spool_schema import COLUMNS, FORMAT, INSERT, PAGE_BYTES, SCHEMA
from edge_agent.stamp import Draft
from vitals.codec import encode
from vitals.errors import StorageError, UsageError, WireError
from vitals.readings import Record
from vitals.waves import decode_frames

log = logging.getLogger(__name__)

MOST_LOST = 100_000_000  # a damaged counter that says more is not believed
READABLE = (1, FORMAT)
DEFAULT_CAP = 2 << 30
SHARE_OF_FREE = 4  # the spool takes one part in this many of a small disk


class SpoolLock:
    """Holds a spool for one process; the kernel lets go of it when the process ends, however it ends."""

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + ".lock")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise UsageError(f"cannot use the spool folder {path.parent}: {exc.strerror}") from exc
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as exc:
            os.close(self._descriptor)
            raise UsageError(
                f"another edge agent uses the spool {path}; stop it, or give this one its own spool path"
            ) from exc

    def release(self) -> None:
        """Let another process have the spool."""
        os.close(self._descriptor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Salvage:
    """What a damaged spool still says: rows the hub may not have, and which ones are lost where that can be told."""

    rows: list[tuple[Any, ...]]
    epoch: int
    lost: list[Range] | None  # None: nobody knows
    guesses: spool_times.Guesses = field(default_factory=dict)


def default_cap(path: Path) -> int:
    """The size cap if the settings name none: 2 GB, or a quarter of what the disk has free. Raises StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        mine = path.stat().st_size if path.exists() else 0
        return min(DEFAULT_CAP, (free_bytes(path.parent) + mine) // SHARE_OF_FREE)
    except OSError as exc:
        raise StorageError(f"cannot look at the disk of the spool {path}: {exc.strerror}") from exc


def open_spool(path: Path, max_bytes: int | None = None, retain_ms: int = 0, *, volatile: bool = False) -> Spool:
    """Open the spool at `path`, or make it. A damaged one is moved aside and what can be read of it is kept.

    Call with the SpoolLock held. `volatile`: the path is in memory, and a new spool gets an epoch that says so.
    Raises StorageError.
    """
    if max_bytes is None:
        max_bytes = default_cap(path)
    fresh = path.with_name(path.name + ".new")
    if not path.exists() and fresh.exists() and _damage(fresh) is None:
        _put_in_place(fresh, path)  # the last start was cut off between moving aside and putting in place
    _remove(fresh)
    if path.exists():
        damage = _damage(path)
        if damage is None:
            return Spool(path, max_bytes, retain_ms)
        _salvage(path, fresh, damage)
    else:
        epoch = volatile_epoch() if volatile else next_epoch(path, 0)
        _create(fresh, epoch, Salvage(rows=[], epoch=0, lost=[]), "")
    failpoint("spool.new.made")
    _put_in_place(fresh, path)
    failpoint("spool.new.placed")
    spool = Spool(path, max_bytes, retain_ms)
    write_epoch(path, spool.epoch)
    return spool


def _damage(path: Path) -> str | None:
    """What is wrong with the database, or None."""
    try:
        # A zeroed file opens as an empty database without any error: only the sentinel row tells.
        if path.stat().st_size == 0:
            return "the file is empty"
        with contextlib.closing(open_database(path)) as database:
            problem = str(database.execute("PRAGMA quick_check(1)").fetchone()[0])
            if problem != "ok":
                return problem.splitlines()[-1]
            format_ = database.execute("SELECT format FROM meta").fetchone()
            database.execute("SELECT 1 FROM record LIMIT 1").fetchone()
    except (sqlite3.DatabaseError, StorageError) as exc:
        return str(exc)
    except OSError as exc:
        raise StorageError(f"cannot read the spool {path}: {exc.strerror}") from exc
    if format_ is None:
        return "its sentinel row is missing"
    if format_[0] not in READABLE:
        raise StorageError(
            f"the spool {path} has format {format_[0]}, this version reads {FORMAT}: install a newer one"
        )
    return None


def _salvage(path: Path, fresh: Path, damage: str) -> None:
    found = _readable(path)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    while aside.exists():
        aside = aside.with_name(aside.name + "x")
    lost = "nobody knows how many" if found.lost is None else str(sum(high - low + 1 for low, high in found.lost))
    note = (
        f"spool_damaged: {damage}; {len(found.rows)} records salvaged, {lost} lost, the old file is {aside.name}"
    ).replace("; ", ", ")
    log.error("%s", note)
    failpoint("spool.salvage.read")
    _create(fresh, next_epoch(path, found.epoch), found, note)
    failpoint("spool.salvage.made")
    for suffix in ("", "-wal", "-shm"):  # cut off in between, the next start must find no database, and `fresh`
        source = path.with_name(path.name + suffix)
        if source.exists():
            source.replace(aside.with_name(aside.name + suffix))
            failpoint("spool.salvage.aside")
    sync_folder(path.parent)


def _readable(path: Path) -> Salvage:
    """Every row that can still be read, makes sense and has no receipt; and what is lost, if that can be told."""
    rows: dict[int, tuple[Any, ...]] = {}
    epoch = accepted = 0
    settled: SeqSet | None = None
    guesses: spool_times.Guesses = {}
    with (
        contextlib.suppress(sqlite3.Error),
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database,
    ):
        database.execute("PRAGMA writable_schema=ON")  # a file that was cut short opens only so
        with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
            epoch = int(database.execute("SELECT max(epoch) FROM meta").fetchone()[0])
        with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
            accepted = int(database.execute("SELECT seq FROM sqlite_sequence WHERE name = 'record'").fetchone()[0])
        with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
            settled = SeqSet(database.execute("SELECT low, high FROM settled ORDER BY low").fetchall())
        with contextlib.suppress(sqlite3.Error, TypeError, ValueError):
            guesses = spool_times.guesses(database)
        for order in ("ASC", "DESC"):
            with contextlib.suppress(sqlite3.Error):
                for row in database.execute(f"SELECT {COLUMNS} FROM record ORDER BY seq {order}"):
                    if row[0] in rows:
                        break
                    rows[row[0]] = row
    _read_pages(path, rows, accepted, settled)
    sensible = [rows[seq] for seq in sorted(rows, key=int) if _sensible(rows[seq])]
    waiting = [row for row in sensible if settled is None or row[0] not in settled]
    lost = _lost(accepted, settled, waiting) if epoch else None
    return Salvage(rows=waiting, epoch=epoch, lost=lost, guesses=guesses)


def _lost(accepted: int, settled: SeqSet | None, rows: list[tuple[Any, ...]]) -> list[Range] | None:
    """Seqs that were given out, are not settled and cannot be read; None if the books cannot be read either."""
    if settled is None or not accepted:
        return None
    rest = SeqSet([(1, accepted)])
    for low, high in settled:
        rest.discard(low, high)
    for row in rows:
        rest.discard(row[0], row[0])
    return list(rest) if rest.count() <= MOST_LOST else None


def _read_pages(path: Path, rows: dict[int, tuple[Any, ...]], accepted: int, settled: SeqSet | None) -> None:
    """Take in what the broken tree does not lead to, from the pages themselves."""
    wanted = SeqSet([(1, accepted or 2**63 - 1)])
    for low, high in [*(settled or ()), *((seq, seq) for seq in rows)]:
        wanted.discard(low, high)
    for number, columns in rows_of_pages(path, page_bytes(path) or PAGE_BYTES, wanted) if wanted else ():
        if len(columns) == len(COLUMNS.split(", ")) and isinstance(columns[-1], bytes):
            rows.setdefault(number, (number, *columns[1:]))


def _sensible(row: tuple[Any, ...]) -> bool:
    try:
        _renumbered(row, 1)
    except (msgspec.MsgspecError, WireError, TypeError, ValueError):
        return False
    return True


def _renumbered(row: tuple[Any, ...], seq: int) -> bytes:
    """The body of a row under another seq. Raises if it makes no sense."""
    if row[1] == "wave":  # it gets its number when it is sent
        decode_frames(row[6])
        return bytes(row[6])
    return encode(msgspec.structs.replace(msgspec.json.decode(row[6], type=Record), seq=seq))


def _create(path: Path, epoch: int, found: Salvage, note: str) -> None:
    """A complete spool at `path` in one transaction: it has its sentinel row or it is no spool."""
    _remove(path)
    database = open_database(path, PAGE_BYTES)
    try:
        database.execute("BEGIN IMMEDIATE")
        for statement in SCHEMA.split(";"):
            database.execute(statement)
        spool_times.make_tables(database)
        for seq, row in enumerate(found.rows, start=1):
            database.execute(INSERT, (seq, *row[1:6], _renumbered(row, seq)))
            if row[0] in found.guesses:
                spool_times.note_guess(database, seq, *found.guesses[row[0]])
        if found.lost:
            declare(database, found.lost, "salvage", _now(), epoch=found.epoch, kind="mixed")
        database.execute(
            "INSERT INTO meta (id, epoch, format, note) VALUES (?, ?, ?, ?)", (uuid.uuid4().hex, epoch, FORMAT, note)
        )
        database.execute("COMMIT")
    except sqlite3.Error as exc:
        raise StorageError(f"cannot make the spool {path}: {exc}") from exc
    finally:
        database.close()


def _now() -> Draft:
    """What a gap record found at the start is stamped like: nothing has looked at the clock yet."""
    wall = time.time_ns() // 1_000_000
    return Draft(device="", time=max(0, wall), steady=0, boot="", clock="unsynced")


def _put_in_place(fresh: Path, path: Path) -> None:
    for suffix in ("-wal", "-shm"):  # a closed database has none; what is left over belongs to nobody
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    # open and close once: a fresh file that was cut off may still have its own write-ahead log
    open_database(fresh).close()
    fresh.replace(path)
    sync_folder(path.parent)


def _remove(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
