"""The state folder of the demo: private, and used by one demo at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from vitals.errors import UsageError

LOCK_FILE = "lock"


def default_folder() -> Path:
    """Where a user's data lives."""
    home = os.environ.get("XDG_DATA_HOME", "")
    return (Path(home) if home else Path.home() / ".local/share") / "wardline"


@contextlib.contextmanager
def owned(folder: Path) -> Iterator[Path]:
    """Make `folder` if need be and hold it; gives its full path. Raises UsageError if another demo holds it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = folder.resolve()
        lock = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UsageError(
            f"cannot use {folder} as state folder: {error.strerror}; choose another with --state"
        ) from error
    try:
        _take(lock, folder)
        yield folder
    finally:
        os.close(lock)


def _take(lock: int, folder: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.read(lock, 20).decode(errors="replace").strip() or "unknown"
        raise UsageError(
            f"another demo (process {holder}) is using {folder}; stop it, or choose another folder with --state"
        ) from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
