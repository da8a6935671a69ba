"""`wardline project` and `wardline hub doctor`: what they print, what they ask for, and how they exit."""

import json
from contextlib import closing

import pytest

from hub.journal import Batch, Journal, RecordRow
from hub.projections.cursors import Cursor, Cursors, Request
from wardline.cli import main

SETTINGS = """
hub: hub-test
wards: [{id: icu, beds: [{id: "7"}]}]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hub.yaml"
    path.write_text(SETTINGS)
    journal = Journal(tmp_path / "journal.db")
    batch = Batch()
    for seq in range(1, 6):
        batch.records.append(RecordRow("gw-a", 1, seq, "mon-a", "icu", "7", seq, seq, 0, b"{}"))
        batch.settle("gw-a", 1, seq)
    journal.commit(batch)
    journal.close()
    for sink in ("influxdb", "influxdb-1m"):
        with closing(Cursors(tmp_path / "projections.db", sink)) as cursors:
            cursors.begin(("records",))
            cursors.advance("records", Cursor(2, "gw-a/1/2"), 3, 1_000, 2)
            if sink == "influxdb":
                cursors.bury("records", [(Cursor(2, "gw-a/1/2"), b"vitals hr=\x1b1")], "type conflict", 1_000)
    return path


def asked(config, sink):
    with closing(Cursors(config.parent / "projections.db", sink)) as cursors:
        return cursors.requests()


def test_a_sink_that_runs_is_told_with_what_it_lacks(config, capsys):
    assert main(["project", "status", "--config", str(config)]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("influxdb: running since ")
    assert first.endswith(", 3 entries behind, 2 taken, 1 dead letters, 0 missed")
    assert second.startswith("influxdb-1m: ")


def test_a_sink_that_waits_says_why_and_exits_with_1(config, capsys):
    with closing(Cursors(config.parent / "projections.db", "influxdb")) as cursors:
        cursors.note_waiting("nobody answers", 3, 2_000)
    assert main(["project", "status", "--config", str(config), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [(one["sink"], one["state"], one["lag"], one["error"]) for one in found] == [
        ("influxdb", "waiting", 3, "nobody answers"),
        ("influxdb-1m", "running", 3, ""),
    ]


def test_a_rebuild_is_asked_of_the_sink_and_its_companions(config, capsys):
    words = ["project", "rebuild", "influxdb", "--from", "2026-11-21T00:00:00Z", "--config", str(config)]
    assert main(words) == 0
    assert "influxdb and influxdb-1m" in capsys.readouterr().out
    assert asked(config, "influxdb") == asked(config, "influxdb-1m") == [Request("rewind", 1_795_219_200_000)]
    main(["project", "status", "--config", str(config)])
    assert capsys.readouterr().out.count("asked for, and not done yet: copying again") == 2


def test_a_time_or_a_sink_that_makes_no_sense_asks_for_nothing(config, capsys):
    assert main(["project", "rebuild", "influxdb", "--from", "yesterday", "--config", str(config)]) == 2
    assert main(["project", "rebuild", "lake", "--config", str(config)]) == 2
    assert "there is no sink lake; there is influxdb, influxdb-1m" in capsys.readouterr().err
    assert asked(config, "influxdb") == []


def test_dead_letters_are_listed_without_what_a_terminal_would_obey(config, capsys):
    assert main(["project", "dead-letters", "influxdb", "--config", str(config)]) == 0
    out = capsys.readouterr().out
    assert "influxdb records 2: type conflict" in out
    assert "\x1b" not in out
    assert main(["project", "dead-letters", "influxdb", "--config", str(config), "--json"]) == 0
    (letter,) = json.loads(capsys.readouterr().out)
    assert (letter["entry"], letter["stream"], letter["reason"]) == (2, "records", "type conflict")


def test_dead_letters_are_offered_again_when_asked(config, capsys):
    assert main(["project", "dead-letters", "influxdb", "--retry", "--config", str(config)]) == 0
    assert asked(config, "influxdb") == [Request("retry", 0)]


def test_a_hub_that_never_copied_anything_is_said_so(tmp_path, capsys):
    (tmp_path / "hub.yaml").write_text(SETTINGS)
    assert main(["project", "status", "--config", str(tmp_path / "hub.yaml")]) == 2
    assert "nothing was ever copied" in capsys.readouterr().err
    assert not (tmp_path / "projections.db").exists()


def test_the_doctor_of_a_hub_without_a_store_has_nothing_to_say(config, capsys):
    assert main(["hub", "doctor", "--config", str(config)]) == 0
    assert capsys.readouterr().out.startswith("ok: ")


def test_the_doctor_exits_with_1_when_something_is_missing(config, capsys):
    config.write_text(SETTINGS + "projections: {influxdb: {url: 'http://127.0.0.1:9', token: 'file:absent'}}\n")
    assert main(["hub", "doctor", "--config", str(config)]) == 1
    assert capsys.readouterr().out.startswith("MISSING: the token of projections.influxdb cannot be read")
