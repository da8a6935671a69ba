"""The doctor of a data lake: whether it is there, can be written, and what is in it. Nothing is changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from hub.export.parquet import load_pyarrow
from hub.projections.findings import Finding
from hub.projections.lake.lake import exists
from hub.projections.lake.query import load_duckdb
from hub.projections.lake.sink import GONE, has_begun
from hub.projections.lake.verify import survey
from hub.settings import HubSettings
from vitals.errors import StorageError, UsageError

LEAST_FREE_BYTES = 1 << 30


def examine(settings: HubSettings, folder: Path) -> list[Finding]:
    """Look at the folder of `projections.lake`."""
    lake = settings.projections.lake
    if lake is None:
        return []
    place = folder / lake.folder
    return [*_packages(lake.format), *_contents(place, folder / settings.projections.path), *_room(place)]


def _packages(format_: str) -> Iterator[Finding]:
    for load, needed in ((load_pyarrow, format_ == "parquet"), (load_duckdb, False)):
        try:
            load()
        except UsageError as error:
            yield Finding(not needed, str(error))


def _contents(place: Path, cursors: Path) -> Iterator[Finding]:
    if not exists(place):
        if has_begun(cursors):
            yield Finding(False, GONE.format(place))
        else:
            yield Finding(True, f"there is no lake in {place} yet; the hub begins it")
        return
    try:
        tables = survey(place).tables
    except StorageError as error:
        yield Finding(False, str(error))
        return
    files, rows = sum(table.files for table in tables), sum(table.rows for table in tables)
    yield Finding(True, f"the lake {place} has {rows:,} rows in {files:,} files; `wardline lake verify` reads them all")


def _room(place: Path) -> Iterator[Finding]:
    there = next(path for path in (place, *place.parents) if path.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        yield Finding(False, f"{there} may not be written by this user; run this as the hub's, or give it the right")
        return
    free = shutil.disk_usage(there).free
    said = f"{free / 2**30:.1f} GB are free for the lake in {there}"
    yield Finding(free >= LEAST_FREE_BYTES, said if free >= LEAST_FREE_BYTES else f"only {said}; free some space")
