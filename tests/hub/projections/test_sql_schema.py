"""The tables: what the versions make is what the program writes to, and a person can make them by hand."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine, make_url

from hub.projections.sql.schema import VERSION_TABLE, newest, statements
from hub.projections.sql.sink import SqlSink
from hub.projections.sql.tables import METADATA
from tests.fixtures_sql import (  # noqa: F401
    PASSWORD,
    database,
    mariadb_server,
    postgres_server,
    sql_server,
    sql_settings,
)
from tests.hub.projections.test_sql import copy, record, story
from wardline.cli import main

DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}


@pytest.fixture
def engine(database):  # noqa: F811
    """The database as SQLAlchemy sees it."""
    made = create_engine(make_url(database.url).set(drivername=DRIVERS[database.kind], password=PASSWORD))
    yield made
    made.dispose()


@pytest.fixture
def open_sink(ward, sql_settings, tmp_path):  # noqa: F811
    """A sink that is open: open_sink(database)."""
    made = []

    def make(base):
        made.append(SqlSink(sql_settings(base, patients=True), tmp_path, "hub-1", ward.path))
        made[-1].open()
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def config(database, ward, sql_settings, tmp_path):  # noqa: F811
    """A hub's settings file that copies into the database."""
    path = tmp_path / "hub.yaml"
    sql = sql_settings(database)
    path.write_text(
        f"hub: hub-1\nwards: [{{id: icu, beds: [{{id: '7'}}]}}]\n"
        f"projections: {{sql: {{url: '{sql.url}', password: '{sql.password}'}}}}\n"
    )
    return path


def test_the_versions_make_the_tables_the_program_writes_to(database, open_sink, engine):  # noqa: F811
    open_sink(database)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)
    assert found == []


def test_opening_twice_changes_nothing(database, open_sink):  # noqa: F811
    copy(open_sink(database), story())
    before = database.rows("vital_values")
    open_sink(database)
    assert database.rows("vital_values") == before
    assert database.query("SELECT version_num FROM wardline_schema") == [(newest(),)]


def test_tables_made_by_hand_from_the_printed_statements_are_taken(database, open_sink):  # noqa: F811
    printed = statements(database.kind)
    for statement in [printed] if database.kind == "postgresql" else printed.split(";\n"):
        if statement.strip():
            database.query(statement)
    copy(open_sink(database), story())
    assert database.count("patient_vitals") == 126


def test_with_timescaledb_the_values_become_a_hypertable(postgres_server, open_sink):  # noqa: F811
    """The extension is not in Debian: what is asked of it is written down by a stand-in of the same name."""
    base = postgres_server.new_database()
    for statement in (
        "SET allow_system_table_mods = on; INSERT INTO pg_extension"
        " (oid, extname, extowner, extnamespace, extrelocatable, extversion)"
        " VALUES (99999, 'timescaledb', 10, 2200, true, '2.0')",
        "CREATE TABLE public.asked (relation text, time_column text, span interval, own_indexes boolean)",
        "CREATE FUNCTION public.create_hypertable(relation regclass, time_column name, chunk_time_interval interval,"
        " create_default_indexes boolean, if_not_exists boolean) RETURNS void LANGUAGE sql AS"
        " 'INSERT INTO public.asked VALUES (relation::text, time_column, chunk_time_interval, create_default_indexes)'",
        "GRANT ALL ON public.asked TO PUBLIC",
        f"GRANT ALL ON SCHEMA public TO {base.user}",
    ):
        postgres_server.admin(statement, database=base.name)
    sink = open_sink(base)
    assert base.query("SELECT relation, time_column, span::text, own_indexes FROM asked") == [
        ("vital_values", "time", "1 day", False)
    ]
    sink.write([record(1)])
    key = "SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)"
    unique = base.query(f"{key} WHERE indrelid = 'vital_values'::regclass AND indisunique")
    assert ("time",) in unique  # without it a hypertable refuses the index


def test_without_timescaledb_nothing_is_asked_of_it(postgres_server, open_sink):  # noqa: F811
    base = postgres_server.new_database()
    open_sink(base)
    assert base.count("vital_values") == 0


def test_the_command_makes_the_tables_as_another_role(database, config, tmp_path, monkeypatch, capsys):  # noqa: F811
    assert main(["sql", "version", "--config", str(config)]) == 1
    assert "has no tables" in capsys.readouterr().out
    monkeypatch.setenv("OWNER_PASSWORD", PASSWORD)
    owner = ["--user", "wardtest", "--password", "env:OWNER_PASSWORD"]
    assert main(["sql", "migrate", "--config", str(config), *owner]) == 0
    server = database.server
    assert server.ask("SELECT version_num FROM wardline_schema", database=database.name, user="wardtest") == [
        (newest(),)
    ]
    if database.kind == "postgresql":  # the tables are the owner's: the hub's role may not even look
        assert main(["sql", "version", "--config", str(config)]) == 2
        assert "rights" in capsys.readouterr().err
        server.admin(f"GRANT SELECT ON wardline_schema TO {database.user}", database=database.name)
    assert main(["sql", "version", "--config", str(config)]) == 0


def test_the_command_prints_what_would_be_done(capsys):
    assert main(["sql", "schema", "--dialect", "postgresql"]) == 0
    printed = capsys.readouterr().out
    assert "CREATE TABLE IF NOT EXISTS vital_values" in printed
    assert "create_hypertable('vital_values', 'time'" in printed


def test_without_the_section_the_command_says_what_to_set(tmp_path, capsys):
    path = tmp_path / "hub.yaml"
    path.write_text("hub: hub-1\nwards: [{id: icu, beds: [{id: '7'}]}]\n")
    assert main(["sql", "version", "--config", str(path)]) == 2
    assert "projections.sql.url" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("postgresql://hub:secret@127.0.0.1/ward", "holds a password"),
        ("postgresql:///ward?password=secret", "holds a password"),
        ("postgresql://hub@127.0.0.1", "names no database"),
        ("postgresql://hub@[::1/ward", "cannot be read"),
        ("sqlite:///ward.db", "projections.sql"),
        ("mysql://hub@127.0.0.1:x/ward", "cannot be read"),
    ],
)
def test_an_address_that_cannot_be_right_is_refused_with_the_file(tmp_path, capsys, url, words):
    path = tmp_path / "hub.yaml"
    text = f"hub: hub-1\nwards: [{{id: icu, beds: [{{id: '7'}}]}}]\nprojections: {{sql: {{url: '{url}'}}}}\n"
    path.write_text(text)
    assert main(["sql", "version", "--config", str(path)]) == 1
    said = capsys.readouterr().err
    assert words in said
    assert "secret" not in said
