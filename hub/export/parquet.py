"""Parquet: rows of a table in, a file for pandas, Spark, DuckDB and Power BI out. Needs pyarrow."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hub.export.tables import Kind, Row, Table
from vitals.errors import UsageError
from vitals.waves import NO_SAMPLE

if TYPE_CHECKING:
    import pyarrow as pa

GROUP_ROWS = 100_000  # of one row group: what a reader can skip, and what is in memory at once


def load_pyarrow() -> Any:
    """The module. Raises UsageError that says how to install it."""
    try:
        import pyarrow.compute
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("Parquet needs pyarrow: pip install 'wardline[lake]'") from error
    return pyarrow


def schema_of(table: Table, leave_out: Sequence[str] = ()) -> pa.Schema:
    """The columns as Parquet knows them; times carry their zone."""
    arrow = load_pyarrow()
    types: dict[Kind, Any] = {
        "text": arrow.string(),
        "whole": arrow.int64(),
        "number": arrow.float64(),
        "time": arrow.timestamp("ms", tz="UTC"),
        "truth": arrow.bool_(),
        "samples": arrow.list_(arrow.int16()),
    }
    return arrow.schema([(column.name, types[column.kind]) for column in table.columns if column.name not in leave_out])


def arrow_table(table: Table, schema: pa.Schema, rows: Sequence[Row]) -> pa.Table:
    """The rows as columns of `schema`."""
    arrow = load_pyarrow()
    found: dict[str, Any] = dict.fromkeys(table.names, ())
    found |= zip(table.names, zip(*rows, strict=True), strict=False)
    return arrow.Table.from_arrays([_column(arrow, found[field.name], field.type) for field in schema], schema=schema)


def _column(arrow: Any, cells: Sequence[Any], type_: Any) -> Any:
    """The cells as an array. Samples stay bytes until here: as numbers of Python they would be many times as large."""
    if not arrow.types.is_list(type_):
        return arrow.array(cells, type_)
    raw = b"".join(cells)
    values = arrow.Array.from_buffers(type_.value_type, len(raw) // 2, [None, arrow.py_buffer(raw)])
    values = arrow.compute.if_else(arrow.compute.equal(values, NO_SAMPLE), None, values)
    ends = itertools.accumulate((len(cell) // 2 for cell in cells), initial=0)
    return arrow.ListArray.from_arrays(arrow.array(ends, arrow.int32()), values.cast(type_.value_type))


class ParquetFormat:
    """One file in row groups of GROUP_ROWS; memory holds one group."""

    def __init__(self, table: Table) -> None:
        arrow = load_pyarrow()
        self._table = table
        self._schema = schema_of(table)
        self._ready = _Pipe()
        self._rows: list[Row] = []
        self._writer = arrow.parquet.ParquetWriter(
            arrow.PythonFile(self._ready, mode="w"), self._schema, compression="zstd"
        )

    def begin(self) -> bytes:
        """The mark every Parquet file begins with."""
        return self._ready.take()

    def rows(self, rows: Sequence[Row]) -> bytes:
        """Bytes whenever a row group is full."""
        self._rows += rows
        if len(self._rows) >= GROUP_ROWS:
            self._flush()
        return self._ready.take()

    def end(self) -> bytes:
        """The last row group, and the directory of all of them."""
        if self._rows:
            self._flush()
        self._writer.close()
        return self._ready.take()

    def _flush(self) -> None:
        self._writer.write_table(arrow_table(self._table, self._schema, self._rows))
        self._rows = []


class _Pipe:
    """A file to write to that gives its bytes away at once."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing waits here."""

    def close(self) -> None:
        self.closed = True

    def take(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
