"""The check of a lake: every file is there, is what was written, has its rows, and no other file is."""

from __future__ import annotations

from pathlib import Path

import msgspec

from hub.projections.lake.files import SUFFIXES, checksum, count_rows
from hub.projections.lake.lake import locate
from hub.projections.lake.manifest import NAME, LakeFile, read_manifest
from hub.projections.lake.tables import TABLES
from vitals.errors import StorageError


class TableReport(msgspec.Struct, frozen=True, kw_only=True):
    """One table of the lake."""

    table: str
    files: int
    rows: int
    bytes: int
    first: str  # its dates; '' while it is empty
    last: str


class LakeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a check has found."""

    problems: list[str]
    tables: list[TableReport]

    @property
    def sound(self) -> bool:
        """Nothing is wrong."""
        return not self.problems


def verify(folder: Path) -> LakeReport:
    """Read every file. Raises StorageError when there is no lake, or its manifest is damaged."""
    return _report(folder, thorough=True)


def survey(folder: Path) -> LakeReport:
    """What the manifest says, without reading the files. Raises StorageError as `verify` does."""
    return _report(folder, thorough=False)


def _report(folder: Path, *, thorough: bool) -> LakeReport:
    contents = files_of(folder)
    problems: list[str] = []
    if thorough:
        for file in contents.values():
            path = locate(folder, file.file)
            wrong = _wrong(path, file.file, file.rows, file.bytes, file.sha256)
            if wrong and not path.exists():  # it was put in its place meanwhile
                wrong = _wrong(folder / file.file, file.file, file.rows, file.bytes, file.sha256)
            problems += wrong
        for table in TABLES:
            for path in sorted((folder / table).rglob("part-*")):
                name = str(path.relative_to(folder))
                if path.suffix in SUFFIXES.values() and name not in contents:
                    problems.append(f"{name} is no part of the lake; readers of the folder see its rows all the same")
    tables = []
    for table in TABLES:
        files = [file for name, file in contents.items() if name.startswith(f"{table}/")]
        dates = sorted(file.file.split("/")[1].removeprefix("date=") for file in files)
        tables.append(
            TableReport(
                table=table,
                files=len(files),
                rows=sum(file.rows for file in files),
                bytes=sum(file.bytes for file in files),
                first=dates[0] if dates else "",
                last=dates[-1] if dates else "",
            )
        )
    return LakeReport(problems=problems, tables=tables)


def files_of(folder: Path) -> dict[str, LakeFile]:
    """The files of the lake by name. Raises StorageError when there is no lake, or its manifest is damaged."""
    try:
        return read_manifest(folder).files
    except FileNotFoundError as error:
        raise StorageError(f"there is no lake in {folder}: it lacks {NAME}; the hub makes one") from error
    except OSError as error:
        raise StorageError(f"cannot read the lake {folder}: {error.strerror or error}") from error


def _wrong(path: Path, name: str, rows: int, size: int, digest: str) -> list[str]:
    try:
        found = checksum(path)
        if found != (size, digest):
            return [f"{name} is not what was written: {found[0]:,} bytes for {size:,}, or other ones"]
        counted = count_rows(path)
    except FileNotFoundError:
        return [f"{name} is not there"]
    except (OSError, ValueError) as error:
        return [f"{name} cannot be read: {error}"]
    return [] if counted == rows else [f"{name} has {counted:,} rows for {rows:,}"]
