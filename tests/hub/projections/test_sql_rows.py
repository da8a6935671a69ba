"""Entries become rows, values become text, and answers are judged: without a server."""

import psycopg.errors
import pymysql.err
import pytest

from hub.projections.sink import PoisonError, StoredStay
from hub.projections.sql.answers import judge
from hub.projections.sql.bulk import on_conflict, on_duplicate
from hub.projections.sql.cells import CopyCells, LiteralCells, Ms
from hub.projections.sql.rows import Line, Origin, admission_rows, alarm_rows, rendered, ticket_rows, value_rows
from hub.projections.sql.tables import ADMISSIONS, ALARMS, METADATA
from tests.hub.projections.test_sql import event, record, stay, told
from vitals.errors import LinkError, UsageError

WHERE = "PostgreSQL database ward at db"
ORIGIN = Origin("hub-1", "0123456789abcdef")


@pytest.mark.parametrize(
    ("value", "copied", "literal"),
    [
        (None, "\\N", "NULL"),
        (True, "t", "1"),
        (False, "f", "0"),
        (0.0, "0.0", "0.0"),
        (36.65, "36.65", "36.65"),
        (7, "7", "7"),
        ("", "", "''"),
        ("\\N", "\\\\N", "'\\\\N'"),
        ("a\tb\nc\rd", "a\\tb\\nc\\rd", "'a\tb\\nc\\rd'"),
        ("O'Neill \\", "O'Neill \\\\", "'O\\'Neill \\\\'"),
        (Ms(0), "1970-01-01 00:00:00+00", "'1970-01-01 00:00:00'"),
        (Ms(1_763_682_504_007), "2025-11-20 23:48:24.007000+00", "'2025-11-20 23:48:24.007000'"),
        (Ms(253_402_300_799_999), "9999-12-31 23:59:59.999000+00", "'9999-12-31 23:59:59.999000'"),
    ],
)
def test_a_value_has_one_text_for_each_server(value, copied, literal):
    assert CopyCells().row([value]) == copied
    assert LiteralCells().row([value]) == literal


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(PoisonError, match="no number"):
        LiteralCells().row([value])


def test_a_record_without_values_and_reasons_has_no_row():
    assert value_rows([record(1, values={}, flags={})], CopyCells()) == []


def test_a_record_that_comes_twice_in_a_batch_has_its_rows_once():
    assert len(value_rows([record(1), record(2), record(1)], CopyCells())) == 6


def test_of_an_alarm_the_highest_revision_counts_wherever_it_stands():
    (row,) = alarm_rows([event(2, "cleared", 3), event(1, "raised", 1)])
    assert row[8] == 3


def test_an_admission_is_as_its_newest_change_left_it():
    changes = [stay(3, "cancelled", 1, "P-1", 5), stay(1, "admitted", 1, "P-1", 5)]
    (row,) = admission_rows(changes, ORIGIN)
    assert row[8:] == (True, changes[0].time, 3)


def test_a_ticket_is_told_from_its_whole_history():
    lines = [
        Line(1, 7, 10, "opened", "", "offline: no data"),
        Line(2, 7, 20, "closed", "", "online for 60 s"),
        Line(3, 7, 30, "reopened", "", "error: probe"),
        Line(4, 7, 40, "assigned", "desk", "workshop"),
    ]
    (row,) = ticket_rows([told(4, "assigned", ticket=7)], lines, ORIGIN)
    assert row[8:] == ("error: probe", 10, "", "workshop", None, "", "", 4)


def test_any_entry_can_be_shown():
    assert b'"seq":1' in rendered(record(1))
    assert b'"body":"\xef\xbf\xbd"' in rendered(record(1)._replace(body=b"\xff"))
    assert b'"patient":"P-1"' in rendered(StoredStay(*stay(1, "admitted", 1, "P-1", 5)))


def test_what_tells_the_newer_row_changes_last():
    """MariaDB's assignments see those before them: with the guard first, the rest would never change again."""
    assert on_duplicate(ALARMS).endswith("rev = IF((VALUES(rev)) >= (rev), VALUES(rev), rev)")
    ends = on_duplicate(ADMISSIONS).split(", entry = ")[1]
    assert ", changed = IF(" in ends


@pytest.mark.parametrize("table", METADATA.tables.values(), ids=str)
def test_a_key_is_never_changed_and_all_else_is(table):
    key = {column.name for column in table.primary_key.columns}
    for words in (on_conflict(table).split(" DO UPDATE SET ")[1].split(" WHERE ")[0], on_duplicate(table)[24:]):
        changed = {part.split(" = ")[0].split(", ")[-1] for part in words.split(" = ")[:-1]}
        assert not changed & key


def postgresql(state, words="said"):
    """An error of PostgreSQL."""
    error = psycopg.errors.lookup(state) if state else psycopg.OperationalError
    return error(words)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (postgresql("40P01"), LinkError),
        (postgresql("40001"), LinkError),
        (postgresql("53100"), LinkError),
        (postgresql("53300"), LinkError),
        (postgresql("55P03"), LinkError),
        (postgresql("57014"), LinkError),
        (postgresql("57P01"), LinkError),
        (postgresql("57P03"), LinkError),
        (postgresql("25P03"), LinkError),
        (postgresql("58030"), LinkError),
        (postgresql("XX001"), LinkError),
        (postgresql("25006"), UsageError),
        (postgresql("28P01"), UsageError),
        (postgresql("3D000"), UsageError),
        (postgresql("42501"), UsageError),
        (postgresql("42P01"), UsageError),
        (postgresql("22001"), PoisonError),
        (postgresql("22021"), PoisonError),
        (postgresql("23514"), PoisonError),
        (postgresql("54000"), PoisonError),
        (postgresql("", "connection failed: Connection refused"), LinkError),
        (postgresql("", "connection failed: FATAL:  the database system is starting up"), LinkError),
        (postgresql("", "connection failed: FATAL:  sorry, too many clients already"), LinkError),
        (postgresql("", "server closed the connection unexpectedly"), LinkError),
        (postgresql("", 'FATAL:  password authentication failed for user "hub"'), UsageError),
        (postgresql("", 'FATAL:  no pg_hba.conf entry for host "10.0.0.9"'), UsageError),
        (postgresql("", 'FATAL:  database "ward" does not exist'), UsageError),
        (postgresql("", "SSL error: certificate verify failed"), UsageError),
        (TimeoutError("timed out"), LinkError),
        (pymysql.err.OperationalError(1213, "Deadlock found"), LinkError),
        (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), LinkError),
        (pymysql.err.OperationalError(1021, "Disk full"), LinkError),
        (pymysql.err.OperationalError(1114, "The table is full"), LinkError),
        (pymysql.err.OperationalError(1040, "Too many connections"), LinkError),
        (pymysql.err.OperationalError(2013, "Lost connection"), LinkError),
        (pymysql.err.InterfaceError(0, ""), LinkError),
        (pymysql.err.OperationalError(1045, "Access denied"), UsageError),
        (pymysql.err.OperationalError(1049, "Unknown database"), UsageError),
        (pymysql.err.OperationalError(1142, "INSERT command denied"), UsageError),
        (pymysql.err.OperationalError(1290, "running with --read-only"), UsageError),
        (pymysql.err.ProgrammingError(1146, "no such table"), UsageError),
        (pymysql.err.DataError(1406, "Data too long"), PoisonError),
        (pymysql.err.OperationalError(1366, "Incorrect string value"), PoisonError),
        (pymysql.err.OperationalError(1153, "Got a packet bigger than max_allowed_packet"), PoisonError),
        (pymysql.err.OperationalError(9999, "something new"), UsageError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else f"{getattr(value, 'sqlstate', '')} {value}"[:40],
)
def test_an_answer_says_who_must_act(error, expected):
    judged = judge(error, WHERE)
    assert type(judged) is expected
    assert "\n" not in str(judged)


def test_an_answer_nobody_knows_buries_nothing():
    assert isinstance(judge(postgresql("0A000"), WHERE), UsageError)
