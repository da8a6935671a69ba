"""The shadow judges the gateway's own devices as the hub would, and goes on when its rules are exchanged."""

import pytest

from edge_agent.bedside.rulebook import open_bundle
from edge_agent.bedside.shadow import Shadow
from rules.documents import read_rules
from rules.engine import Bed, Engine
from vitals.alarms import alarm_id
from vitals.bundles import BedRules, Phase
from vitals.identity import BedKey

NOW = 1_763_682_504_000
PROBE = """
format: 1
id: probe
title: The limit of the bundle
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 2s, off_delay: 1s, priority: high, message: SpO2 low}
"""


@pytest.fixture
def rulebook(make_bundle, sign):
    def make(**fields):
        payload = sign(make_bundle(**fields))
        return open_bundle(payload, gateway="gw-1", believes=lambda _: True, now=NOW, clock="synced")[0]

    return make


@pytest.fixture
def shadow(rulebook):
    made = Shadow()
    made.take(rulebook(), NOW)
    return made


def feed(shadow, record, seconds, start=0, **values):
    """One record a second; what happened."""
    events = []
    for second in range(start, start + seconds):
        now = NOW + second * 1_000
        events += shadow.observe(record(now, **values), now)
        events += shadow.advance(now)
    return [(event.change, event.alarm.rule) for event in events]


def test_without_rules_nothing_is_judged(record):
    shadow = Shadow()
    assert shadow.observe(record(spo2=50), NOW) == []
    assert shadow.advance(NOW + 60_000) == []


def test_an_alarm_has_the_id_the_hub_gives_it(shadow, record):
    assert feed(shadow, record, 5, spo2=85) == [("raised", "spo2-low")]
    (alarm,) = shadow.standing()
    assert (alarm.id, alarm.onset) == (alarm_id("spo2-low", "icu", "7", NOW), NOW)
    assert alarm.device == "gw-1/mon-a"
    hub = Engine([read_rules(PROBE, "probe.yaml")], [Bed(BedKey("icu", "7"), ("gw-1/mon-a", "gw-2/mon-x"))])
    for second in range(5):
        now = NOW + second * 1_000 + 40  # a little later, and on a clock of its own
        hub.observe(BedKey("icu", "7"), "gw-1/mon-a", record(now - 40, spo2=85), now + 700)
    assert [a.id for a in hub.alarms()] == [alarm.id]


def test_a_device_that_stands_at_no_bed_is_not_judged(shadow, record):
    assert shadow.observe(record(device="spare", spo2=50), NOW) == []


def test_a_test_record_says_nothing_of_a_patient(shadow, record):
    assert shadow.observe(record(states=("drill",)), NOW) == []
    assert shadow.standing() == []


def test_another_limit_acts_at_once_and_the_alarm_that_no_longer_holds_clears(shadow, record, rulebook):
    feed(shadow, record, 5, spo2=85)
    events = shadow.take(rulebook(version=2, bounds={"spo2-low": 80.0}), NOW + 5_000)
    events += [event for second in (5, 6, 7) for event in _second(shadow, record, second, spo2=85)]
    assert [event.change for event in events] in (["latched"], ["cleared"])


def _second(shadow, record, second, **values):
    now = NOW + second * 1_000
    return shadow.observe(record(now, **values), now) + shadow.advance(now)


def test_a_bed_more_does_not_forget_the_alarms_of_the_others(shadow, record, rulebook):
    feed(shadow, record, 5, spo2=85)
    before = shadow.standing()
    beds = [BedRules(bed=bed, devices=[device], sets=["probe"]) for bed, device in
            [("icu/7", "mon-a"), ("icu/8", "mon-b")]]  # fmt: skip
    assert shadow.take(rulebook(version=2, beds=beds), NOW + 5_000) == []
    assert [(a.id, a.raised) for a in shadow.standing()] == [(a.id, a.raised) for a in before]
    assert shadow.observe(record(NOW + 6_000, device="mon-b", hr=150), NOW + 6_000)


def test_a_bed_less_ends_its_alarms(shadow, record, rulebook):
    feed(shadow, record, 5, spo2=85)
    beds = [BedRules(bed="icu/8", devices=["mon-a"], sets=["probe"])]
    events = shadow.take(rulebook(version=2, beds=beds), NOW + 5_000)
    assert [(event.change, event.alarm.bed) for event in events] == [("cleared", "7")]
    assert shadow.standing() == []


def test_an_override_expires_by_itself(record, rulebook):
    shadow = Shadow()
    shadow.take(rulebook(phases=[Phase(bounds={"spo2-low": 80.0}), Phase(since=NOW + 10_000)]), NOW)
    assert feed(shadow, record, 10, spo2=85) == []
    assert feed(shadow, record, 5, start=10, spo2=85) == [("raised", "spo2-low")]


def test_alarms_go_on_over_a_restart_of_the_agent(shadow, record, rulebook):
    feed(shadow, record, 5, spo2=85)
    again = Shadow()
    again.take(rulebook(), NOW + 6_000)
    again.restore(shadow.saved(), NOW + 6_000)
    assert again.advance(NOW + 6_000) == []
    assert [(a.id, a.onset, a.raised) for a in again.standing()] == [
        (a.id, a.onset, a.raised) for a in shadow.standing()
    ]
    assert feed(again, record, 3, start=7, spo2=85) == []


def test_what_is_over_while_the_hub_is_heard_is_not_kept_latched(shadow, record):
    feed(shadow, record, 5, spo2=85)
    feed(shadow, record, 5, start=5, spo2=97)
    assert [alarm.state for alarm in shadow.standing()] == ["latched"]
    shadow.forget_latched(NOW + 10_000)
    assert shadow.standing() == []


def test_a_device_that_falls_silent_is_an_alarm_here_too(shadow, record):
    feed(shadow, record, 3, spo2=97)
    events = [event for second in range(3, 30) for event in shadow.advance(NOW + second * 1_000)]
    assert [event.alarm.rule for event in events] == ["device-silent"]
