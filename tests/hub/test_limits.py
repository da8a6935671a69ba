"""Limits people set: applied at once, kept in a real journal, back after a restart; rule files read while all runs."""

import logging
import os

import msgspec
import pytest

from hub.journal import Batch, Journal
from hub.limits import Limits
from hub.rulebook import Rulebook
from hub.settings import HubSettings
from vitals.commands import ClearLimit, SetLimit, SetProfile
from vitals.document import read_document
from vitals.errors import DocumentError, UsageError
from vitals.identity import BedKey

NOW = 1_763_682_504_000
HOUR = 3_600_000
BED, OTHER = BedKey("icu", "1"), BedKey("icu", "2")
SETTINGS = """
hub: hub-test
rules: [ours.yaml, EXTRA]
wards:
  - {id: icu, beds: [{id: "1"}, {id: "2"}]}
"""
OURS = """
format: 1
id: ours
title: Ours
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 0ms, priority: high, message: SpO2 low}
  - {id: hr-low, parameter: hr, low: 40, for: 0ms, priority: medium, message: HR low}
  - {id: hr-high, parameter: hr, high: 120, for: 0ms, priority: medium, message: HR high}
"""
EXTRA = """
format: 1
id: extra
title: At every bed
provenance: for tests
conditions:
  - {id: line-lost, kind: technical, priority: low, when: flag(no_line), for: 0s, message: Line lost}
"""


class Hub:
    """The part of a hub that keeps limits, on a folder of its own."""

    def __init__(self, folder, patients, extra="equipment") -> None:
        self.settings = read_document(SETTINGS.replace("EXTRA", extra), "hub.yaml", HubSettings)
        self.folder = folder
        self.patients = patients
        self.journal = Journal(folder / "journal.db")
        self.limits = Limits(Rulebook(self.settings, folder), lambda bed: patients.get(bed, ""))
        self.limits.load(self.journal.read)
        self.commit(self.limits.due(NOW))

    def commit(self, changed):
        if changed.writes:
            batch = Batch()
            batch.writes += changed.writes
            self.journal.commit(batch)
        return list(changed.beds)

    def apply(self, command, now=NOW):
        return self.commit(self.limits.apply(command, now))

    def bounds(self, bed=BED, now=NOW):
        return self.limits.chain.bounds(bed, self.patients.get(bed, ""), now)


@pytest.fixture
def start(tmp_path):
    hubs = []

    def start(patients=None, **options):
        if hubs:
            hubs[-1].journal.close()
        if not (tmp_path / "ours.yaml").exists():
            (tmp_path / "ours.yaml").write_text(OURS)
            (tmp_path / "extra.yaml").write_text(EXTRA)
        hubs.append(Hub(tmp_path, patients or {}, **options))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.journal.close()


def set_limit(scope="bed/icu/1", rule="hr-low", bound=45.0, **fields):
    fields = {"request": "r", "by": "nurse-1", "reason": "athlete"} | fields
    return SetLimit(scope=scope, rule=rule, bound=bound, **fields)


def history(hub):
    query = 'SELECT time - ?, change, scope, rule, bound, "by", reason FROM limit_override ORDER BY id'
    return hub.journal.read(query, NOW)


def test_a_limit_is_in_force_at_once_and_after_a_restart(start):
    hub = start()
    assert hub.apply(set_limit()) == [BED]
    assert hub.bounds() == {"hr-low": 45}
    assert start().bounds() == {"hr-low": 45}


def test_the_beds_to_judge_anew_are_those_of_the_scope(start):
    hub = start({OTHER: "p-1"})
    assert hub.apply(set_limit("ward/icu")) == [BED, OTHER]
    assert hub.apply(set_limit("patient/p-1")) == [OTHER]


def test_every_change_leaves_a_row_and_none_is_ever_changed(start):
    hub = start({BED: "p-1"})
    hub.apply(set_limit())
    hub.apply(set_limit(bound=42.0, by="nurse-2", expires=NOW + HOUR), NOW + 1)
    hub.apply(ClearLimit(request="r", by="nurse-3", reason="back to usual", scope="bed/icu/1", rule="hr-low"), NOW + 2)
    hub.apply(set_limit("patient/p-1", expires=NOW + HOUR), NOW + 3)
    hub.apply(set_limit("patient/p-1", "spo2-low", 86.0), NOW + 4)
    assert hub.commit(hub.limits.due(NOW + HOUR)) == [BED]
    assert hub.commit(hub.limits.discharged(BED, "p-1", "nurse-4", NOW + HOUR + 1)) == [BED]
    assert history(hub) == [
        (0, "set", "bed/icu/1", "hr-low", 45.0, "nurse-1", "athlete"),
        (1, "set", "bed/icu/1", "hr-low", 42.0, "nurse-2", "athlete"),
        (2, "cleared", "bed/icu/1", "hr-low", 42.0, "nurse-3", "back to usual"),
        (3, "set", "patient/p-1", "hr-low", 45.0, "nurse-1", "athlete"),
        (4, "set", "patient/p-1", "spo2-low", 86.0, "nurse-1", "athlete"),
        (HOUR, "expired", "patient/p-1", "hr-low", 45.0, "", "its time was over"),
        (HOUR + 1, "discharged", "patient/p-1", "spo2-low", 86.0, "nurse-4", "the patient was discharged"),
    ]
    assert start({BED: "p-1"}).bounds() == {}


def test_a_limit_that_expired_while_the_hub_was_down_is_gone_and_said_so(start):
    hub = start()
    hub.apply(set_limit(expires=NOW - 1), NOW - HOUR)
    assert start().bounds() == {}
    hub = start()
    assert [row[1] for row in history(hub)] == ["set", "expired"]
    assert hub.limits.due(NOW) == ((), ())


def test_a_chosen_profile_stays_over_a_restart_until_it_is_taken_back(start):
    hub = start(extra="extra.yaml")
    choice = SetProfile(request="r", by="doctor-1", reason="moved", scope="bed/icu/1", profile="adult-ward")
    assert hub.apply(choice) == [BED]
    hub = start(extra="extra.yaml")
    assert (hub.limits.chain.profile(BED), hub.limits.chain.profile(OTHER)) == ("adult-ward", "ours")
    assert hub.apply(msgspec.structs.replace(choice, profile="")) == [BED]
    assert start(extra="extra.yaml").limits.chain.profile(BED) == "ours"


def test_a_refused_command_leaves_no_row(start):
    hub = start()
    with pytest.raises(ValueError, match="hr-low \\(low 120 /min\\) is not below hr-high"):
        hub.apply(set_limit(bound=120.0))
    assert history(hub) == []


def test_a_limit_whose_rule_is_gone_is_named_at_the_start(start, tmp_path, caplog):
    hub = start()
    hub.apply(set_limit())
    (tmp_path / "ours.yaml").write_text(OURS.replace("hr-low", "rate-low"))
    with caplog.at_level(logging.WARNING):
        start()
    assert "the limit hr-low is in no profile in force there" in caplog.text


def rewrite(hub, text, name="ours.yaml"):
    """Write a file, and let the hub look at it as often as it takes."""
    path = hub.folder / name
    path.write_text(text)
    os.utime(path, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns + 1_000_000_000))
    return hub.limits.reread(NOW) + hub.limits.reread(NOW)


def bound(hub, rule):
    return {limit.id: limit.bound for limit in hub.limits.chain.book(BED, "", NOW).rules.values()}[rule]


def test_a_rule_file_that_changes_is_in_force_for_the_beds_it_concerns(start):
    hub = start()
    assert hub.limits.reread(NOW) == []
    assert rewrite(hub, OURS.replace("high: 120", "high: 130")) == [BED, OTHER]
    assert bound(hub, "hr-high") == 130
    assert hub.limits.trouble == ""
    assert hub.limits.reread(NOW) == []


def test_a_file_is_not_read_while_it_is_being_written(start):
    hub = start()
    half = OURS.rsplit("  - {id: hr-high", 1)[0]  # reads well, and would leave the ward without a limit
    path = hub.folder / "ours.yaml"
    path.write_text(half)
    assert hub.limits.reread(NOW) == []
    path.write_text(OURS.replace("high: 120", "high: 130"))
    assert hub.limits.reread(NOW) == []
    assert hub.limits.reread(NOW) == [BED, OTHER]
    assert bound(hub, "hr-high") == 130


@pytest.mark.parametrize(
    ("text", "trouble"),
    [
        (OURS.replace("high: 120", "hihg: 120"), "ours.yaml:9: limits.2"),
        (OURS.replace("high: 120", "high: 30"), "not below high"),
        (
            OURS.replace("id: hr-low", "id: device-silent"),
            "rule device-silent is in set ours and again in set equipment",
        ),
        (OURS.replace("high: 120", "high: 44"), "at icu/1: hr-low (low 45 /min) is not below hr-high"),
        ("", "ours.yaml:1:"),
        (None, "cannot read"),
    ],
)
def test_bad_files_leave_the_rules_as_they_were_and_say_where_to_look(start, text, trouble):
    hub = start()
    hub.apply(set_limit())
    if text is None:
        (hub.folder / "ours.yaml").unlink()
        assert hub.limits.reread(NOW) + hub.limits.reread(NOW) == []
    else:
        assert rewrite(hub, text) == []
    assert trouble in hub.limits.trouble
    assert len(hub.limits.trouble) <= 200
    assert hub.bounds() == {"hr-low": 45}
    assert bound(hub, "hr-high") == 120
    rewrite(hub, OURS)
    assert hub.limits.trouble == "", "put right, it is in force"


def test_a_hub_that_starts_over_a_bad_file_goes_on_with_the_last_good_one_and_says_so(start):
    hub = start()
    rewrite(hub, OURS.replace("high: 120", "high: 130"))
    (hub.folder / "ours.yaml").write_text("limits: [")
    hub = start()
    assert bound(hub, "hr-high") == 130
    assert "ours.yaml:1" in hub.limits.trouble


def test_a_hub_that_never_had_good_rules_does_not_start(start, tmp_path):
    (tmp_path / "ours.yaml").write_text("limits: [")
    with pytest.raises(DocumentError):
        start()


def test_two_files_with_one_id_are_refused(start, tmp_path):
    (tmp_path / "twin.yaml").write_text(OURS)
    text = SETTINGS.replace("EXTRA", "equipment").replace("id: icu,", "id: icu, profile: twin.yaml,")
    (tmp_path / "ours.yaml").write_text(OURS)
    with pytest.raises(UsageError, match="two rule documents have the id ours"):
        Rulebook(read_document(text, "hub.yaml", HubSettings), tmp_path)
