"""`wardline rules backtest` on recordings and on the journal of a hub."""

import contextlib
import json
import sqlite3
import time

import msgspec
import pytest

from firmware_sim.recording import FOLDER
from hub.history import RecordBody
from hub.journal import Batch, Journal, RecordRow
from wardline.cli import main

RULES = """
format: 1
id: probe
title: Probe
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: %d, for: 3s, off_delay: 0s, priority: medium, message: SpO2 low}
  - {id: hr-low, parameter: hr, low: 50, for: 0s, priority: high, latching: true, message: HR low}
"""
SETTINGS = """
hub: hub-1
rules: [strict.yaml]
wards:
  - {id: icu, beds: [{id: "1"}, {id: "2"}]}
gateways:
  - {id: gw-1, devices: [{id: mon-1, bed: icu/1}, {id: mon-2, bed: icu/2}]}
"""
# Ten seconds at 88 %, ten at 95 %, ten at 80 %, ten at 95 %; the heart rate is 0 for five seconds.
SPO2 = [88] * 10 + [95] * 10 + [80] * 10 + [95] * 10
CSV = "t_s,spo2,hr\n" + "".join(f"{t},{spo2},{0 if 12 <= t < 17 else 70}\n" for t, spo2 in enumerate(SPO2))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "strict.yaml").write_text(RULES % 90)
    (tmp_path / "gentle.yaml").write_text(RULES % 85)
    (tmp_path / "icu-1.csv").write_text(CSV)
    (tmp_path / "hub.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def backtest(*words):
    return main(["rules", "backtest", *words])


def document(capsys, *words):
    assert backtest(*words, "--json") == 0
    return json.loads(capsys.readouterr().out)


def counts(side):
    return {line["rule"]: line["alarms"] for line in side["rules"]}


def test_alarms_are_counted_by_rule_and_bed(folder, capsys):
    found = document(capsys, "--rules", "strict.yaml", "--data", "icu-1.csv")
    assert counts(found["new"]) == {"spo2-low": 2, "hr-low": 1}
    (bed,) = found["new"]["by_bed"]
    assert (bed["ward"], bed["bed"], bed["alarms"]) == ("recording", "icu-1", 3)
    assert (found["records"], found["zeros_taken_as_values"]) == (40, 5)
    assert found["new"]["short_share"] == 1.0


def test_a_zero_can_mean_that_nothing_was_measured(folder, capsys):
    found = document(capsys, "--rules", "strict.yaml", "--data", "icu-1.csv", "--zero-is-missing")
    assert (counts(found["new"]), found["zeros_taken_as_values"]) == ({"spo2-low": 2}, 0)


def test_two_rule_sets_are_compared_and_the_alarms_of_one_only_are_listed(folder, capsys):
    words = ["--rules", "gentle.yaml", "--against", "strict.yaml", "--data", "icu-1.csv", "--zero-is-missing"]
    found = document(capsys, *words)
    assert (counts(found["old"]), counts(found["new"])) == ({"spo2-low": 2}, {"spo2-low": 1})
    (missed,) = found["only_old"]
    assert (missed["rule"], missed["raised"] - found["old"]["start"]) == ("spo2-low", 3_000)
    assert (found["only_old_count"], found["only_new_count"], found["only_new"]) == (1, 0, [])


NAIVE = """
format: 1
id: naive
title: Naive thresholds
provenance: for tests
limits:
  - {id: hr-low, parameter: hr, low: 50, for: %(delay)s, priority: medium, message: HR low}
  - {id: spo2-low, parameter: spo2, low: 90, for: %(delay)s, priority: medium, message: SpO2 low}
  - {id: rr-low, parameter: rr, low: 8, for: %(delay)s, priority: medium, message: RR low}
"""


@pytest.mark.parametrize(
    ("delay", "options", "expected"),
    [
        ("0s", [], {"hr-low": 10, "spo2-low": 12, "rr-low": 32}),
        ("0s", ["--zero-is-missing"], {"hr-low": 5, "rr-low": 26}),
        ("61s", ["--zero-is-missing"], {"hr-low": 2, "rr-low": 2}),
    ],
)
def test_the_episodes_of_a_real_monitor_are_those_counted_independently(folder, capsys, delay, options, expected):
    """32 hours with drop-outs exported as 0; the counts were made row by row, without this code."""
    (folder / "naive.yaml").write_text(NAIVE % {"delay": delay})
    recording = FOLDER / "mimic3wdb-s00001.csv"
    found = document(capsys, "--rules", "naive.yaml", "--data", str(recording), *options)
    assert counts(found["new"]) == expected


def test_people_read_it_side_by_side(folder, capsys):
    words = ["--rules", "gentle.yaml", "--against", "strict.yaml", "--data", "icu-1.csv"]
    assert backtest(*words) == 0
    told = capsys.readouterr().out
    assert "5 zeros were taken as values" in told
    lines = [line.split() for line in told.splitlines()]
    assert ["spo2-low", "(medium)", "2", "1", "-50", "%"] in lines
    assert ["recording/icu-1", "3", "2", "-33", "%"] in lines
    assert ["2026-01-01T00:00:03.000Z", "recording/icu-1", "spo2-low", "medium", "7.0", "s"] in lines
    assert "Only with the new rules: none" in told


def test_many_beds_give_the_same_on_one_processor_and_on_two(folder, capsys):
    for number in range(2, 5):
        (folder / f"icu-{number}.csv").write_text(CSV)
    words = ["--rules", "strict.yaml", "--data", str(folder)]
    one, two = (document(capsys, *words, "--jobs", jobs) for jobs in ("1", "2"))
    assert one == two
    assert (one["new"]["beds"], one["new"]["alarms"]) == (4, 12)


@pytest.fixture
def journal(folder):
    """Two minutes of readings that came until now, as a hub keeps them; a late one among them."""
    now = time.time_ns() // 1_000_000
    batch = Batch()
    for second in range(120):
        at = now - 120_000 + second * 1_000
        for device, value in (("mon-1", 80.0 if 30 <= second < 60 else 97.0), ("mon-2", 97.0)):
            late = int(device == "mon-2" and second == 50)
            body = msgspec.json.encode(RecordBody(values={"spo2": 60.0 if late else value}))
            bed = device[-1]
            seq = 2 * second + int(bed)
            batch.records.append(RecordRow("gw-1", 1, seq, device, "icu", bed, at - 200, at, late, body))
    journal = Journal(folder / "journal.db")
    journal.commit(batch)
    journal.close()
    return now


def test_the_rules_of_a_hub_are_tried_on_what_it_has_kept(folder, journal, capsys):
    found = document(capsys, "--rules", "gentle.yaml", "--against", "live", "--config", "hub.yaml", "--since", "1h")
    assert found["records"] == 239
    for side in ("old", "new"):
        assert [(bed["bed"], bed["alarms"]) for bed in found[side]["by_bed"]] == [("1", 1), ("2", 0)]
    assert found["new"]["start"] == journal - 120_000
    assert (found["old"]["judged_by"], found["new"]["judged_by"]) == ("live", "gentle.yaml")


def test_only_what_came_since_then_counts(folder, journal, capsys):
    found = document(capsys, "--rules", "strict.yaml", "--config", "hub.yaml", "--since", "30s")
    assert found["new"]["alarms"] == 0
    assert found["new"]["start"] >= journal - 30_000
    assert 0 < found["records"] <= 60


def test_time_past_the_last_reading_is_no_silence(folder, journal, capsys):
    condition = "{id: quiet, kind: technical, when: silent(2s), for: 0s, priority: low, message: x}"
    (folder / "quiet.yaml").write_text(f"{RULES % 50}conditions:\n  - {condition}\n")
    found = document(capsys, "--rules", "quiet.yaml", "--config", "hub.yaml")
    assert (found["new"]["alarms"], found["new"]["end"]) == (0, journal - 999)


def write(folder, statement, values):
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as database, database:
        database.execute(statement, values)


def test_live_rules_are_those_with_the_limits_that_people_have_set(folder, journal, capsys):
    row = (journal, "set", "bed/icu/1", "spo2-low", 75.0, "probe", "nurse-1", "known lung disease", journal)
    columns = 'time, change, scope, rule, bound, profile, "by", reason, set_at'
    write(folder, f"INSERT INTO limit_override ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    found = document(capsys, "--rules", "strict.yaml", "--against", "live", "--config", "hub.yaml")
    assert (counts(found["old"]), counts(found["new"])) == ({}, {"spo2-low": 1})


def test_what_staff_entered_counts_from_when_it_came(folder, journal, capsys):
    condition = (
        "{id: on-oxygen, kind: physiological, when: oxygen == 1 and spo2 < 99, for: 0s, priority: low, message: x}"
    )
    (folder / "oxygen.yaml").write_text(f"{RULES % 50}conditions:\n  - {condition}\n")
    row = ("icu", "2", journal - 60_000, journal - 60_000, "nurse-1", "oxygen", 1.0, journal + 60_000, "")
    columns = 'ward, bed, time, received, "by", name, value, until, reason'
    write(folder, f"INSERT INTO entry ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    found = document(capsys, "--rules", "oxygen.yaml", "--against", "strict.yaml", "--config", "hub.yaml")
    (alarm,) = found["only_new"]
    assert (alarm["bed"], alarm["rule"]) == ("2", "on-oxygen")
    assert 0 <= alarm["raised"] - (journal - 60_000) <= 1_000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--rules", "strict.yaml"], "give either --data FILE.csv or --config hub.yaml"),
        (["--rules", "strict.yaml", "--data", "icu-1.csv", "--since", "1h"], "--since is for the journal"),
        (["--rules", "live", "--data", "icu-1.csv"], "give its settings with --config"),
        (["--rules", "nowhere", "--data", "icu-1.csv"], "there is no rule set 'nowhere'"),
        (["--rules", "nowhere.yaml", "--data", "icu-1.csv"], "nowhere.yaml: No such file"),
        (["--rules", "strict.yaml", "--data", "no.csv"], "cannot read no.csv"),
        (["--rules", "strict.yaml", "--data", "."], "have one name"),
        (["--rules", "strict.yaml", "--data", "icu-1.csv", "--begin", "noon"], "`--begin` must be a time"),
        (["--rules", "strict.yaml", "--config", "hub.yaml", "--since", "1"], "--since: expected a duration"),
        (["--rules", "strict.yaml", "gentle.yaml", "--data", "icu-1.csv"], "is in set probe and again in set probe"),
    ],
)
def test_wrong_use_is_one_sentence(folder, journal, capsys, words, sentence):
    if words[-1] == ".":
        (folder / "more").mkdir()
        (folder / "more/icu-1.csv").write_text(CSV)
        words = [*words, "more"]
    assert backtest(*words) == 2
    told = capsys.readouterr().err
    assert sentence in told
    assert told.count("\n") == 1


def test_an_empty_journal_is_said(folder, capsys):
    Journal(folder / "journal.db").close()
    assert backtest("--rules", "strict.yaml", "--config", "hub.yaml") == 2
    assert "holds no readings of that time" in capsys.readouterr().err


def test_every_line_that_is_wrong_in_any_recording_is_said(folder, capsys):
    (folder / "bad.csv").write_text("t_s,spo2\n0,97\n1,x\n1,97\n")
    (folder / "binary.csv").write_bytes(b"t_s,spo2\n\xff\xfe\n")
    assert backtest("--rules", "strict.yaml", "--data", "bad.csv", "binary.csv", "--jobs", "2") == 1
    assert capsys.readouterr().err.splitlines() == [
        "bad.csv:3: 'x' is not a number",
        "bad.csv:4: the time 1 is not later than the one before it",
        "binary.csv:1: is not UTF-8 text (byte 9)",
    ]
