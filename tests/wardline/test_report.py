"""`wardline report alarms`: a week counted, in four ways to read it."""

import csv
import json
import time

import msgspec
import pytest

from hub.journal import Batch, EventRow, Journal
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from wardline.cli import main

MONDAY = 1_762_732_800_000  # 2025-11-10T00:00Z, week 46
DAY_MS = 86_400_000
SETTINGS = """
hub: hub-1
wards:
  - {id: icu, beds: [{id: "1"}, {id: "2"}]}
  - {id: west, beds: [{id: "1"}]}
"""


def alarm(raised, bed="1", ward="icu", rule="spo2-low"):
    """An alarm that was seen after 45 s and was over after 90 s."""
    made = Alarm(
        id=alarm_id(rule, ward, bed, raised),
        rule=rule,
        ward=ward,
        bed=bed,
        kind="physiological",
        priority="medium",
        state="active",
        rev=1,
        message="SpO2 low",
        onset=raised,
        raised=raised,
        changed=raised,
    )
    for rev, (change, after) in enumerate((("raised", 0), ("acknowledged", 45_000), ("cleared", 90_000)), start=1):
        changed = msgspec.structs.replace(made, rev=rev, changed=raised + after)
        yield AlarmEvent(change=change, time=raised + after, alarm=changed, by="nurse-1" if rev == 2 else "")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A function that stores alarms in the journal of the hub of `hub.yaml`."""
    (tmp_path / "hub.yaml").write_text(SETTINGS)
    monkeypatch.chdir(tmp_path)
    journal = Journal(tmp_path / "journal.db")

    def store(*alarms):
        batch = Batch()
        for event in (event for story in alarms for event in story):
            told = event.alarm
            body = msgspec.json.encode(event)
            batch.events.append(EventRow(told.id, told.ward, told.bed, told.rule, event.change, event.time, body))
        journal.commit(batch)

    yield store
    journal.close()


def report(capsys, *words):
    assert main(["report", "alarms", "--config", "hub.yaml", *words]) == 0
    return capsys.readouterr().out


@pytest.fixture
def week(hub):
    hub(
        *(alarm(MONDAY + hour * 3_600_000) for hour in range(6)),
        alarm(MONDAY - 1, rule="hr-low"),
        alarm(MONDAY + 7 * DAY_MS, rule="hr-low"),
        alarm(MONDAY, ward="west", rule="hr-high"),
    )


def test_a_week_is_from_monday_to_monday(week, capsys):
    found = json.loads(report(capsys, "--week", "2025-W46", "--json"))
    assert (found["start"], found["end"]) == (MONDAY, MONDAY + 7 * DAY_MS)
    assert {line["rule"]: line["alarms"] for line in found["rules"]} == {"spo2-low": 6, "hr-high": 1}
    assert (found["bed_days"], found["latency_median_s"]) == (21.0, 45.0)


def test_weeks_begin_at_midnight_where_the_ward_is(week, capsys):
    found = json.loads(report(capsys, "--week", "2025-W46", "--zone", "Europe/Berlin", "--json"))
    assert found["start"] == MONDAY - 3_600_000
    assert [line["rule"] for line in found["rules"]] == ["spo2-low", "hr-high", "hr-low"]


def test_a_week_in_which_the_clocks_change_is_an_hour_longer(hub, capsys):
    found = json.loads(report(capsys, "--week", "2025-W43", "--zone", "Europe/Berlin", "--json"))
    assert found["end"] - found["start"] == 7 * DAY_MS + 3_600_000


def test_without_a_week_it_is_the_last_one_that_is_over(hub, capsys):
    now = time.time_ns() // 1_000_000
    found = json.loads(report(capsys, "--json"))
    assert found["end"] <= now < found["end"] + 7 * DAY_MS
    assert (found["start"] - MONDAY) % (7 * DAY_MS) == 0


def test_one_ward_and_any_span(week, capsys):
    words = ["--ward", "west", "--from", "2025-11-10T00:00Z", "--to", "2025-11-11T00:00Z"]
    found = json.loads(report(capsys, *words, "--format", "json"))
    assert (found["beds"], found["alarms"], found["per_bed_day"]) == (1, 1, 1.0)


def test_people_read_it_as_text_or_markdown(week, capsys):
    text = report(capsys, "--week", "2025-W46")
    assert text.startswith("Alarms of hub-1, 2025-11-10 00:00 UTC to 2025-11-17 00:00 UTC\n")
    lines = [line.split() for line in text.splitlines()]
    assert ["spo2-low", "medium", "6", "85.7", "%", "0.3", "0", "90.0", "s"] in lines
    assert ["icu/1", "6", "85.7", "%", "0.9", "0", "9.0", "min", "45.0", "s"] in lines
    paper = report(capsys, "--week", "2025-W46", "--format", "md").splitlines()
    assert paper[0] == "# Alarms of hub-1, 2025-11-10 00:00 UTC to 2025-11-17 00:00 UTC"
    assert "| spo2-low | medium | 6 | 85.7 % | 0.3 | 0 | 90.0 s |" in paper


def test_a_spreadsheet_gets_each_figure_in_a_row(week, capsys):
    rows = list(csv.DictReader(report(capsys, "--week", "2025-W46", "--format", "csv").splitlines()))
    found = {(row["group"], row["name"], row["figure"]): row["value"] for row in rows}
    assert found["total", "", "alarms"] == "7"
    assert found["rule", "hr-high", "priority"] == "medium"
    assert found["bed", "icu/2", "alarms"] == "0"
    assert found["bed", "icu/2", "latency_median_s"] == ""


def test_a_week_without_alarms_says_so(hub, capsys):
    assert "no alarms" in report(capsys, "--week", "2025-W46")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--week", "46"], "--week is an ISO week such as 2026-W47, not '46'"),
        (["--week", "2025-W54"], "--week is an ISO week"),
        (["--week", "2025-W46", "--from", "2025-11-10"], "give either --week, or --from"),
        (["--to", "2025-11-10"], "give either --week, or --from"),
        (["--from", "yesterday"], "`--from` must be a time"),
        (["--from", "2025-11-11", "--to", "2025-11-10"], "--from must be before --to"),
        (["--zone", "Mars/Olympus"], "there is no time zone 'Mars/Olympus'"),
        (["--ward", "east"], "there is no ward 'east'; there are: icu, west"),
    ],
)
def test_wrong_use_is_one_sentence(hub, capsys, words, sentence):
    assert main(["report", "alarms", "--config", "hub.yaml", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_hub_that_never_ran_has_no_journal(tmp_path, capsys):
    (tmp_path / "hub.yaml").write_text(SETTINGS)
    assert main(["report", "alarms", "--config", str(tmp_path / "hub.yaml")]) == 1
    assert "cannot read the database" in capsys.readouterr().err
