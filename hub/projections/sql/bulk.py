"""Bulk paths: many rows into one table in one go, new ones inserted, older ones brought up to date.

Rows are text, as `cells` of the same server make them; the rows of one call differ in their keys.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from sqlalchemy import Table

from hub.projections.sql.cells import Cells, CopyCells, LiteralCells
from hub.projections.sql.tables import METADATA
from vitals.errors import UsageError

STATEMENT_CHARACTERS = 500_000  # of one statement of MariaDB; more gains nothing


class Bulk(Protocol):
    """One server's way. Each method raises what the driver raises."""

    @property
    def cells(self) -> Cells:
        """How its rows are made."""

    def begin(self, connection: Any) -> None:
        """Get a new connection of the driver ready."""

    def put(self, connection: Any, table: Table, rows: Sequence[str]) -> None:
        """Write rows in the transaction that is open."""


class Copy:
    """PostgreSQL: COPY into a temporary table, then one INSERT … ON CONFLICT from there."""

    cells = CopyCells()

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms

    def begin(self, connection: Any) -> None:
        """Durable commits, whatever the role's default, an end to every wait, and tables for staging."""
        with connection.cursor() as cursor:
            (encoding,) = cursor.execute("SHOW server_encoding").fetchone()
            if encoding != "UTF8":
                raise UsageError(f"the PostgreSQL database is encoded as {encoding}; create one with ENCODING 'UTF8'")
            cursor.execute("SET synchronous_commit = on")
            cursor.execute(f"SET statement_timeout = {self._timeout_ms}")
            cursor.execute(f"SET lock_timeout = {self._timeout_ms}")
            for table in METADATA.tables:
                cursor.execute(f"CREATE TEMPORARY TABLE {_stage(table)} (LIKE {table}) ON COMMIT DELETE ROWS")
        connection.commit()

    def put(self, connection: Any, table: Table, rows: Sequence[str]) -> None:
        """As promised."""
        stage = _stage(table.name)
        with connection.cursor() as cursor:
            columns = ", ".join(column.name for column in table.columns)
            with cursor.copy(f"COPY {stage} ({columns}) FROM STDIN") as copy:
                copy.write("\n".join(rows) + "\n")
            cursor.execute(f"INSERT INTO {table.name} ({columns}) SELECT {columns} FROM {stage} {on_conflict(table)}")


class Upsert:
    """MariaDB and MySQL: INSERT … ON DUPLICATE KEY UPDATE of as many rows as fit into a statement."""

    cells = LiteralCells()

    def __init__(self, timeout_ms: int) -> None:
        self._timeout_ms = timeout_ms
        self._characters = STATEMENT_CHARACTERS

    def begin(self, connection: Any) -> None:
        """Nothing is cut or bent to fit, times are UTC, and no wait for a lock is endless."""
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00'")
            cursor.execute(f"SET SESSION innodb_lock_wait_timeout = {max(1, self._timeout_ms // 1000)}")
            cursor.execute("SELECT @@max_allowed_packet")
            (packet,) = cursor.fetchone()
            self._characters = min(STATEMENT_CHARACTERS, int(packet) // 5)  # a character is up to four bytes
        connection.commit()

    def put(self, connection: Any, table: Table, rows: Sequence[str]) -> None:
        """As promised."""
        columns = ", ".join(column.name for column in table.columns)
        head, tail = f"INSERT INTO {table.name} ({columns}) VALUES (", f") {on_duplicate(table)}"
        with connection.cursor() as cursor:
            for part in _parts(rows, self._characters):
                cursor.execute(head + "),(".join(part) + tail)


def on_conflict(table: Table) -> str:
    """PostgreSQL's end of the INSERT: a row that says nothing new is not written again."""
    key = [column.name for column in table.primary_key.columns]
    rest = [column.name for column in table.columns if column.name not in key]
    newer = table.info["newer"]
    there, comes = (", ".join(f"{side}.{column}" for column in rest) for side in (table.name, "excluded"))
    sets = ", ".join(f"{column} = excluded.{column}" for column in rest)
    where = f"({there}) IS DISTINCT FROM ({comes})"
    if newer:
        known, given = (", ".join(f"{side}.{column}" for column in newer) for side in (table.name, "excluded"))
        where = f"({given}) >= ({known}) AND {where}"
    return f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {sets} WHERE {where}"


def on_duplicate(table: Table) -> str:
    """MariaDB's end of the INSERT. Assignments see those before them: what tells which row is newer changes last."""
    key = [column.name for column in table.primary_key.columns]
    newer: tuple[str, ...] = table.info["newer"]
    rest = [column.name for column in table.columns if column.name not in (*key, *newer)]
    if not newer:
        return "ON DUPLICATE KEY UPDATE " + ", ".join(f"{column} = VALUES({column})" for column in rest)
    given = ", ".join(f"VALUES({column})" for column in newer)
    test = f"({given}) >= ({', '.join(newer)})"
    sets = [f"{column} = IF({test}, VALUES({column}), {column})" for column in (*rest, *reversed(newer))]
    return "ON DUPLICATE KEY UPDATE " + ", ".join(sets)


def _stage(table: str) -> str:
    return f"wardline_put_{table}"


def _parts(rows: Sequence[str], characters: int) -> Iterator[list[str]]:
    part: list[str] = []
    length = 0
    for row in rows:
        if part and length + len(row) > characters:
            yield part
            part, length = [], 0
        part.append(row)
        length += len(row) + 3
    if part:
        yield part
