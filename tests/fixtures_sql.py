"""Real SQL servers for tests: Debian's PostgreSQL and MariaDB on loopback, in folders and under users of their own.

A conftest imports the fixtures it needs by name.
"""

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pymysql
import pytest

from hub.settings import SqlSettings
from tests.fixtures_influx import find_binary, free_port, wait_for
from vitals.durations import Duration

PASSWORD = "ward-sql-test"
TIMEOUT = Duration(5_000)
ADMIN = "wardtest"
_POSTGRES = "/usr/lib/postgresql"  # Debian keeps initdb and postgres out of the PATH

_POSTGRESQL_CONF = """
listen_addresses = '127.0.0.1'
port = {port}
unix_socket_directories = '{folder}'
max_connections = 40
shared_buffers = 64MB
logging_collector = off
log_min_messages = fatal
"""


# What makes a table answer as a full disk does, and, last, what ends it.
FULL = {
    "postgresql": (
        "CREATE OR REPLACE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$",
        "CREATE TRIGGER full_disk BEFORE INSERT ON vital_values FOR EACH ROW EXECUTE FUNCTION full_disk()",
        "DROP TRIGGER full_disk ON vital_values",
    ),
    "mariadb": (
        "CREATE TRIGGER full_disk BEFORE INSERT ON vital_values FOR EACH ROW"
        " SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = 1021, MESSAGE_TEXT = 'Disk full'",
        "DROP TRIGGER full_disk",
    ),
}


class SqlServer:
    """What both servers have in common: a process that can be stopped, killed, frozen and started again."""

    kind = ""

    def __init__(self, binary: str, folder: Path, user: str | None) -> None:
        self.binary = binary
        self.folder = folder
        self.user = user
        self.port = free_port()
        self.process: subprocess.Popen | None = None
        self._numbers = itertools.count(1)

    def start(self, *words: str) -> None:
        """Start it and wait until it answers a query."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.command(), *words], stdout=log, stderr=log, user=self.user, cwd=self.folder, env=_plain()
            )
        wait_for(self._answers, f"{self.kind}: {(self.folder / 'log').read_text()[-2000:]}", 60)

    def stop(self) -> None:
        """End it in an orderly way that does not wait for clients."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.farewell)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """End it at once, with everything it started."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=30)

    def restart(self, *words: str) -> None:
        """Stop it and start it again on the same port."""
        self.stop()
        self.start(*words)

    def signal(self, number: int) -> None:
        """Send a signal to the server alone."""
        assert self.process is not None
        self.process.send_signal(number)

    def new_database(self) -> "Database":
        """A database nobody else uses, and a user that owns it."""
        return self.make(f"ward_{next(self._numbers)}")

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"{self.kind} ended: {(self.folder / 'log').read_text()[-2000:]}"
        with contextlib.suppress(psycopg.Error, pymysql.Error):
            self.admin("SELECT 1")
            return True
        return False


class Postgres(SqlServer):
    """One PostgreSQL; clients over TCP need a password."""

    kind = "postgresql"
    farewell = signal.SIGINT  # "fast": clients are thrown out

    def command(self) -> list[str]:
        return [self.binary, "-D", str(self.folder / "data")]

    def prepare(self, initdb: str) -> None:
        """Make its files."""
        secret = self.folder / "secret"
        secret.write_text(PASSWORD)
        give(self.folder, self.user)
        words = [initdb, "-D", str(self.folder / "data"), "-U", ADMIN, f"--pwfile={secret}", "--no-sync"]
        words += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        subprocess.run(words, check=True, capture_output=True, user=self.user, cwd=self.folder, env=_plain())
        with (self.folder / "data" / "postgresql.conf").open("a") as conf:
            conf.write(_POSTGRESQL_CONF.format(port=self.port, folder=self.folder))

    def admin(self, query: str, *values, database: str = "postgres") -> list[tuple]:
        """Rows of a query, asked as the server's owner."""
        return self.ask(query, *values, database=database, user=ADMIN)

    def ask(self, query: str, *values, database: str, user: str) -> list[tuple]:
        """Rows of a query."""
        login = {"host": "127.0.0.1", "port": self.port, "user": user, "password": PASSWORD, "dbname": database}
        with psycopg.connect(**login, autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(query, values or None)
            return cursor.fetchall() if cursor.description else []

    def make(self, name: str) -> "Database":
        self.admin(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        self.admin(f"CREATE DATABASE {name} OWNER {name}")
        return Database(self, name, name)


class Mariadb(SqlServer):
    """One MariaDB; clients over TCP need a password."""

    kind = "mariadb"
    farewell = signal.SIGTERM

    def command(self) -> list[str]:
        words = [self.binary, "--no-defaults", f"--datadir={self.folder}/data", f"--port={self.port}"]
        words += ["--bind-address=127.0.0.1", f"--socket={self.folder}/socket", f"--pid-file={self.folder}/pid"]
        words += ["--innodb-buffer-pool-size=64M", "--innodb-log-file-size=48M", "--skip-name-resolve"]
        return words

    def prepare(self, install: str) -> None:
        """Make its files, and the login of its owner."""
        give(self.folder, self.user)
        words = [install, "--no-defaults", f"--datadir={self.folder}/data", "--skip-test-db", "--skip-name-resolve"]
        words += ["--auth-root-authentication-method=normal"]
        subprocess.run(words, check=True, capture_output=True, user=self.user, cwd=self.folder, env=_plain())
        self.init = self.folder / "init.sql"
        self.init.write_text(
            f"CREATE USER IF NOT EXISTS {ADMIN}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
            f"GRANT ALL ON *.* TO {ADMIN}@'127.0.0.1' WITH GRANT OPTION;\n"
        )
        give(self.folder, self.user)

    def start(self, *words: str) -> None:
        super().start(f"--init-file={self.init}", *words)

    def admin(self, query: str, *values, database: str = "") -> list[tuple]:
        """Rows of a query, asked as the server's owner."""
        return self.ask(query, *values, database=database, user=ADMIN)

    def ask(self, query: str, *values, database: str, user: str) -> list[tuple]:
        """Rows of a query."""
        login = {"host": "127.0.0.1", "port": self.port, "user": user, "password": PASSWORD}
        connection = pymysql.connect(**login, database=database or None, autocommit=True, connect_timeout=5)
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute("SET time_zone = '+00:00'")
            cursor.execute(query, values or None)
            return list(cursor.fetchall())

    def make(self, name: str) -> "Database":
        self.admin(f"CREATE DATABASE {name}")
        self.admin(f"CREATE USER {name}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        self.admin(f"GRANT ALL ON {name}.* TO {name}@'127.0.0.1'")
        return Database(self, name, name)


class Database:
    """One database of a server, and a user who may do everything in it."""

    def __init__(self, server: SqlServer, name: str, user: str) -> None:
        self.server = server
        self.name = name
        self.user = user

    @property
    def kind(self) -> str:
        return self.server.kind

    @property
    def url(self) -> str:
        """As in the settings: without a password."""
        return f"{self.kind}://{self.user}@127.0.0.1:{self.server.port}/{self.name}"

    def query(self, query: str, *values) -> list[tuple]:
        """Rows of a query, asked as the database's user."""
        return self.server.ask(query, *values, database=self.name, user=self.user)

    def count(self, table: str) -> int:
        """How many rows; 0 while the table is not there."""
        with contextlib.suppress(psycopg.errors.UndefinedTable, pymysql.err.ProgrammingError):
            return self.query(f"SELECT count(*) FROM {table}")[0][0]
        return 0

    def rows(self, table: str) -> list[tuple]:
        """Every row, in an order that depends on the rows alone."""
        return sorted(self.query(f"SELECT * FROM {table}"), key=repr)


def give(folder: Path, user: str | None) -> None:
    """Make `folder` and what is in it the user's, who may be another one than ours."""
    if user is None:
        return
    for path in [folder, *folder.rglob("*")]:
        shutil.chown(path, user)


def server_user(*names: str) -> str | None:
    """Who runs a server that refuses to be run by root; None: we do."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in (*names, "nobody") if name in known)


def _plain() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


def _postgres_binary(name: str) -> str:
    found = sorted(Path(_POSTGRES).glob(f"*/bin/{name}"))
    return str(found[-1]) if found else find_binary(name, "postgresql")


@contextlib.contextmanager
def _folder():
    # Not below pytest's own folders: those are closed to the user the server runs as.
    folder = Path(tempfile.mkdtemp(prefix="wardline-sql-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def new_postgres():
    """A PostgreSQL that runs until the end of the block."""
    binary, initdb = _postgres_binary("postgres"), _postgres_binary("initdb")
    with _folder() as folder:
        server = Postgres(binary, folder, server_user("postgres"))
        server.prepare(initdb)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@contextlib.contextmanager
def new_mariadb():
    """A MariaDB that runs until the end of the block."""
    binary = find_binary("mariadbd", "mariadb-server")
    install = find_binary("mariadb-install-db", "mariadb-server")
    with _folder() as folder:
        server = Mariadb(binary, folder, server_user("mysql"))
        server.prepare(install)
        server.start()
        try:
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def postgres_server():
    """One PostgreSQL for the whole session; tests take a database of their own."""
    with new_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb_server():
    """One MariaDB for the whole session; tests take a database of their own."""
    with new_mariadb() as server:
        yield server


EACH_SERVER = (
    pytest.param("postgres", marks=pytest.mark.postgres),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
)


@pytest.fixture(params=EACH_SERVER)
def sql_server(request):
    """Each server in turn, shared."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture
def sql_settings(tmp_path):
    """Settings of the projection into a database: sql_settings(database, patients=True)."""

    def make(database, **given):
        secret = tmp_path / "sql-password"
        if not secret.exists():
            secret.write_text(PASSWORD)
            secret.chmod(0o600)
        return SqlSettings(**{"url": database.url, "password": "file:sql-password", "timeout": TIMEOUT} | given)

    return make


@pytest.fixture
def database(sql_server):
    """A database of the test's own, on each server in turn."""
    return sql_server.new_database()


@pytest.fixture(params=EACH_SERVER)
def stoppable_database(request):
    """A database on a server of the test's own, to be stopped, killed and frozen; each server in turn."""
    made = {"postgres": new_postgres, "mariadb": new_mariadb}[request.param]
    with made() as server:
        yield server.new_database()
