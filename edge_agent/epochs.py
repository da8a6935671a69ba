"""Epochs of a spool: numbers a gateway never uses twice, remembered in a file beside the spool."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from chassis.database import sync_folder
from chassis.failpoints import failpoint
from edge_agent.stamp import CLOCK_FLOOR_MS
from vitals.errors import StorageError
from vitals.readings import VOLATILE_FROM


def next_epoch(path: Path, known: int) -> int:
    """An epoch never used before by this gateway: the time in seconds, or one more than the last one.

    The hub takes a repeated (epoch, seq) for a duplicate and drops it, so a gateway with a new disk must not
    begin at 1 again. Without a set clock the epoch file beside the spool still counts up.
    """
    with contextlib.suppress(OSError, ValueError):
        known = max(known, int(_epoch_file(path).read_text()))
    seconds = max(int(time.time()), CLOCK_FLOOR_MS // 1_000 + int.from_bytes(os.urandom(2), "big"))
    return min(max(known + 1, seconds), VOLATILE_FROM - 1)


def volatile_epoch() -> int:
    """An epoch for records that no disk has: by chance, since nothing could remember the one before."""
    return VOLATILE_FROM + secrets.randbelow(2**32 - VOLATILE_FROM)


def write_epoch(path: Path, epoch: int) -> None:
    """Remember the epoch beside the spool, in case the spool is lost."""
    file = _epoch_file(path)
    fresh = file.with_name(file.name + ".new")
    try:
        with fresh.open("w") as out:
            out.write(f"{epoch}\n")
            out.flush()
            os.fsync(out.fileno())
        failpoint("epoch.file.before_rename")
        fresh.replace(file)
        sync_folder(file.parent)
    except OSError as exc:
        raise StorageError(f"cannot write {file}: {exc.strerror}") from exc


def _epoch_file(path: Path) -> Path:
    return path.with_name(path.name + ".epoch")
