"""What a gateway alarmed by itself becomes the hub's once, under its id; what is over is written down."""

import json

import pytest

from hub.bedside import take_report
from rules.documents import read_rules
from rules.engine import Bed, Engine
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.bundles import BedsideReport
from vitals.codec import encode
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.readings import Record

NOW = 1_763_682_504_000
SEVEN, EIGHT = BedKey("icu", "7"), BedKey("icu", "8")
BEDS = {"gw-1": [SEVEN], "gw-2": [EIGHT]}
RULES = """
format: 1
id: probe
title: One limit
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 2s, off_delay: 1s, priority: high, message: SpO2 low}
"""


@pytest.fixture
def engine():
    made = Engine([read_rules(RULES, "probe.yaml")], [Bed(SEVEN, ("gw-1/mon-a",)), Bed(EIGHT, ("gw-2/mon-a",))])
    made.advance(NOW)
    return made


def alarm(onset=NOW - 60_000, bed="7", **fields):
    defaults = {
        "id": alarm_id("spo2-low", "icu", bed, onset), "rule": "spo2-low", "ward": "icu", "bed": bed,
        "kind": "physiological", "priority": "high", "state": "active", "rev": 1, "message": "SpO2 low",
        "onset": onset, "raised": onset + 2_000, "changed": onset + 2_000, "bedside": True,
    }  # fmt: skip
    return Alarm(**{**defaults, **fields})


def report(*standing, ended=(), gateway="gw-1"):
    return encode(BedsideReport(gateway=gateway, time=NOW, standing=list(standing), ended=list(ended)))


def take(engine, payload, now=NOW, gateway="gw-1"):
    return take_report(engine, BEDS, gateway, payload, now)


def test_an_alarm_the_hub_does_not_know_is_raised_under_its_own_id_with_its_true_start(engine):
    taken = take(engine, report(alarm()))
    assert [(e.change, e.alarm.id, e.alarm.onset, e.alarm.raised, e.alarm.bedside) for e in taken.events] == [
        ("raised", alarm().id, NOW - 60_000, NOW - 58_000, True)
    ]
    assert taken.writes == []


def test_the_same_report_again_changes_nothing(engine):
    take(engine, report(alarm()))
    assert take(engine, report(alarm()), NOW + 1_000) == ([], [])


def test_an_alarm_somebody_has_seen_at_the_hub_stays_seen(engine):
    (event,) = take(engine, report(alarm())).events
    engine.acknowledge(event.alarm.id, "nurse-1", "", NOW + 1_000)
    assert take(engine, report(alarm()), NOW + 2_000).events == []
    assert [a.state for a in engine.alarms(SEVEN)] == ["acknowledged"]


def test_readings_that_came_before_the_report_make_no_second_alarm(engine):
    for second in range(4):
        now = NOW + second * 1_000
        engine.observe(
            SEVEN, "gw-1/mon-a", Record(seq=second + 1, device="mon-a", time=now, values={"spo2": 80.0}), now
        )
    (own,) = engine.alarms(SEVEN)
    assert take(engine, report(alarm()), NOW + 4_000).events == []
    (merged,) = engine.alarms(SEVEN)
    assert (merged.id, merged.onset, merged.bedside) == (own.id, NOW - 60_000, True)


def test_an_alarm_the_hub_raised_itself_is_not_changed_by_the_shadow_of_it(engine):
    for second in range(4):
        now = NOW + second * 1_000
        engine.observe(
            SEVEN, "gw-1/mon-a", Record(seq=second + 1, device="mon-a", time=now, values={"spo2": 80.0}), now
        )
    before = engine.alarms(SEVEN)
    assert take(engine, report(alarm(bedside=False)), NOW + 4_000) == ([], [])
    assert engine.alarms(SEVEN) == before


def test_what_is_over_is_written_down_as_late_and_announced_to_nobody(engine):
    ended = [
        AlarmEvent(change="raised", time=NOW - 58_000, alarm=alarm()),
        AlarmEvent(change="cleared", time=NOW - 30_000, alarm=alarm(rev=2)),
    ]
    taken = take(engine, report(ended=ended))
    assert taken.events == []
    bodies = [json.loads(write.values[6]) for write in taken.writes]
    assert [(b["change"], b["time"], b["alarm"]["late"], b["alarm"]["bedside"]) for b in bodies] == [
        ("raised", NOW - 58_000, True, True),
        ("cleared", NOW - 30_000, True, True),
    ]


def test_a_gateway_speaks_of_its_own_beds_only(engine):
    for payload in (
        report(alarm(bed="8")),
        report(ended=[AlarmEvent(change="raised", time=NOW, alarm=alarm(bed="8"))]),
        report(alarm(subject="hub/hub-1", bed="")),
    ):
        with pytest.raises(WireError, match="identity: no device of the gateway"):
            take(engine, payload)
    with pytest.raises(WireError, match="identity"):
        take(engine, report(alarm(), gateway="gw-2"))
    with pytest.raises(WireError, match="identity: no device"):
        take(engine, report(alarm(), gateway="gw-9"), gateway="gw-9")


def test_an_alarm_of_a_rule_that_is_no_longer_in_force_is_not_forgotten(engine):
    taken = take(engine, report(alarm(rule="old-rule")))
    assert taken.events == []
    assert [write.values[4] for write in taken.writes] == ["raised"]


def test_what_a_device_or_a_patient_left_behind_is_written_down_and_calls_nobody(engine):
    moved = take_report(engine, {"gw-1": []}, "gw-1", report(alarm()), NOW, {SEVEN})
    left = take_report(engine, BEDS, "gw-1", report(alarm()), NOW, (), lambda bed: NOW - 1_000)
    for taken in (moved, left):
        assert (taken.events, len(taken.writes)) == ([], 1)
    assert engine.alarms() == []
