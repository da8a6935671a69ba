"""The schema: which version a database has, and the way to the version of this program, under a lock."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from vitals.errors import LinkError, UsageError

VERSION_TABLE = "wardline_schema"
LOCK = "wardline_schema"
LOCK_NUMBER = 0x57415244  # "WARD", for the servers that lock numbers
LOCK_WAIT_S = 10.0

_MIGRATIONS = Path(__file__).parent / "migrations"

log = logging.getLogger(__name__)


def bring_up_to_date(connection: Connection, where: str) -> str:
    """Apply the versions the database lacks; the version it has now.

    Raises UsageError when the database is ahead of this program, LinkError while somebody else changes it, and
    whatever the driver raises.
    """
    head = newest()
    if version(connection, where) == head:
        return head
    with _lock(connection, where):
        if version(connection, where) != head:  # another hub may have done it meanwhile
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            log.info("the tables of %s are of version %s now", where, head)
    return head


def newest() -> str:
    """The version of this program's tables."""
    head = ScriptDirectory(str(_MIGRATIONS)).get_current_head()
    assert head is not None
    return head


def version(connection: Connection, where: str) -> str | None:
    """The version a database has; None before the first. Raises UsageError when it is ahead of this program."""
    found = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    connection.rollback()  # nothing was written; no lock on the table outlives the look
    if found is not None and found not in {one.revision for one in ScriptDirectory(str(_MIGRATIONS)).walk_revisions()}:
        raise UsageError(f"{where} has tables of a newer version ({found}) than this program; update wardline")
    return found


def statements(dialect: str) -> str:
    """What `bring_up_to_date` would say to an empty database, for somebody who wants to say it himself."""
    config = _config(io.StringIO())
    config.attributes["dialect"] = dialect
    command.upgrade(config, "head", sql=True)
    printed = config.output_buffer
    assert isinstance(printed, io.StringIO)
    return printed.getvalue()


def _config(output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output) if output is not None else Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config


@contextmanager
def _lock(connection: Connection, where: str) -> Iterator[None]:
    """One at a time. The lock goes with the connection, so a killed hub leaves none."""
    postgres = connection.dialect.name == "postgresql"
    take = f"SELECT pg_try_advisory_lock({LOCK_NUMBER})" if postgres else f"SELECT GET_LOCK('{LOCK}', 0)"
    give = f"SELECT pg_advisory_unlock({LOCK_NUMBER})" if postgres else f"SELECT RELEASE_LOCK('{LOCK}')"
    deadline = time.monotonic() + LOCK_WAIT_S
    while not connection.execute(text(take)).scalar():
        connection.rollback()
        if time.monotonic() > deadline:
            raise LinkError(f"somebody else is changing the tables of {where}; waiting")
        time.sleep(0.1)
    connection.rollback()  # the lock is the session's and stays
    try:
        yield
    finally:
        if not connection.invalidated:
            connection.rollback()
            connection.execute(text(give))
            connection.rollback()
