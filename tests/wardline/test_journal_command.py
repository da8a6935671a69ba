"""`wardline journal`: what it prints and how it exits."""

import json
import sqlite3
from contextlib import closing
from datetime import datetime

import pytest

from hub.journal import Batch, Journal, RecordRow
from hub.journal_gaps import GapRow
from vitals.ranges import Ranges
from vitals.readings import Gap
from wardline.cli import main

NOON = round(datetime(2026, 11, 21, 12).astimezone().timestamp() * 1_000)
SETTINGS = """
hub: hub-test
journal: {path: kept/journal.db}
wards: [{id: icu, beds: [{id: "7"}]}]
gateways: [{id: gw-a, devices: [{id: mon-a, bed: icu/7}]}]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "hub.yaml"
    path.write_text(SETTINGS)
    journal = Journal(tmp_path / "kept/journal.db")
    batch = Batch()
    for seq in (1, 2, 3, 6):
        batch.records.append(
            RecordRow("gw-a", 1, seq, "mon-a", "icu", "7", NOON + 1000 * seq, NOON + 1000 * seq, 0, b"{}")
        )
    gap = Gap(first=4, last=5, count=2, reason="disk_full")
    batch.gaps.append(GapRow("gw-a", 1, gap, "edge", NOON, Ranges([(4, 5)])))
    batch.settled["gw-a", 1] = Ranges([(1, 6)])
    journal.commit(batch)
    journal.close()
    return path


def test_a_sound_journal_is_called_sound(config, capsys):
    assert main(["journal", "verify", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "gw-a epoch 1: up to seq 6: 4 records, 2 missing",
        "sound: every seq is accounted for exactly once",
    ]


def test_a_lost_record_is_named_and_exits_with_1(config, capsys):
    with closing(sqlite3.connect(config.parent / "kept/journal.db")) as db, db:
        db.execute("DELETE FROM record WHERE seq = 2")
    assert main(["journal", "verify", "--config", str(config)]) == 1
    out = capsys.readouterr().out
    assert "WRONG  gw-a epoch 1: 1 seqs have a receipt and are not here, seq 2 among them" in out
    assert main(["journal", "verify", "--config", str(config), "--json"]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["sound"] is False
    assert printed["epochs"][0]["records"] == 3


def test_gaps_are_sentences_or_json(config, capsys):
    assert main(["journal", "gaps", "--config", str(config)]) == 0
    line = capsys.readouterr().out.strip()
    assert line.endswith("seq 4 to 5: 2 of 2 missing; disk_full, vitals, told by the gateway")
    assert main(["journal", "gaps", "--config", str(config), "--json", "--standing"]) == 0
    (gap,) = json.loads(capsys.readouterr().out)
    assert (gap["missing"], gap["refilled"], gap["source"]) == (2, 0, "edge")


def test_a_bed_and_its_day_are_one_line(config, capsys):
    assert main(["journal", "stats", "--config", str(config)]) == 0
    assert capsys.readouterr().out == "2026-11-21  bed icu/7: 4 of 6, 2 missing\n"
    assert main(["journal", "stats", "--config", str(config), "--day", "2026-11-20"]) == 0
    assert capsys.readouterr().out == "no records\n"


def test_a_day_that_is_none_is_wrong_use(config, capsys):
    assert main(["journal", "stats", "--config", str(config), "--day", "yesterday"]) == 2
    assert "--day is a date" in capsys.readouterr().err


def test_a_journal_that_is_not_there_is_a_sentence(config, capsys):
    (config.parent / "kept/journal.db").unlink()
    assert main(["journal", "verify", "--config", str(config)]) == 1
    assert "cannot read the database" in capsys.readouterr().err
