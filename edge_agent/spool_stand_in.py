"""When the disk of the spool cannot be written at the start, a spool in memory stands in: live readings go out.

It lasts as long as the process. A gateway whose card has gone read-only is worth more like this than silent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from edge_agent.spool import Spool
from edge_agent.spool_file import open_spool
from vitals.errors import StorageError

FOLDERS = ("/dev/shm", "/run", tempfile.gettempdir())  # noqa: S108 - mkdtemp makes a folder of its own in it
MAX_BYTES = 64 << 20
# A full disk is not among these: deleting makes room. Nor is a lack of rights: a person must see to that.
_REFUSALS = (errno.EROFS, errno.EIO)


def disk_refusal(path: Path) -> str:
    """Why the disk of the spool at `path` takes nothing; empty if it does, or if somebody must correct the settings."""
    probe = path.with_name(path.name + ".probe")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, b"?")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as exc:
        return os.strerror(exc.errno) if exc.errno in _REFUSALS else ""
    finally:
        with contextlib.suppress(OSError):
            probe.unlink(missing_ok=True)
    return ""


@contextlib.contextmanager
def stand_in() -> Iterator[Spool]:
    """A spool in memory, gone afterwards. Raises StorageError where nothing at all can be written."""
    with contextlib.ExitStack() as stack:
        yield open_spool(_folder(stack) / "spool.db", MAX_BYTES, volatile=True)


def _folder(stack: contextlib.ExitStack) -> Path:
    for folder in FOLDERS:
        with contextlib.suppress(OSError):
            return Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wardline-spool-", dir=folder)))
    raise StorageError("neither the disk of the spool nor a folder in memory can be written")
