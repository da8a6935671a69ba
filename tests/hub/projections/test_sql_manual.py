"""The questions of the manual are answered by both servers, and what it says of rights and views is so."""

import re

import pytest

from hub.projections.sql.sink import SqlSink
from tests.fixtures_sql import (  # noqa: F401
    PASSWORD,
    database,
    mariadb_server,
    postgres_server,
    sql_server,
    sql_settings,
)
from tests.hub.projections.test_sql import copy, story

PAGE = "docs/how-to/sql.md"
MARIADB = ("avg(extract(epoch FROM t.time - a.raised))", "avg(timestampdiff(MICROSECOND, a.raised, t.time) / 1000000)")
EXPECTED = {  # how each question begins, and what the story answers
    "SELECT hub, stream": 6,
    "SELECT parameter, avg": 3,
    "SELECT a.ward, a.bed, a.rule": 2,
    "SELECT v.time": 57,
    "SELECT t.ticket": 1,
    "SELECT state, message": 2,
    "SELECT s.ward": 1,
}


@pytest.fixture
def filled(database, ward, sql_settings, tmp_path):  # noqa: F811
    """A database with a little of everything."""
    sink = SqlSink(sql_settings(database, patients=True), tmp_path, "hub-1", ward.path)
    sink.open()
    copy(sink, story())
    sink.close()
    return database


@pytest.fixture
def examples(pytestconfig):
    """The examples of the page, each as it stands there."""
    page = (pytestconfig.rootpath / PAGE).read_text()
    return re.findall(r"^```sql[^\n]*\n(.*?)^```$", page, flags=re.M | re.S)


def test_every_question_of_the_manual_has_an_answer(filled, examples):
    asked = set()
    for example in examples:
        if example.startswith("DELETE"):
            filled.query(example)
            continue
        if filled.kind == "mariadb":
            example = example.replace(*MARIADB)
        begins = next(begins for begins in EXPECTED if example.startswith(begins))
        assert len(filled.query(example)) == EXPECTED[begins], example
        asked.add(begins)
    assert asked == set(EXPECTED)


def test_who_may_read_values_but_not_the_view_sees_no_patient(filled):
    server, reader = filled.server, f"{filled.name}_reader"
    if filled.kind == "postgresql":
        server.admin(f"CREATE ROLE {reader} LOGIN PASSWORD '{PASSWORD}'")
        server.admin(f"GRANT SELECT ON vital_values TO {reader}", database=filled.name)
    else:
        server.admin(f"CREATE USER {reader}@'127.0.0.1' IDENTIFIED BY '{PASSWORD}'")
        server.admin(f"GRANT SELECT ON {filled.name}.vital_values TO {reader}@'127.0.0.1'")
    query = "SELECT count(*) FROM {}"
    assert server.ask(query.format("vital_values"), database=filled.name, user=reader) == [(126,)]
    for closed in ("patient_vitals", "admissions"):
        with pytest.raises(Exception, match="denied"):
            server.ask(query.format(closed), database=filled.name, user=reader)


def test_the_view_is_read_through_the_index_of_the_bed(filled):
    question = "SELECT * FROM patient_vitals WHERE ward = 'icu' AND bed = '7' AND time >= '2030-01-01 00:00:00'"
    plan = repr(filled.query(f"EXPLAIN {question}"))
    assert "vital_values_bed_time" in plan
    assert "DERIVED" not in plan


def test_without_admissions_no_value_has_a_patient(filled):
    filled.query("DELETE FROM admissions")
    assert filled.query("SELECT count(*) FROM patient_vitals WHERE patient IS NOT NULL") == [(0,)]
