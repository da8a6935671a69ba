"""What real PostgreSQL and MariaDB servers answer when something is wrong, and that everything is there afterwards."""

import contextlib
import os
import signal
import sys
import threading
import time

import pytest

from hub.projections.cursors import dead_letters, statuses
from hub.projections.sink import PoisonError
from hub.projections.sql import schema
from hub.projections.sql.sink import SqlSink
from hub.settings import BedSettings, HubSettings, ProjectionSettings, WardSettings
from tests.fixtures_influx import free_port, wait_for
from tests.fixtures_sql import (  # noqa: F401
    FULL,
    PASSWORD,
    database,
    mariadb_server,
    postgres_server,
    sql_server,
    sql_settings,
    stoppable_database,
)
from tests.hub.projections.test_sql import event, record, told
from vitals.durations import Duration
from vitals.errors import LinkError, StorageError, UsageError

SECOND = Duration(1_000)


@pytest.fixture
def sink_for(ward, sql_settings, tmp_path):  # noqa: F811
    """Sinks that are not open yet: sink_for(database, url=…)."""
    made = []

    def make(base, **given):
        sink = SqlSink(sql_settings(base, **given), tmp_path, "hub-1", ward.path)
        made.append(sink)
        return sink

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def settings(sql_settings):  # noqa: F811
    """Hub settings that project into a database."""

    def make(base, **given):
        return HubSettings(
            hub="hub-1",
            wards=[WardSettings(id="icu", beds=[BedSettings(id="7")])],
            projections=ProjectionSettings(sql=sql_settings(base, **{"batch": 20, "timeout": SECOND} | given)),
        )

    return make


def waiting(folder, words=""):
    """Whether the projection says that it waits, in these words."""
    with contextlib.suppress(StorageError):
        return any(one.state == "waiting" and words in one.error for one in statuses(folder / "projections.db"))
    return False


def replaced(base, **parts):
    """The address of a database with another part in it."""
    url = base.url
    for name, value in parts.items():
        url = url.replace({"name": f"/{base.name}", "port": f":{base.server.port}/"}[name], value)
    return url


# What a person must put right.


def test_a_wrong_password_is_said_and_a_corrected_one_needs_no_restart(
    database,  # noqa: F811
    ward,
    settings,
    project,
    tmp_path,
    caplog,
):
    given = settings(database)
    (tmp_path / "sql-password").write_text("another")
    ward.add(30)
    project(given)
    wait_for(lambda: waiting(tmp_path, "check projections.sql"), "the complaint")
    (tmp_path / "sql-password").write_text(PASSWORD)
    wait_for(lambda: database.count("vital_values") == 90, "the values")
    complaint = next(record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert "projection sql has stopped" in complaint
    assert PASSWORD not in caplog.text
    caplog.clear()


def test_a_missing_password_is_said(database, sink_for):  # noqa: F811
    with pytest.raises(UsageError, match="password"):
        sink_for(database, password=None).open()


def test_a_missing_database_is_said(database, sink_for):  # noqa: F811
    with pytest.raises(UsageError, match=r"nowhere.*check projections\.sql"):
        sink_for(database, url=replaced(database, name="/nowhere")).open()


def test_a_role_that_may_not_make_tables_is_told_so(database, sink_for):  # noqa: F811
    user, server = database.user, database.server
    if database.kind == "postgresql":
        server.admin(f"ALTER DATABASE {database.name} OWNER TO wardtest")
        server.admin("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database=database.name)
    else:
        server.admin(f"REVOKE CREATE ON {database.name}.* FROM {user}@'127.0.0.1'")
    with pytest.raises(UsageError, match="denied"):
        sink_for(database).open()


def test_a_role_that_may_only_read_and_write_rows_is_enough_once_the_tables_are_there(database, sink_for):  # noqa: F811
    sink_for(database).open()
    server = database.server
    if database.kind == "postgresql":
        server.admin(f"CREATE ROLE {database.name}_rw LOGIN PASSWORD '{PASSWORD}'")
        grant = f"GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA public TO {database.name}_rw"
        server.admin(grant, database=database.name)
    else:
        server.admin(f"CREATE USER {database.name}_rw@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        server.admin(f"GRANT SELECT, INSERT, UPDATE ON {database.name}.* TO {database.name}_rw@'127.0.0.1'")
    sink = sink_for(database, url=database.url.replace(f"//{database.user}@", f"//{database.name}_rw@"))
    sink.open()
    sink.write([record(1)])
    sink.write([told(1, "opened")])
    sink.write([told(2, "closed")])
    assert database.count("vital_values") == 3
    assert database.query("SELECT closed IS NULL FROM tickets") == [(0,)]


def test_rights_that_were_taken_away_are_no_fault_of_the_entry(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    server = database.server
    if database.kind == "postgresql":
        server.admin("ALTER TABLE vital_values OWNER TO wardtest", database=database.name)
    else:
        server.admin(f"REVOKE INSERT ON {database.name}.* FROM {database.user}@'127.0.0.1'")
        sink.close()  # MariaDB looks at the rights of a database when a client comes
        sink.open()
    with pytest.raises(UsageError, match="rights"):
        sink.write([record(1)])


def test_a_table_somebody_dropped_is_no_fault_of_the_entry(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    database.query("DROP VIEW patient_vitals")
    database.query("DROP TABLE vital_values")
    with pytest.raises(UsageError, match="vital_values"):
        sink.write([record(1)])


def test_a_schema_newer_than_the_program_is_left_alone(database, sink_for):  # noqa: F811
    sink_for(database).open()
    database.query("UPDATE wardline_schema SET version_num = '9999'")
    with pytest.raises(UsageError, match=r"newer version \(9999\).*update wardline"):
        sink_for(database).open()


def test_without_the_extra_it_is_named(database, sink_for, monkeypatch):  # noqa: F811
    monkeypatch.delitem(sys.modules, "hub.projections.sql.store", raising=False)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(UsageError, match=r"pip install 'wardline\[sql\]'"):
        sink_for(database).open()


def test_a_database_that_cannot_hold_every_word_is_refused(postgres_server, sink_for):  # noqa: F811
    base = postgres_server.new_database()
    postgres_server.admin(f"DROP DATABASE {base.name}")
    words = f"CREATE DATABASE {base.name} OWNER {base.user} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    postgres_server.admin(words)
    with pytest.raises(UsageError, match="LATIN1"):
        sink_for(base).open()


def test_a_mariadb_that_is_called_a_mysql_is_understood(mariadb_server, sink_for):  # noqa: F811
    base = mariadb_server.new_database()
    sink = sink_for(base, url=base.url.replace("mariadb://", "mysql://"))
    sink.open()
    sink.write([record(1)])
    assert base.count("vital_values") == 3


# What passes by itself.


def test_a_server_that_is_not_there_is_waited_for(database, sink_for):  # noqa: F811
    with pytest.raises(LinkError, match="not ready"):
        sink_for(database, url=replaced(database, port=f":{free_port()}/")).open()


def test_a_server_that_may_not_be_written_is_waited_for(database, ward, settings, project, tmp_path, caplog):  # noqa: F811
    server, name = database.server, database.name
    given = settings(database)
    ward.add(10)
    running = project(given)
    wait_for(lambda: database.count("vital_values") == 30, "the first values")
    assert running.stop()
    if database.kind == "postgresql":
        turn = f"ALTER DATABASE {name} SET default_transaction_read_only = {{}}"
    else:
        turn = "SET GLOBAL read_only = {}"
    server.admin(turn.format("on"))
    ward.add(10)
    try:
        project(given)
        wait_for(lambda: waiting(tmp_path, "is read-only"), "the complaint")
    finally:
        server.admin(turn.format("off"))
    wait_for(lambda: database.count("vital_values") == 60, "the rest")
    assert dead_letters(tmp_path / "projections.db", "sql") == []
    caplog.clear()


def test_a_full_disk_of_the_server_is_waited_for(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    *begin, end = FULL[database.kind]
    for statement in begin:
        database.query(statement)
    with pytest.raises(LinkError, match=r"(?i)no space left|disk full"):
        sink.write([record(1)])
    database.query(end)
    sink.write([record(1)])
    assert database.count("vital_values") == 3


@contextlib.contextmanager
def session(base):
    """A second client with a transaction of its own."""
    if base.kind == "postgresql":
        import psycopg

        login = f"host=127.0.0.1 port={base.server.port} dbname={base.name} user=wardtest password={PASSWORD}"
        connection = psycopg.connect(login)
        connection.execute("SET deadlock_timeout = '60s'")  # the other one is to find out
    else:
        import pymysql

        login = {"host": "127.0.0.1", "port": base.server.port, "user": "wardtest", "password": PASSWORD}
        connection = pymysql.connect(**login, database=base.name)
    try:
        yield connection
    finally:
        connection.close()


def blocked(base):
    """Whether some client waits for a lock."""
    if base.kind == "postgresql":
        asked = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
        return base.server.admin(asked, base.name)[0][0] > 0
    return base.server.admin("SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")[0][0]


def test_of_a_deadlock_nothing_is_left_but_a_second_try(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    names = [f"{number:016x}" for number in range(200)]
    sink.write([event(number, "raised", 1, id=name) for number, name in enumerate(names)])
    batch = [event(1, "cleared", 2, id=names[0]), event(2, "cleared", 2, id=names[1])]
    outcome = []

    def write():
        try:
            sink.write(batch)
        except LinkError as error:
            outcome.append(str(error))

    with session(database) as other, other.cursor() as cursor:
        # MariaDB gives up the transaction that has changed less.
        cursor.execute(f"UPDATE alarms SET message = 'held' WHERE alarm > '{names[0]}'")
        writer = threading.Thread(target=write)
        writer.start()
        wait_for(lambda: blocked(database), "the sink to wait")
        cursor.execute(f"UPDATE alarms SET message = 'held' WHERE alarm = '{names[0]}'")
        writer.join(10)
        other.rollback()
    assert outcome, "nobody had to give way"
    assert "eadlock" in outcome[0]
    sink.write(batch)
    assert database.query("SELECT count(*) FROM alarms WHERE rev = 2") == [(2,)]
    assert database.count("alarm_transitions") == 202


def test_a_lock_somebody_holds_is_waited_for_and_not_for_ever(database, sink_for):  # noqa: F811
    sink = sink_for(database, timeout=SECOND)
    sink.open()
    sink.write([event(1, "raised", 1)])
    with session(database) as other, other.cursor() as cursor:
        cursor.execute("UPDATE alarms SET message = 'held'")
        with pytest.raises(LinkError):
            sink.write([event(2, "cleared", 2)])
        other.rollback()
    sink.close()
    sink.open()
    sink.write([event(2, "cleared", 2)])
    assert database.query("SELECT rev, message <> 'held' FROM alarms") == [(2, 1)]


def backends(base):
    """The clients of a database, but for whoever asks."""
    if base.kind == "postgresql":
        rows = base.server.admin("SELECT pid FROM pg_stat_activity WHERE datname = %s", base.name)
    else:
        rows = base.server.admin("SELECT id FROM information_schema.processlist WHERE db = %s", base.name)
    return [row[0] for row in rows]


def test_a_connection_somebody_ended_is_made_again(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    for number in backends(database):
        end = "SELECT pg_terminate_backend(%s)" if database.kind == "postgresql" else "KILL CONNECTION %s"
        database.server.admin(end, number)
    wait_for(lambda: not backends(database), "its end")
    with pytest.raises(LinkError):
        sink.write([record(1)])
    sink.close()
    sink.open()
    sink.write([record(1)])
    assert database.count("vital_values") == 3


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_server_that_goes_and_comes_back_has_everything_once(
    stoppable_database,  # noqa: F811
    ward,
    settings,
    project,
    tmp_path,
    caplog,
    how,
):
    base = stoppable_database
    project(settings(base, batch=7))
    for _ in range(20):
        ward.add(10)
    wait_for(lambda: base.count("vital_values") > 60, "the first values")
    getattr(base.server, how)()
    ward.add(40)
    wait_for(lambda: waiting(tmp_path), "the wait")
    base.server.start()
    wait_for(lambda: base.count("vital_values") == 720, "every value", 60)
    seqs = base.query("SELECT min(seq), max(seq), count(DISTINCT seq) FROM vital_values")
    assert seqs == [(1, 240, 240)]
    assert [one.message for one in caplog.records if one.name.startswith(("sqlalchemy", "alembic"))] == []
    assert dead_letters(tmp_path / "projections.db", "sql") == []


def test_a_frozen_server_is_left_and_found_again(stoppable_database, sink_for):  # noqa: F811
    base = stoppable_database
    sink = sink_for(base, timeout=SECOND)
    sink.open()
    frozen = backends(base) if base.kind == "postgresql" else [base.server.process.pid]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        before = time.monotonic()
        with pytest.raises(LinkError):
            sink.write([record(1)])
        assert time.monotonic() - before < 15
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    sink.close()
    sink.open()
    sink.write([record(1)])
    assert base.count("vital_values") == 3


# What is wrong with an entry.


def test_a_character_postgresql_cannot_hold_is_poison(postgres_server, sink_for):  # noqa: F811
    base = postgres_server.new_database()
    sink = sink_for(base)
    sink.open()
    with pytest.raises(PoisonError):
        sink.write([told(1, "noted", text="a\0b")])
    sink.write([told(2, "noted", text="ab")])
    assert base.query("SELECT text FROM ticket_events") == [("ab",)]


def test_half_a_character_is_poison_on_both(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    with pytest.raises(PoisonError):
        sink.write([told(1, "noted", text="\ud800")])


def test_words_longer_than_a_packet_of_the_server_still_arrive(database, sink_for):  # noqa: F811
    sink = sink_for(database)
    sink.open()
    sink.write([told(number, "noted", text="Ünal's \\ 'note' " * 100) for number in range(1, 2_001)])
    assert database.query("SELECT count(*), count(DISTINCT text) FROM ticket_events") == [(2000, 1)]


# The tables.


def test_hubs_that_begin_together_make_the_tables_once(database, sink_for):  # noqa: F811
    opened = []

    def begin(sink):
        sink.open()
        opened.append(sink)

    threads = [threading.Thread(target=begin, args=(sink_for(database),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(opened) == 4
    assert len(database.query("SELECT version_num FROM wardline_schema")) == 1


def test_whoever_finds_the_tables_being_changed_waits(database, sink_for, monkeypatch):  # noqa: F811
    monkeypatch.setattr(schema, "LOCK_WAIT_S", 0.2)
    take = f"SELECT pg_advisory_lock({schema.LOCK_NUMBER})"
    if database.kind == "mariadb":
        take = f"SELECT GET_LOCK('{schema.LOCK}', 0)"
    with session(database) as other, other.cursor() as cursor:
        cursor.execute(take)
        with pytest.raises(LinkError, match="somebody else is changing the tables"):
            sink_for(database).open()
    sink_for(database).open()


def test_an_interrupted_change_of_the_tables_is_finished(database, sink_for):  # noqa: F811
    sink_for(database).open()
    for statement in ("DROP VIEW patient_vitals", "DROP TABLE admissions", "DELETE FROM wardline_schema"):
        database.query(statement)
    sink = sink_for(database)
    sink.open()
    sink.write([record(1)])
    assert database.count("patient_vitals") == 3
