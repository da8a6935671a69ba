"""Questions to a lake in SQL: DuckDB, with a view per table and without any other file, setting or extension."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from hub.export.tables import Kind, Table
from hub.projections.lake.files import SUFFIXES
from hub.projections.lake.lake import locate, readers
from hub.projections.lake.tables import PARTITIONS, TABLES
from hub.projections.lake.verify import files_of
from vitals.errors import StorageError, UsageError

MEMORY = "1GB"  # past it DuckDB goes on in temporary files: the hub needs the rest, and half of the cores
BATCH = 10_000
_ALLOWED = ("SELECT", "EXPLAIN")

_TYPES: dict[Kind, str] = {
    "text": "VARCHAR",
    "whole": "BIGINT",
    "number": "DOUBLE",
    "time": "TIMESTAMPTZ",
    "truth": "BOOLEAN",
    "samples": "SMALLINT[]",
}


class Answer(NamedTuple):
    """The columns of an answer, and its rows in portions."""

    names: list[str]
    portions: Iterator[list[tuple[Any, ...]]]


@contextmanager
def ask(folder: Path, sql: str) -> Iterator[Answer]:
    """The answer to `sql`, which may only read. Raises UsageError when it makes no sense, or StorageError."""
    duckdb = load_duckdb()
    _refuse_changes(duckdb, sql)
    with readers(folder), tempfile.TemporaryDirectory(prefix="wardline-query-") as room:
        database = duckdb.connect(config={"autoinstall_known_extensions": False})
        try:
            try:
                _prepare(database, folder, room)
                reader = database.sql(sql).to_arrow_reader(BATCH)
            except duckdb.Error as error:
                raise _said(duckdb, error) from error
            yield Answer(list(reader.schema.names), _portions(duckdb, reader))
        finally:
            database.close()


def load_duckdb() -> Any:
    """The module. Raises UsageError that says how to install it."""
    try:
        import duckdb
        import pyarrow  # noqa: F401 - rows come over by it
    except ImportError as error:
        raise UsageError("questions need DuckDB: pip install 'wardline[lake]'") from error
    return duckdb


def _refuse_changes(duckdb: Any, sql: str) -> None:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise _said(duckdb, error) from error
    if len(statements) != 1 or statements[0].type.name not in _ALLOWED:
        raise UsageError(f"one question at a time, and questions only: {' or '.join(_ALLOWED)}; the lake is read-only")


def _prepare(database: Any, folder: Path, room: str) -> None:
    """Make the views, then lock every door: only the files of the lake can be read, and nothing be written."""
    files: dict[str, list[str]] = {name: [] for name in TABLES}
    for name in files_of(folder):
        files[name.partition("/")[0]].append(str(_steady(folder, name, Path(room))))
    database.execute("SET TimeZone = 'UTC'")
    database.execute(f"SET memory_limit = '{MEMORY}'")
    database.execute(f"SET threads = {max(1, (os.cpu_count() or 1) // 2)}")
    database.execute(f"SET temp_directory = {_quoted(room)}")
    database.execute(f"SET allowed_paths = {_listed([path for paths in files.values() for path in paths])}")
    for name, paths in files.items():
        database.execute(f"CREATE VIEW {name} AS {_view(TABLES[name], paths)}")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")


def _steady(folder: Path, name: str, room: Path) -> Path:
    """Where a file is for as long as the question takes: of one that waits to be put in its place, a copy in `room`.

    The folders of its name are columns of the table, and the place it waits in has none.
    """
    path = folder / name
    if not path.exists():
        copy = room / "lake" / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # it is in its place by now
            return Path(shutil.copyfile(locate(folder, name), copy))
    return path.resolve()


def _view(table: Table, paths: Sequence[str]) -> str:
    """The columns of the table, in their order, after the date; typed even while there is no file."""
    types = {column.name: _TYPES[column.kind] for column in table.columns}
    within = {name: kind for name, kind in types.items() if name not in PARTITIONS}
    hive = "hive_partitioning = true, hive_types = {'date': DATE, 'ward': VARCHAR}"
    empty = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in {"date": "DATE", **types}.items())
    parts = [f"SELECT {empty} WHERE false"]
    of = {suffix: [path for path in paths if path.endswith(suffix)] for suffix in SUFFIXES.values()}
    if of[".parquet"]:
        parts.append(f"SELECT * FROM read_parquet({_listed(of['.parquet'])}, union_by_name = true, {hive})")
    if of[".jsonl"]:
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in within.items())
        how = f"format = 'newline_delimited', columns = {{{columns}}}, {hive}"
        parts.append(f"SELECT * FROM read_json({_listed(of['.jsonl'])}, {how})")
    return " UNION ALL BY NAME ".join(parts)


def _portions(duckdb: Any, reader: Any) -> Iterator[list[tuple[Any, ...]]]:
    try:
        for batch in reader:
            yield list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    except (duckdb.Error, OSError) as error:
        raise _said(duckdb, error) from error


def _said(duckdb: Any, error: Exception) -> Exception:
    """The error in words of ours: who must act."""
    text = " ".join(str(error).split("\n\nLINE", 1)[0].split())
    if isinstance(error, duckdb.PermissionException):
        return UsageError(f"a question may read the tables of the lake and nothing else: {', '.join(TABLES)}")
    if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException | OSError) or "/part-" in text:
        return StorageError(f"cannot read the lake: {text}; `wardline lake verify` says more")
    return UsageError(f"{text} (tables: {', '.join(TABLES)})")


def _listed(paths: Sequence[str]) -> str:
    return f"[{', '.join(map(_quoted, paths))}]"


def _quoted(text: str) -> str:
    escaped = text.replace("'", "''")
    return f"'{escaped}'"
