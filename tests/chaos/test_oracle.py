"""The oracle sees what is wrong, or the tests that ask it prove nothing."""

import sqlite3
from contextlib import closing

import pytest

from tests.chaos.faults import schedule
from tests.chaos.oracle import balance
from tests.chaos.rig import GATEWAYS

SPOOL = """
CREATE TABLE meta (epoch INTEGER);
INSERT INTO meta VALUES (9);
CREATE TABLE record (seq INTEGER PRIMARY KEY AUTOINCREMENT);
INSERT INTO record VALUES (10);
CREATE TABLE settled (low INTEGER, high INTEGER);
INSERT INTO settled VALUES (1, 9);
"""
JOURNAL = """
CREATE TABLE record (gateway TEXT, epoch INTEGER, seq INTEGER);
CREATE TABLE wave (gateway TEXT, epoch INTEGER, seq INTEGER);
CREATE TABLE rejected (gateway TEXT, epoch INTEGER, seq INTEGER);
CREATE TABLE committed (gateway TEXT, epoch INTEGER, low INTEGER, high INTEGER);
CREATE TABLE gap (id INTEGER, source TEXT);
CREATE TABLE missing (gateway TEXT, epoch INTEGER, low INTEGER, high INTEGER, gap INTEGER);
INSERT INTO rejected VALUES ('gw', 9, 8);
INSERT INTO committed VALUES ('gw', 9, 1, 10);
INSERT INTO gap VALUES (1, 'edge'), (2, 'hub');
INSERT INTO missing VALUES ('gw', 9, 9, 9, 1);
"""


@pytest.fixture
def books(tmp_path):
    """Ten records: seven stored, one rejected, one declared as a gap, the last one waiting; then `change` both."""

    def make(journal: str = "", spool: str = ""):
        for name, script in (("spool.db", SPOOL + spool), ("journal.db", JOURNAL)):
            with closing(sqlite3.connect(tmp_path / name)) as db, db:
                db.executescript(script)
        with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
            db.executemany("INSERT INTO record VALUES ('gw', 9, ?)", [(seq,) for seq in (1, 2, 3, 4, 5, 6, 7, 10)])
            db.executescript(journal)
        return balance("gw", tmp_path / "spool.db", tmp_path / "journal.db")

    return make


def test_books_that_agree_are_even(books):
    found = books(spool="INSERT INTO settled VALUES (10, 10);")
    assert (found.accepted, found.stored, found.rejected, found.gaps) == (10, 8, 1, 1)
    assert found.is_even


@pytest.mark.parametrize(
    ("what", "journal", "spool"),
    [
        ("waiting", "", ""),
        ("lost", "DELETE FROM record WHERE seq = 3", ""),
        ("lost", "DELETE FROM record WHERE seq = 3; INSERT INTO missing VALUES ('gw', 9, 3, 3, 2)", ""),
        ("doubled", "INSERT INTO record VALUES ('gw', 9, 3)", ""),
        ("doubled", "INSERT INTO wave VALUES ('gw', 9, 3)", ""),
        ("unknown", "INSERT INTO record VALUES ('gw', 9, 11)", ""),
        ("unfounded", "INSERT INTO committed VALUES ('gw', 9, 12, 13)", ""),
        ("other_epochs", "INSERT INTO record VALUES ('gw', 8, 1)", ""),
    ],
)
def test_what_is_wrong_is_seen(books, what, journal, spool):
    found = books(journal, spool)
    assert getattr(found, what) > 0
    assert not found.is_even


def test_a_seed_gives_the_same_strikes_each_time_and_another_seed_gives_others():
    assert schedule(7, 100, GATEWAYS) == schedule(7, 100, GATEWAYS)
    assert schedule(7, 100, GATEWAYS) != schedule(8, 100, GATEWAYS)


def test_a_schedule_has_as_many_kills_as_asked_for_and_every_kind_of_strike():
    strikes = schedule(7, 300, GATEWAYS)
    assert 300 <= sum(strike.kills for strike in strikes) < 310
    assert {strike.first[0] for strike in strikes} >= {"hub", "broker", "gw-1"}
    assert any(strike.then == ("broker",) for strike in strikes)
    assert any(len(strike.first) == len(GATEWAYS) + 2 for strike in strikes)
    assert any(strike.wipe for strike in strikes)
