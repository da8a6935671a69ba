"""Databases are opened so that what is committed survives, and failure says which file."""

import sqlite3

import pytest

from chassis.database import delete_many, insert_many, open_database, open_read_only, run_many
from vitals.errors import StorageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new" / "folder" / "journal.db"


@pytest.fixture
def connection(path):
    connection = open_database(path)
    yield connection
    connection.close()


def test_a_database_is_durable_at_power_loss(connection):
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


def test_a_database_is_private_to_its_user(connection, path):
    assert path.stat().st_mode & 0o077 == 0


def test_transactions_are_explicit(connection):
    connection.execute("CREATE TABLE row (n INTEGER)")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO row VALUES (1)")
    connection.execute("ROLLBACK")
    assert connection.execute("SELECT count(*) FROM row").fetchone() == (0,)


@pytest.fixture
def table(connection):
    connection.execute("CREATE TABLE row (a TEXT, b INTEGER, PRIMARY KEY (a, b)) WITHOUT ROWID")
    return connection


def rows(table):
    return table.execute("SELECT a, b FROM row ORDER BY b").fetchall()


@pytest.mark.parametrize("count", [0, 1, 3, 4, 21, 256, 341, 1_000])
def test_many_rows_are_inserted_and_deleted_each_once(table, count):
    wanted = [(f"x{number % 7}", number) for number in range(count)]
    insert_many(table, "INSERT INTO row", wanted)
    assert rows(table) == wanted
    delete_many(table, "row", ("a", "b"), [*wanted[::2], ("x0", -1)])
    assert rows(table) == wanted[1::2]
    delete_many(table, "row", ("b",), [(number,) for _, number in wanted[1::4]])
    assert rows(table) == wanted[3::4]


def test_deleting_by_several_columns_finds_its_index(table):
    seen = []
    table.set_trace_callback(seen.append)
    delete_many(table, "row", ("a", "b"), [("x", 1), ("y", 2), ("x", 3), ("y", 4)])
    table.set_trace_callback(None)
    (statement,) = seen
    plan = [detail for *_, detail in table.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert not any(detail.startswith("SCAN") for detail in plan), plan


def test_statements_run_in_their_order_and_like_inserts_at_once(table):
    table.execute("CREATE TABLE word (n INTEGER PRIMARY KEY, text TEXT)")
    insert, seen = "INSERT INTO word (n, text) VALUES (?, ?)", []
    table.set_trace_callback(seen.append)
    run_many(
        table,
        [
            (insert, (1, "a")),
            (insert, (2, "b")),
            (insert, (3, "c")),
            (insert, (4, "d")),
            ("UPDATE word SET text = ? WHERE n = 2", ("x",)),
            ("UPDATE word SET text = text || ?", ("!",)),
            ("INSERT INTO word (text) VALUES ('y')", ()),
            ("INSERT INTO word (n, text) VALUES (?, 'z')", (9,)),
        ],
    )
    table.set_trace_callback(None)
    assert table.execute("SELECT * FROM word").fetchall() == [
        (1, "a!"),
        (2, "x!"),
        (3, "c!"),
        (4, "d!"),
        (5, "y"),
        (9, "z"),
    ]
    assert len(seen) == 5


def test_a_reader_sees_what_is_committed_and_cannot_write(connection, path):
    connection.execute("CREATE TABLE row (n INTEGER)")
    connection.execute("INSERT INTO row VALUES (1)")
    reader = open_read_only(path)
    try:
        assert reader.execute("SELECT n FROM row").fetchall() == [(1,)]
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO row VALUES (2)")
        assert reader.execute("SELECT n FROM row").fetchall() == [(1,)]
        connection.execute("COMMIT")
        assert reader.execute("SELECT n FROM row").fetchall() == [(1,), (2,)]
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.execute("INSERT INTO row VALUES (3)")
    finally:
        reader.close()


def test_a_reader_never_makes_a_database(tmp_path):
    with pytest.raises(StorageError, match=r"absent\.db"):
        open_read_only(tmp_path / "absent.db")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_a_storage_error_that_names_it(tmp_path):
    path = tmp_path / "journal.db"
    path.write_text("this is not a database, it only looks like a file of one\n" * 100)
    with pytest.raises(StorageError, match=r"cannot open the database .*journal\.db"):
        open_database(path)


def test_a_folder_that_cannot_be_made_is_a_storage_error(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StorageError, match="cannot open the database"):
        open_database(tmp_path / "file" / "journal.db")
