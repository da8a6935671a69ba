"""An export holds exactly the rows of its span, whatever the format, and a missing value is nothing at all."""

import csv
import io
import json
from contextlib import closing

import duckdb
import pyarrow.parquet as pq
import pytest

from hub.export import export as module
from hub.export.export import Asked, Export
from hub.export.formats import FORMATS, make_format
from hub.export.tables import EXPORTS
from hub.history import History
from tests.hub.export.conftest import T0
from vitals.errors import StorageError

ALL = Asked(T0, T0 + 10_000)


def pieces(archivist, table, format_="csv", asked=ALL):
    export = Export(EXPORTS[table], make_format(format_, EXPORTS[table]), asked)
    with closing(History(archivist.path)) as history:
        while (piece := export.step(history)) is not None:
            yield piece
    assert export.done == 1.0


def whole(archivist, table, format_="csv", asked=ALL):
    return b"".join(pieces(archivist, table, format_, asked))


def lines(archivist, table, asked=ALL):
    return list(csv.DictReader(io.StringIO(whole(archivist, table, asked=asked).decode(), newline="")))


def test_every_value_is_a_row_with_its_unit_and_what_is_missing_is_empty_with_a_reason(filled):
    rows = [row for row in lines(filled, "readings") if (row["ward"], row["bed"]) == ("icu", "1")]
    assert [(row["time"][17:], row["parameter"], row["value"], row["unit"], row["reason"]) for row in rows] == [
        ("24.000Z", "hr", "72.0", "/min", ""),
        ("24.000Z", "spo2", "97.0", "%", ""),
        ("25.000Z", "hr", "73.5", "/min", ""),
        ("25.000Z", "spo2", "", "%", "sensor_off"),
        ("25.000Z", "", "", "", "low_battery"),
        ("26.000Z", "abp_mean", "-4.25", "mm[Hg]", ""),
    ]
    assert [(row["late"], row["clock"]) for row in rows[-2:]] == [("false", "synced"), ("true", "holdover")]
    assert rows[0]["received"] == "2025-11-20T23:48:24.005Z"


def test_no_record_is_without_a_row(filled):
    rows = lines(filled, "readings")
    assert {int(row["seq"]) for row in rows} == set(range(1, 9))
    (gap,) = [row for row in rows if row["device"] == "gateway"]
    assert (gap["reason"], gap["value"], gap["ward"]) == ("gap/disk_full", "", "")


def test_readings_go_bed_by_bed_and_by_time(filled):
    order = [(row["ward"], row["bed"], row["time"]) for row in lines(filled, "readings")]
    assert order == sorted(order)


@pytest.mark.parametrize(
    ("asked", "seqs"),
    [
        (Asked(T0, T0 + 1_000), {1, 4, 5, 6, 7, 8}),
        (Asked(T0 + 1_000, T0 + 2_000), {2}),
        (Asked(T0 + 1_000, T0 + 2_001), {2, 3}),
        (Asked(T0, T0 + 10_000, ("icu",)), {1, 2, 3, 4, 8}),
        (Asked(T0, T0 + 10_000, ("icu", "west"), "1"), {1, 2, 3, 5}),
        (Asked(T0, T0 + 10_000, ("icu",), "2"), {4, 8}),
        (Asked(T0, T0 + 10_000, ()), set()),
        (Asked(T0 - 9, T0), set()),
    ],
)
def test_only_what_was_asked_for_comes(filled, asked, seqs):
    assert {int(row["seq"]) for row in lines(filled, "readings", asked)} == seqs


def test_alarms_device_states_and_tickets_come_in_the_order_of_time(filled):
    assert [(row["change"], row["ward"], row["value"], row["limit"]) for row in lines(filled, "alarms")] == [
        ("raised", "icu", "84.0", "90.0"),
        ("raised", "west", "", ""),
        ("acknowledged", "icu", "", ""),
    ]
    assert [(row["device"], row["state"], row["bed"]) for row in lines(filled, "devices")] == [
        ("mon-1", "online", "1"),
        ("mon-1", "error", "1"),
        ("", "offline", ""),
    ]
    assert [(row["ticket"], row["change"], row["fault"]) for row in lines(filled, "tickets")] == [
        ("1", "opened", "offline"),
        ("1", "noted", "offline"),
    ]
    only = Asked(T0, T0 + 10_000, ("west",))
    assert [len(lines(filled, table, only)) for table in ("alarms", "devices", "tickets")] == [1, 0, 0]


def test_words_that_look_like_formulas_are_defused_and_numbers_are_not(filled):
    (acknowledged,) = [row for row in lines(filled, "alarms") if row["change"] == "acknowledged"]
    assert acknowledged["by"] == "'=HYPERLINK(1)"
    assert acknowledged["message"] == 'SpO2 "low", see\r\nnext line'
    assert lines(filled, "devices")[1]["message"] == "'@cmd: probe"
    assert lines(filled, "tickets")[1]["text"] == "'-1+2 is the cable"
    assert b",-4.25," in whole(filled, "readings")


@pytest.mark.parametrize("table", EXPORTS)
def test_all_formats_say_the_same(filled, tmp_path, table):
    spoken = json.loads(whole(filled, table, "json"))
    path = tmp_path / "x.parquet"
    path.write_bytes(whole(filled, table, "parquet"))
    stored = pq.read_table(path).to_pylist()
    kinds = {column.name: column.kind for column in EXPORTS[table].columns}
    shown = [
        {
            name: f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
            if kinds[name] == "time" and value is not None
            else value
            for name, value in row.items()
        }
        for row in stored
    ]
    assert shown == spoken
    (tmp_path / "x.csv").write_bytes(whole(filled, table, "csv"))
    with duckdb.connect() as db:
        found = db.execute(f"SELECT count(*) FROM read_csv('{tmp_path}/x.csv', all_varchar=true)").fetchone()
    assert found == (len(spoken),)


@pytest.mark.parametrize("format_", FORMATS)
def test_an_empty_span_is_an_empty_file_that_can_be_read(filled, tmp_path, format_):
    body = whole(filled, "readings", format_, Asked(0, 1))
    if format_ == "csv":
        assert body == ",".join(EXPORTS["readings"].names).encode() + b"\r\n"
    elif format_ == "json":
        assert json.loads(body) == []
    else:
        assert pq.read_table(io.BytesIO(body)).num_rows == 0


@pytest.mark.parametrize("page", [1, 2, 3, 7])
def test_rows_do_not_depend_on_the_size_of_a_page(filled, monkeypatch, page):
    expected = {table: whole(filled, table) for table in EXPORTS}
    monkeypatch.setattr(module, "PAGE", page)
    assert {table: whole(filled, table) for table in EXPORTS} == expected


def test_records_of_one_millisecond_are_not_lost_between_pages(archivist, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 2)
    for _ in range(5):
        archivist.record(T0, values={"hr": 72.0})
    assert [int(row["seq"]) for row in lines(archivist, "readings")] == [1, 2, 3, 4, 5]


def test_what_is_committed_meanwhile_is_left_out(filled, monkeypatch):
    monkeypatch.setattr(module, "PAGE", 1)
    expected = whole(filled, "readings")
    stream = pieces(filled, "readings")
    begun = next(stream)
    filled.record(T0 + 3_000, values={"hr": 1.0})
    assert begun + b"".join(stream) == expected


def test_a_record_that_went_bad_is_a_row_that_says_so(filled):
    filled.journal._db.execute("UPDATE record SET body = x'00' WHERE seq = 2")
    (bad,) = [row for row in lines(filled, "readings") if row["seq"] == "2"]
    assert (bad["reason"], bad["parameter"], bad["value"]) == ("unreadable", "", "")


def test_a_journal_that_lacks_a_table_is_said(filled):
    filled.journal._db.execute("DROP TABLE ticket_event")
    with pytest.raises(StorageError, match="start the hub once"):
        whole(filled, "tickets")
