"""`wardline lake`: questions that can only read, answers for people and programs, and a check that finds damage."""

import csv
import io
import json
import shutil

import pytest

from tests.hub.export.conftest import SETTINGS, T0, archivist, filled  # noqa: F401
from tests.hub.projections.lake_writer import copy, settings_of
from wardline.cli import main

LAKE = "projections: {lake: {folder: lake}}\n"


@pytest.fixture(params=["parquet", "jsonl", "both"])
def lake(request, filled, tmp_path):  # noqa: F811
    """A lake with something in every table, in one format or in two."""
    (tmp_path / "hub.yaml").write_text(SETTINGS + LAKE)
    if request.param == "both":
        copy(tmp_path, settings_of({"format": "jsonl"}))
        filled.record(T0 + 3_000, values={"hr": 61.0})
        copy(tmp_path, settings_of({"format": "parquet"}))
        filled.journal._db.execute("DELETE FROM record WHERE seq = 9")
    else:
        filled.record(T0 + 3_000, values={"hr": 61.0})
        copy(tmp_path, settings_of({"format": request.param}))
    return tmp_path


@pytest.fixture
def parquet(filled, tmp_path):  # noqa: F811
    """A lake of Parquet files."""
    (tmp_path / "hub.yaml").write_text(SETTINGS + LAKE)
    copy(tmp_path, settings_of({}))
    return tmp_path


def ask(folder, sql, *more):
    return main(["lake", "query", sql, "--config", str(folder / "hub.yaml"), *more])


def answer(folder, sql, capsys):
    assert ask(folder, sql, "--format", "json") == 0
    return json.loads(capsys.readouterr().out)


def test_every_table_can_be_asked(lake, capsys):
    sql = " UNION ALL ".join(
        f"SELECT '{name}' AS name, count(*) AS n FROM {name}"
        for name in ("readings", "alarms", "devices", "tickets", "scores", "waves")
    )
    found = {row["name"]: row["n"] for row in answer(lake, sql, capsys)}
    assert found == {"readings": 12, "alarms": 3, "devices": 3, "tickets": 2, "scores": 0, "waves": 0}


def test_dates_and_wards_of_the_folders_are_columns_and_times_are_times(lake, capsys):
    rows = answer(lake, f"SELECT * FROM readings WHERE ward = 'icu' AND time < make_timestamp({T0}000 + 1)", capsys)
    assert rows == [
        {
            "date": "2025-11-20",
            "time": "2025-11-20T23:48:24Z",
            "ward": "icu",
            "bed": "1",
            "gateway": "gw-1",
            "device": "mon-1",
            "parameter": name,
            "value": value,
            "unit": unit,
            "reason": None,
            "late": False,
            "clock": "synced",
            "received": "2025-11-20T23:48:24.005000Z",
            "epoch": 1,
            "seq": 1,
        }
        for name, value, unit in (("hr", 72.0, "/min"), ("spo2", 97.0, "%"))
    ]


def test_a_missing_value_takes_no_part_in_an_average(lake, capsys):
    sql = "SELECT avg(value) AS mean, count(value) AS has, count(*) AS all FROM readings WHERE parameter = 'spo2'"
    assert answer(lake, sql.replace("AS all", "AS rows"), capsys) == [{"mean": 97.0, "has": 1, "rows": 2}]


def test_an_answer_is_a_table_for_people(parquet, capsys):
    assert ask(parquet, "SELECT bed, value, reason FROM readings WHERE parameter = 'spo2' ORDER BY time") == 0
    assert capsys.readouterr().out.splitlines() == ["bed  value  reason", "1    97.0", "1           sensor_off"]


def test_an_answer_is_csv_without_formulas(parquet, capsys):
    sql = "SELECT message, NULL AS nothing, -4.5 AS number, time FROM devices WHERE state = 'error'"
    assert ask(parquet, sql, "--format", "csv") == 0
    said = capsys.readouterr().out
    (row,) = csv.DictReader(io.StringIO(said))
    assert row == {"message": "'@cmd: probe", "nothing": "", "number": "-4.5", "time": "2025-11-20T23:48:24.050000Z"}


def test_a_long_table_ends_with_a_word_and_csv_does_not(parquet, capsys):
    assert ask(parquet, "SELECT * FROM range(30_000)") == 0
    said = capsys.readouterr()
    assert len(said.out.splitlines()) == 1_001
    assert "only the first 1,000 rows; --format csv gives all of them" in said.err
    assert ask(parquet, "SELECT * FROM range(30_000)", "--format", "csv") == 0
    assert len(capsys.readouterr().out.splitlines()) == 30_001


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{outside}')",
        "SELECT * FROM read_text('{outside}')",
        "SELECT * FROM read_text('{folder}/lake/../secret')",
        "SELECT * FROM read_text('{folder}/lake/manifest.jsonl')",
        "SELECT * FROM '{outside}.parquet'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT * FROM sniff_csv('{outside}')",
    ],
)
def test_no_file_outside_the_lake_can_be_read(parquet, capsys, sql):
    outside = parquet / "secret"
    outside.write_text("a,b\n1,2\n")
    assert ask(parquet, sql.format(outside=outside, folder=parquet)) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/x.csv'",
        "COPY readings TO '{folder}/lake/readings/x.parquet'",
        "ATTACH '{folder}/x.db'",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW readings",
        "INSERT INTO readings SELECT * FROM readings",
        "SET enable_external_access = true",
        "PRAGMA database_list",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT 1; SELECT 2",
        "SELECT 1; SET lock_configuration = false",
        "",
    ],
)
def test_nothing_but_a_question_is_taken(parquet, capsys, sql):
    before = sorted(parquet.rglob("*"))
    assert ask(parquet, sql.format(folder=parquet)) == 2
    assert "the lake is read-only" in capsys.readouterr().err
    assert sorted(parquet.rglob("*")) == before


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT * FROM reading", "Table with name reading does not exist"),
        ("SELECT nope FROM readings", 'Referenced column "nope" not found'),
        ("SELECT 'a'::INT", "Could not convert string 'a'"),
        ("SELECT CAST(parameter AS INT) FROM readings", "Could not convert string"),
    ],
)
def test_a_question_without_sense_is_answered_in_a_sentence(parquet, capsys, sql, sentence):
    assert ask(parquet, sql) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1


def test_a_lake_without_a_file_has_its_tables(tmp_path, capsys):
    (tmp_path / "hub.yaml").write_text(SETTINGS + LAKE)
    assert main(["lake", "create", "--config", str(tmp_path / "hub.yaml")]) == 0
    assert "wardline project rebuild lake" in capsys.readouterr().out
    assert answer(tmp_path, "SELECT count(*) AS n FROM alarms", capsys) == [{"n": 0}]
    assert answer(tmp_path, "SELECT value FROM readings", capsys) == []
    assert main(["lake", "create", "--config", str(tmp_path / "hub.yaml")]) == 2


def test_a_folder_without_a_lake_is_said(tmp_path, capsys):
    (tmp_path / "hub.yaml").write_text(SETTINGS + LAKE)
    assert ask(tmp_path, "SELECT 1") == 1
    assert "there is no lake in" in capsys.readouterr().err
    (tmp_path / "hub.yaml").write_text(SETTINGS)
    assert ask(tmp_path, "SELECT 1") == 2
    assert "has no lake; set projections.lake.folder" in capsys.readouterr().err


def test_a_sound_lake_is_called_sound_and_a_damaged_file_is_named(parquet, capsys):
    words = ["lake", "verify", "--config", str(parquet / "hub.yaml")]
    assert main(words) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith("readings: 11 rows in 3 files, ")
    assert out[0].endswith(" bytes, 2025-11-20 to 2025-11-20")
    assert out[-1] == "sound: every file is what was written"
    (damaged,) = (parquet / "lake/alarms/date=2025-11-20/ward=west").iterdir()
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert main(words) == 1
    assert f"WRONG  alarms/date=2025-11-20/ward=west/{damaged.name} is not what was written" in capsys.readouterr().out
    assert main([*words, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["sound"] is False
    assert ask(parquet, "SELECT * FROM alarms") == 1
    assert "`wardline lake verify` says more" in capsys.readouterr().err


def test_the_doctor_says_what_is_there_and_what_has_gone(parquet, capsys):
    words = ["hub", "doctor", "--config", str(parquet / "hub.yaml")]
    assert main(words) == 0
    assert "has 19 rows in " in capsys.readouterr().out
    shutil.rmtree(parquet / "lake")
    assert main(words) == 1
    assert "MISSING: there is no lake in" in capsys.readouterr().out
    (parquet / "projections.db").unlink()
    assert main(words) == 0
    assert "the hub begins it" in capsys.readouterr().out


def test_stats_and_merge(parquet, capsys):
    words = ["--config", str(parquet / "hub.yaml")]
    assert main(["lake", "stats", *words, "--json"]) == 0
    assert {one["table"]: one["rows"] for one in json.loads(capsys.readouterr().out)}["tickets"] == 2
    assert main(["lake", "merge", *words]) == 0
    assert capsys.readouterr().out == "0 files were merged, 0 were too old and have left\n"
