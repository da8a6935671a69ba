"""The lake on the disk: files become part of it, or leave it, all at once; and only one process writes."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

from chassis.database import sync_folder
from chassis.failpoints import failpoint
from hub.projections.lake.manifest import NAME, Commit, LakeFile, Manifest
from vitals.errors import UsageError

READERS = ".readers"  # whoever asks the lake something holds its lock
STAGING = ".staging"  # files that are written, and not called by their name yet
NOWHERE = "__HIVE_DEFAULT_PARTITION__"  # what readers of such folders take for null
DAY_MS = 86_400_000
LONG_LOG = 5_000  # files that have left the lake are forgotten then


class Place(NamedTuple):
    """Where rows belong: a table, the UTC date of their time, and their ward."""

    table: str
    date: str
    ward: str

    @classmethod
    def of(cls, table: str, time: int, ward: str | None) -> Place:
        """The place of a row."""
        return cls(table, _date(time // DAY_MS), ward or "")

    @classmethod
    def of_file(cls, file: str) -> Place:
        """The place of a file of the lake."""
        table, date, ward, _ = file.split("/")
        return cls(table, date.removeprefix("date="), "" if ward == f"ward={NOWHERE}" else ward.removeprefix("ward="))

    @property
    def folder(self) -> str:
        """Its folder in the lake."""
        return f"{self.table}/date={self.date}/ward={self.ward or NOWHERE}"


@lru_cache(maxsize=1024)
def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(day * DAY_MS / 1_000, UTC):%Y-%m-%d}"


class Lake:
    """The one writer of the lake in `folder`. Every method raises OSError when the disk refuses."""

    def __init__(self, folder: Path, now: int) -> None:
        """Take possession, and finish what was begun. Raises UsageError when another process writes there."""
        self.folder = folder
        self._staging = folder / STAGING
        folder.mkdir(mode=0o750, exist_ok=True)  # no parents: where a disk is not mounted, nothing is begun
        self._staging.mkdir(exist_ok=True)
        (folder / READERS).touch()
        self._lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            self._possess()
            self.manifest = Manifest(folder, now)
        except BaseException:
            os.close(self._lock)
            raise
        try:
            self._recover(now)
        except BaseException:
            self.close()
            raise

    def _possess(self) -> None:
        if not _locked(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
            raise UsageError(
                f"another process writes into the lake {self.folder}; the hub that runs does all of this by itself"
            )

    def stage(self, place: Place, suffix: str, index: int) -> tuple[str, Path]:
        """The name of a file of the next commit, and where to write it until then."""
        base = f"part-{self.manifest.contents.number + 1:08}-{index:03}{suffix}"
        return f"{place.folder}/{base}", self._staging / base

    def commit(
        self,
        kind: Literal["write", "merge", "expire"],
        now: int,
        add: Sequence[LakeFile] = (),
        remove: Iterable[str] = (),
        streams: dict[str, int] | None = None,
    ) -> None:
        """Make staged files part of the lake, and others not; the streams have come as far as `streams` says."""
        if add:
            sync_folder(self._staging)
        number = self.manifest.contents.number + 1
        commit = Commit(number=number, time=now, kind=kind, streams=streams or {}, add=list(add), remove=sorted(remove))
        failpoint("lake.commit.before")
        self.manifest.append(commit)
        failpoint("lake.commit.after")
        # Whoever reads the folders may miss rows for a moment. They never see any twice.
        self._unlink(commit.remove)
        for file in add:
            self._publish(file.file)
        if len(self.manifest.contents.removed) > LONG_LOG:
            self.manifest.shorten(now)

    @contextlib.contextmanager
    def undisturbed(self) -> Iterator[bool]:
        """Whether nobody asks the lake anything now; whoever begins to waits. Files may leave then."""
        with readers(self.folder, fcntl.LOCK_EX | fcntl.LOCK_NB) as free:
            yield free

    def discard(self, staged: Iterable[Path]) -> None:
        """Throw away files that will not be part of the lake."""
        for path in staged:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """Let another process write."""
        self.manifest.close()
        os.close(self._lock)

    def _recover(self, now: int) -> None:
        """Carry out what the log says and a kill may have prevented."""
        contents = self.manifest.contents
        self._unlink(name for name in contents.removed if name not in contents.files)
        by_base = {name.rpartition("/")[2]: name for name in contents.files} if any(self._staging.iterdir()) else {}
        for path in list(self._staging.iterdir()):
            if path.name in by_base:
                self._publish(by_base[path.name])
            else:
                path.unlink()
        if contents.removed:
            self.manifest.shorten(now)

    def _publish(self, name: str) -> None:
        target = self.folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (self._staging / target.name).replace(target)
        sync_folder(target.parent)
        failpoint("lake.publish.each")

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.folder / name
            path.unlink(missing_ok=True)
            for folder in (path.parent, path.parent.parent):
                with contextlib.suppress(OSError):  # others are still in it
                    folder.rmdir()
            failpoint("lake.unlink.each")


@contextlib.contextmanager
def readers(folder: Path, how: int = fcntl.LOCK_SH) -> Iterator[bool]:
    """Hold the lock of those who read: as one of them, no file leaves meanwhile. False if it is not to be had."""
    try:
        descriptor = os.open(folder / READERS, os.O_RDONLY if how == fcntl.LOCK_SH else os.O_RDWR)
    except FileNotFoundError:  # nobody has ever written here
        yield True
        return
    try:
        yield _locked(descriptor, how)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    """Whether the lock is ours, or cannot be anybody's: some network disks have none."""
    try:
        fcntl.flock(descriptor, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
    return True


def locate(folder: Path, name: str) -> Path:
    """Where a file of the lake is: in its place, or still waiting for a writer that was killed to put it there."""
    path = folder / name
    staged = folder / STAGING / path.name
    return staged if not path.exists() and staged.exists() else path


def exists(folder: Path) -> bool:
    """Whether there is a lake in `folder`."""
    return (folder / NAME).exists()
