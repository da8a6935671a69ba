"""Ballast: a file of nothing beside the spool, thrown away when the disk is full, because deleting needs room too."""

from __future__ import annotations

import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

LARGEST = 8 << 20
SMALLEST = 64 << 10
SHARE_OF_CAP = 32
SHARE_OF_FREE = 8


class Ballast:
    """Holds some room of the disk of `path` for the hour of need."""

    def __init__(self, path: Path, cap: int) -> None:
        self._file = path.with_name(path.name + ".ballast")
        self._folder = path.parent
        self._cap = cap

    @property
    def aboard(self) -> bool:
        """Whether there is some to throw."""
        return self._file.exists()

    @property
    def size(self) -> int:
        """How many bytes there are to throw."""
        return self._file.stat().st_size if self.aboard else 0

    def take(self) -> bool:
        """Take ballast aboard if the disk has room for it beside what the spool may need; False if not."""
        if self.aboard:
            return True
        try:
            free = free_bytes(self._folder)
            size = min(LARGEST, self._cap // SHARE_OF_CAP, free // SHARE_OF_FREE)
            if size < SMALLEST:
                return False
            descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, size)
            finally:
                os.close(descriptor)
        except OSError as exc:
            log.debug("no ballast: %s", exc)
            self.throw()
            return False
        return True

    def throw(self) -> None:
        """Give its room to the spool."""
        try:
            self._file.unlink(missing_ok=True)
        except OSError as exc:
            log.debug("the ballast stays: %s", exc)


def free_bytes(folder: Path) -> int:
    """What we may still write on the disk of `folder`."""
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize
