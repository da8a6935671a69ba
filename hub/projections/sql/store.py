"""The store: one connection to one database, a transaction per batch, and every error judged."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC
from typing import Any

from sqlalchemy import URL, Connection, Engine, Table, create_engine, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from hub.projections.sink import PoisonError
from hub.projections.sql.answers import judge
from hub.projections.sql.bulk import Bulk, Copy, Upsert
from hub.projections.sql.cells import Cell, Cells
from hub.projections.sql.rows import Line
from hub.projections.sql.schema import bring_up_to_date, newest, version
from vitals.errors import UsageError

CONNECT_TIMEOUT_S = 10
GRACE_S = 2.0  # a server that ends its own work in time is not cut off
# Whoever calls a MariaDB a MySQL, or the reverse, is understood.
_DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql", "mariadb": "mysql+pymysql"}
_TITLES = {"postgresql": "PostgreSQL", "mysql": "MySQL", "mariadb": "MariaDB"}


class Store:
    """One database. Its methods raise LinkError, UsageError or PoisonError, and no other."""

    def __init__(self, url: str, password: str | None, timeout_ms: int, *, user: str | None = None) -> None:
        self._url = _address(url, user, password)
        title = _TITLES[url.partition(":")[0]]
        self.where = f"{title} database {self._url.database} at {self._url.host or 'this machine'}"
        self._timeout_s = timeout_ms / 1000
        self._bulk: Bulk = Copy(timeout_ms) if self._backend == "postgresql" else Upsert(timeout_ms)
        self._errors: tuple[type[Exception], ...] = (SQLAlchemyError, OSError)
        self._connection: Connection | None = None

    @property
    def cells(self) -> Cells:
        """How rows are to be written."""
        return self._bulk.cells

    def open(self) -> None:
        """Connect for writing; if the tables are not up to date, that comes first."""
        if self.version() != newest():
            self.migrate()
        with self._judged():
            self._connection = self._engine(self._timeout_s).connect()
            with self._deadline(self._driver):
                self._bulk.begin(self._driver)

    def migrate(self) -> str:
        """Bring the tables up to date; their version. No limit on time: the tables of years are slow to change."""
        with self._judged(), self._engine(None).connect() as connection:
            return bring_up_to_date(connection, self.where)

    def version(self) -> str | None:
        """The version of the tables; None: there are none yet."""
        with self._judged(), contextlib.ExitStack() as stack:
            connection = stack.enter_context(self._engine(self._timeout_s).connect())
            stack.enter_context(self._deadline(connection.connection.driver_connection))
            return version(connection, self.where)

    @property
    def newest(self) -> str:
        """The version of this program's tables."""
        return newest()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """All of what is put inside, or nothing of it; durable when it ends."""
        with self._judged(), self._deadline(self._driver):
            try:
                yield
                self._driver.commit()
            except BaseException:
                with contextlib.suppress(Exception):  # a lost connection: the server has rolled back by itself
                    self._driver.rollback()
                raise

    def put(self, table: Table, rows: Sequence[Sequence[Cell]]) -> None:
        """Write rows given as values; inside a transaction."""
        self.put_text(table, [self.cells.row(row) for row in rows])

    def put_text(self, table: Table, rows: Sequence[str]) -> None:
        """Write rows that are text already; inside a transaction."""
        if rows:
            self._bulk.put(self._driver, table, rows)

    def history(self, journal: str, tickets: Sequence[int]) -> list[Line]:
        """What the database tells of tickets, oldest first; inside a transaction."""
        query = (
            "SELECT entry, ticket, time, kind, person, text FROM ticket_events"
            f" WHERE journal = %s AND ticket IN ({', '.join(['%s'] * len(tickets))}) ORDER BY entry"
        )
        with self._driver.cursor() as cursor:
            cursor.execute(query, (journal, *tickets))
            rows = cursor.fetchall()
        return [
            Line(entry, ticket, round((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp() * 1000), *rest)
            for entry, ticket, time, *rest in rows
        ]

    def close(self) -> None:
        """Let go of the connection; may be called twice."""
        if self._connection is not None:
            with contextlib.suppress(Exception):  # nobody could act on it
                self._connection.close()
        self._connection = None

    @property
    def _backend(self) -> str:
        return self._url.get_backend_name()

    @property
    def _driver(self) -> Any:
        assert self._connection is not None
        return self._connection.connection.driver_connection

    def _engine(self, timeout_s: float | None) -> Engine:
        seconds = CONNECT_TIMEOUT_S if timeout_s is None else min(CONNECT_TIMEOUT_S, math.ceil(timeout_s) + 1)
        arguments: dict[str, Any] = {"connect_timeout": seconds}
        if self._backend == "postgresql":
            arguments |= {"application_name": "wardline", "keepalives_idle": 30, "keepalives_interval": 10}
        else:
            arguments |= {"charset": "utf8mb4", "read_timeout": timeout_s, "write_timeout": timeout_s}
        # Nothing is asked of a connection that is given back: it is closed, and may have been lost long before.
        engine = create_engine(self._url, poolclass=NullPool, pool_reset_on_return=None, connect_args=arguments)
        self._errors = (SQLAlchemyError, OSError, engine.dialect.loaded_dbapi.Error)
        return engine

    @contextlib.contextmanager
    def _judged(self) -> Iterator[None]:
        try:
            yield
        except UnicodeEncodeError as error:
            raise PoisonError(f"cannot be written as UTF-8: {error.reason}") from error
        except Exception as error:
            if isinstance(error, self._errors):
                raise judge(error, self.where) from error
            raise

    @contextlib.contextmanager
    def _deadline(self, connection: Any) -> Iterator[None]:
        """Cut the line of a PostgreSQL that has stopped answering: its client would wait for ever."""
        if self._backend != "postgresql":
            yield
            return
        timer = threading.Timer(self._timeout_s + GRACE_S, _cut, (connection,))
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _cut(connection: Any) -> None:
    with contextlib.suppress(Exception), socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.shutdown(socket.SHUT_RDWR)


def _address(url: str, user: str | None, password: str | None) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise UsageError(f"projections.sql.url cannot be read: {error}") from error
    driver = _DRIVERS[parsed.get_backend_name()]
    return parsed.set(drivername=driver, username=user or parsed.username, password=password)
