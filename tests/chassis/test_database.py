"""Databases are opened so that what is committed survives, and failure says which file."""

import sqlite3

import pytest

from chassis.database import open_database, open_read_only
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
