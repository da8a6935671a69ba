"""The manifest: which files make up a lake, what is in them, and how far the lake has come in each stream.

A log of commits, one JSON object a line. A file belongs to the lake from the moment its commit is on the disk; the rest
of `Lake.commit` only carries out what the log says, and a later start carries it out again.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Literal

import msgspec

from chassis.database import sync_folder
from chassis.failpoints import failpoint
from vitals.errors import StorageError

NAME = "manifest.jsonl"
FORMAT = 1
_CRC = b'{"crc":"%08x",'
_CRC_BYTES = len(b'{"crc":"00000000",')


class LakeFile(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file. It holds the entries from `first` to `last` that belong to its date and ward."""

    file: str  # its place in the folder of the lake
    rows: int
    bytes: int
    sha256: str
    first: int  # number of an entry in its stream of the journal
    last: int
    written: int  # UTC ms; of a merged file the newest of its parts
    merged: bool = False


class Commit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One change of the lake: all of it, or nothing."""

    number: int
    time: int
    kind: Literal["begin", "write", "merge", "expire"]
    streams: dict[str, int] = {}  # the highest entry of these streams that is in the lake
    add: list[LakeFile] = []
    remove: list[str] = []


class Contents:
    """What a lake holds according to its log."""

    def __init__(self) -> None:
        self.files: dict[str, LakeFile] = {}
        self.highest: dict[str, int] = {}
        self.removed: list[str] = []  # no longer part of the lake, perhaps still on the disk
        self.number = 0

    def apply(self, commit: Commit) -> None:
        """Follow the log by one commit."""
        for name in commit.remove:
            self.files.pop(name, None)
            self.removed.append(name)
        for file in commit.add:
            self.files[file.file] = file
        for stream, last in commit.streams.items():
            self.highest[stream] = max(last, self.highest.get(stream, 0))
        self.number = commit.number

    def as_commits(self, time: int) -> list[Commit]:
        """The same contents in the fewest commits."""
        begin = Commit(number=self.number, time=time, kind="begin", streams=dict(self.highest))
        files = list(self.files.values())
        parts = [files[index : index + 500] for index in range(0, len(files), 500)]
        return [begin, *(Commit(number=self.number, time=time, kind="write", add=part) for part in parts)]


def read_manifest(folder: Path) -> Contents:
    """What the lake in `folder` holds. Raises FileNotFoundError where there is none, or StorageError."""
    return _read(folder / NAME)[0]


def _read(path: Path) -> tuple[Contents, int]:
    """The contents, and how many bytes of the log say so: a last line that is torn was never committed."""
    contents, good = Contents(), 0
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1], start=1):
        commit = _commit_of(line)
        if commit is None:
            if number == len(lines) - 1:
                break
            raise StorageError(f"{path} is damaged in line {number}; put it back from a copy")
        contents.apply(commit)
        good += len(line) + 1
    return contents, good


def _commit_of(line: bytes) -> Commit | None:
    body = b"{" + line[_CRC_BYTES:]
    if line[:_CRC_BYTES] != _CRC % zlib.crc32(body):
        return None
    try:
        return msgspec.json.decode(body, type=Commit)
    except msgspec.MsgspecError:
        return None


def _line_of(commit: Commit) -> bytes:
    body = msgspec.json.encode(commit)
    return _CRC % zlib.crc32(body) + body[1:] + b"\n"


class Manifest:
    """The one writer of a log. Every method raises OSError when the disk refuses."""

    def __init__(self, folder: Path, now: int) -> None:
        self._path = folder / NAME
        self._begin(now)
        self.contents, good = _read(self._path)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._size = os.fstat(self._descriptor).st_size
        if good != self._size:
            self._cut(good)

    def _begin(self, now: int) -> None:
        """A log that was never begun, or whose first line was torn, is begun."""
        if not self._path.exists() or not self._path.read_bytes().count(b"\n"):
            self._replace([Commit(number=0, time=now, kind="begin")])

    def append(self, commit: Commit) -> None:
        """Put `commit` into the log for good; on OSError it is not in there."""
        line = _line_of(commit)
        try:
            if os.write(self._descriptor, line) != len(line):
                raise OSError(28, "No space left on device")
            os.fsync(self._descriptor)
        except OSError:
            self._cut(self._size)
            raise
        self._size += len(line)
        self.contents.apply(commit)

    def shorten(self, now: int) -> None:
        """Write the log anew without what no longer counts. Only when everything removed has left the disk."""
        self._replace(self.contents.as_commits(now))
        self.contents.removed.clear()
        os.close(self._descriptor)
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND)
        self._size = os.fstat(self._descriptor).st_size

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)

    def _replace(self, commits: list[Commit]) -> None:
        partial = self._path.with_name(f".{NAME}.partial")
        with partial.open("wb") as file:
            file.writelines(map(_line_of, commits))
            file.flush()
            os.fsync(file.fileno())
        failpoint("lake.manifest.replace")
        partial.replace(self._path)
        sync_folder(self._path.parent)

    def _cut(self, size: int) -> None:
        os.ftruncate(self._descriptor, size)
        os.fsync(self._descriptor)
        self._size = size
