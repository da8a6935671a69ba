"""What another limit would have alarmed: kept readings judged twice, bed by bed, and nothing changed."""

import contextlib
import sqlite3

import msgspec
import pytest

from hub.console.whatif import Trial, try_limit
from hub.history import RecordBody
from hub.journal import Batch, Journal, RecordRow
from hub.settings import HubSettings
from vitals.document import read_document
from vitals.identity import BedKey

RULES = """
format: 1
id: probe
title: Probe
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 3s, off_delay: 0s, priority: medium, message: SpO2 low}
  - {id: spo2-high, parameter: spo2, high: 99, for: 3s, off_delay: 0s, priority: medium, message: SpO2 high}
  - {id: hr-low, parameter: hr, low: 50, for: 0s, priority: high, message: HR low}
"""
SETTINGS = """
hub: hub-1
rules: [probe.yaml]
wards: [{id: icu, beds: [{id: "1"}, {id: "2"}]}]
gateways:
  - {id: gw-1, devices: [{id: mon-1, bed: icu/1}, {id: mon-2, bed: icu/2}]}
"""
T0 = 1_700_000_000_000
BEDS = (BedKey("icu", "1"), BedKey("icu", "2"))


@pytest.fixture
def folder(tmp_path):
    """Two minutes: at bed 1 SpO2 falls to 86 % and to 80 % for ten seconds each, at bed 2 to 88 % once."""
    (tmp_path / "probe.yaml").write_text(RULES)
    batch = Batch()
    for second in range(120):
        one = 86.0 if 20 <= second < 30 else 80.0 if 60 <= second < 70 else 97.0
        for bed, value in (("1", one), ("2", 88.0 if 20 <= second < 30 else 97.0)):
            at, body = T0 + second * 1_000, msgspec.json.encode(RecordBody(values={"spo2": value}))
            seq = 2 * second + int(bed)
            batch.records.append(RecordRow("gw-1", 1, seq, f"mon-{bed}", "icu", bed, at - 200, at, 0, body))
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch)
    journal.close()
    return tmp_path


def tried(folder, bound, rule="spo2-low", span=(T0, T0 + 3_600_000)):
    settings = read_document(SETTINGS, "hub.yaml", HubSettings)
    found = try_limit(Trial(settings=settings, folder=folder, beds=BEDS, rule=rule, bound=bound, span=span))
    if isinstance(found, str):
        return found
    return [(one.records, one.was, len(one.before), len(one.after), one.only_before, one.only_after) for one in found]


def set_limit(folder, scope, bound):
    row = (T0, "set", scope, "spo2-low", bound, "" if scope.startswith("patient/") else "probe", "nurse-1", "x", T0)
    columns = 'time, change, scope, rule, bound, profile, "by", reason, set_at'
    write(folder, f"INSERT INTO limit_override ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)


def write(folder, statement, values):
    with contextlib.closing(sqlite3.connect(folder / "journal.db")) as database, database:
        database.execute(statement, values)


def test_each_bed_is_judged_as_it_is_and_as_it_would_be(folder):
    assert tried(folder, 85.0) == [(120, 90.0, 2, 1, 1, 0), (120, 90.0, 1, 0, 1, 0)]
    assert tried(folder, 89.0) == [(120, 90.0, 2, 2, 0, 0), (120, 90.0, 1, 1, 0, 0)]
    assert tried(folder, 85.0, span=(T0 + 40_000, T0 + 50_000)) == [(10, 90.0, 0, 0, 0, 0)] * 2


def test_what_is_in_force_is_what_people_have_set_and_what_is_tried_goes_before_it(folder):
    set_limit(folder, "bed/icu/1", 82.0)
    set_limit(folder, "patient/p-2", 95.0)
    columns = 'ward, bed, patient, start, "by"'
    write(folder, f"INSERT INTO admission ({columns}) VALUES (?, ?, ?, ?, ?)", ("icu", "2", "p-2", T0, "nurse-1"))
    assert tried(folder, 87.0) == [(120, 82.0, 1, 2, 0, 1), (120, 95.0, 1, 0, 1, 0)]


@pytest.mark.parametrize(
    ("rule", "bound", "sentence"), [("etco2-low", 30.0, "no bed asked about"), ("spo2-low", 99.5, "spo2-low")]
)
def test_what_cannot_be_tried_is_said_in_a_sentence(folder, rule, bound, sentence):
    assert sentence in tried(folder, bound, rule)


def test_more_than_can_be_judged_at_once_is_refused(folder, monkeypatch):
    monkeypatch.setattr("hub.console.whatif.MOST_RECORDS", 200)
    assert "238 records, at most 200" in tried(folder, 85.0)
