"""Files of the lake: rows in, a Parquet or JSON file out, and back the keys of what is in one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from hub.console.times import parse_time
from hub.export.formats import objects
from hub.export.parquet import arrow_table, load_pyarrow, schema_of
from hub.export.tables import Row, Table
from hub.projections.lake.tables import PARTITIONS

SUFFIXES = {"parquet": ".parquet", "jsonl": ".jsonl"}
GROUP_ROWS = 500_000  # of a row group in a merged file


def write_rows(path: Path, table: Table, rows: Sequence[Row]) -> None:
    """A file with `rows`, on the disk when this returns. Raises OSError."""
    with path.open("wb") as file:
        if path.suffix == ".parquet":
            made = arrow_table(table, schema_of(table, PARTITIONS), rows)
            load_pyarrow().parquet.write_table(made, file, compression="zstd")
        else:
            object_of = objects(table)
            file.writelines(_line(object_of(row)) for row in rows)
        _settle(file)


def merge(path: Path, table: Table, parts: Iterable[Path]) -> None:
    """A file with the rows of `parts`, in their order, on the disk when this returns. Raises OSError."""
    with path.open("wb") as file:
        if path.suffix == ".parquet":
            _merge_parquet(file, table, parts)
        else:
            for part in parts:
                with part.open("rb") as source:
                    while piece := source.read(1 << 20):
                        file.write(piece)
        _settle(file)


def _merge_parquet(file: BinaryIO, table: Table, parts: Iterable[Path]) -> None:
    arrow = load_pyarrow()
    schema = schema_of(table, PARTITIONS)
    with arrow.parquet.ParquetWriter(file, schema, compression="zstd") as writer:
        waiting: list[Any] = []
        count = 0
        for part in parts:
            with arrow.parquet.ParquetFile(part) as source:
                for number in range(source.num_row_groups):
                    waiting.append(source.read_row_group(number).cast(schema))
                    count += waiting[-1].num_rows
                    if count >= GROUP_ROWS:
                        writer.write_table(arrow.concat_tables(waiting), row_group_size=GROUP_ROWS)
                        waiting, count = [], 0
        if waiting:
            writer.write_table(arrow.concat_tables(waiting), row_group_size=GROUP_ROWS)


def checksum(path: Path) -> tuple[int, str]:
    """How many bytes a file has, and their SHA-256. Raises OSError."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def count_rows(path: Path) -> int:
    """How many rows a file has. Raises OSError or ValueError when it cannot be read."""
    if path.suffix == ".parquet":
        with load_pyarrow().parquet.ParquetFile(path) as source:
            return int(source.metadata.num_rows)
    with path.open("rb") as file:
        return sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))


def keys_in(path: Path, table: Table, times: tuple[int, int]) -> Iterator[Row]:
    """The key of each row with a time from `times[0]` to `times[1]`, as `key_of` would make it."""
    names = key_names(table)
    if path.suffix == ".parquet":
        arrow = load_pyarrow()
        low, high = (arrow.scalar(time, arrow.timestamp("ms", tz="UTC")) for time in times)
        found = arrow.parquet.read_table(
            path, columns=list(dict.fromkeys((*names, "time"))), filters=[("time", ">=", low), ("time", "<=", high)]
        )
        columns = [_plain(arrow, found.column(name)) for name in names]
        yield from set(zip(*columns, strict=True))
        return
    kinds = {column.name: column.kind for column in table.columns}
    with path.open("rb") as file:
        for line in file:
            said = msgspec.json.decode(line)
            if times[0] <= parse_time("time", said["time"]) <= times[1]:
                yield tuple(parse_time(name, said[name]) if kinds[name] == "time" else said[name] for name in names)


def key_names(table: Table) -> tuple[str, ...]:
    """The columns of the key that stand in the files."""
    return tuple(name for name in table.key if name not in PARTITIONS)


def key_of(table: Table, row: Row) -> Row:
    """What tells the entry of a row from every other of its date and ward."""
    names = table.names
    return tuple(row[names.index(name)] for name in key_names(table))


def _plain(arrow: Any, column: Any) -> list[Any]:
    whole: list[Any] = (column.cast(arrow.int64()) if arrow.types.is_timestamp(column.type) else column).to_pylist()
    return whole


def _line(said: dict[str, Any]) -> bytes:
    return msgspec.json.encode({name: value for name, value in said.items() if name not in PARTITIONS}) + b"\n"


def _settle(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
