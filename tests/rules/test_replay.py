"""Records judged again: the same alarms as the hub's own ticks make, whatever the order and however often they came."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.documents import read_rules
from rules.engine import Bed, Engine
from rules.episodes import fold
from rules.library import read_set
from rules.machine import Refused
from rules.replay import Stored, deeds_of, in_order, replay
from rules.scenarios import TICK_MS
from vitals.identity import BedKey
from vitals.readings import Record

START = 1_700_000_000_000  # on a tick
BED = Bed(BedKey("north", "7"), ("gw/a",))
RULES = """
format: 1
id: probe
title: Probe
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 3s, off_delay: 2s, priority: medium, message: SpO2 low}
  - {id: hr-high, parameter: hr, high: 120, for: 0ms, priority: high, latching: true, message: HR high}
conditions:
  - {id: no-spo2, when: "absent(spo2, 10s)", for: 1s, priority: low, kind: technical, message: No SpO2}
"""


@pytest.fixture(scope="module")
def sets():
    return [read_rules(RULES, "probe.yaml")]


def wander(seed, seconds=900):
    """A restless patient on a restless line: 1 Hz with jitter, values that cross limits, gaps, missing numbers."""
    luck = random.Random(seed)
    spo2, hr, now = 93.0, 110.0, START
    for number in range(1, seconds + 1):
        now += luck.choice((980, 1_000, 1_000, 1_013, 1_240))
        if luck.random() < 0.005:
            now += luck.choice((9_000, 21_000, 70_000))
        spo2 = min(100.0, max(80.0, spo2 + luck.uniform(-1.5, 1.5)))
        hr = min(160.0, max(60.0, hr + luck.uniform(-4, 4)))
        gone = luck.random() < 0.05
        values = {"hr": round(hr)} | ({} if gone else {"spo2": round(spo2)})
        flags = {"spo2": "sensor_off"} if gone else {}
        yield "gw/a", Record(seq=number, device="a", time=now - 150, values=values, flags=flags), now


def tick_by_tick(sets, records, start, end):
    """What the hub does: every record when it comes, and every tick, with nothing skipped."""
    engine, told, tick = Engine(sets, [BED]), [], start
    told += engine.advance(start)
    for source, record, now in records:
        while tick < now:
            told += engine.advance(tick)
            tick += TICK_MS
        told += engine.observe(BED.key, source, record, now)
    while tick < end:
        told += engine.advance(tick)
        tick += TICK_MS
    return told


@pytest.mark.parametrize("seed", range(8))
def test_skipping_idle_time_changes_nothing(sets, seed):
    records = list(wander(seed))
    end = records[-1][2] + 120_000
    found = replay(sets, BED, records, start=START, until=end)
    assert list(found.events) == tick_by_tick(sets, records, START, end)
    assert {event.change for event in found.events} >= {"raised", "cleared", "latched"}


def test_the_shipped_rules_too(sets):
    records = list(wander(3))
    shipped, end = [read_set("adult-ward")], records[-1][2] + 120_000
    found = replay(shipped, BED, records, start=START, until=end)
    assert found.events
    assert list(found.events) == tick_by_tick(shipped, records, START, end)


def act(engine, luck, now):
    """What a busy nurse might do now; mostly nothing. Pauses begin and end over an alarm, or no event would tell."""
    standing = {alarm.state for alarm in engine.alarms() if alarm.condition}
    deed = luck.choice([*(["nothing"] * 150), "pause alarms", "resume alarms", *(["pause audio", "see"] * 4)])
    with contextlib.suppress(Refused):
        if deed == "pause alarms" and "active" in standing:
            return engine.pause_alarms(BED.key, "nurse-1", "washing", now + 90_000, now)
        if deed == "resume alarms" and "alarms_paused" in standing:
            return engine.resume_alarms(BED.key, "nurse-1", "done", now)
        if deed == "pause audio":
            return engine.pause_audio(BED.key, "nurse-1", "", now + 30_000, now)
        if deed == "see" and engine.alarms():
            alarm = luck.choice(engine.alarms())
            see = engine.reset if alarm.state == "latched" else engine.acknowledge
            return see(alarm.id, "nurse-1", "seen", now)
    return []


@pytest.mark.parametrize("seed", range(8))
def test_what_people_did_is_done_again(sets, seed):
    records, luck = list(wander(seed)), random.Random(seed)
    engine, told = Engine(sets, [BED]), []
    for source, record, now in records:
        while (due := engine.next_due()) is not None and (tick := -(-due // TICK_MS) * TICK_MS) < now:
            told += engine.advance(tick)
        told += engine.observe(BED.key, source, record, now)
        if now % TICK_MS:
            told += act(engine, luck, now)
    again = replay(sets, BED, records, deeds=deeds_of(told))
    assert {"acknowledged", "audio_paused"} <= {event.change for event in told}
    assert list(again.events) == told
    assert again.alarms == tuple(fold(told))


def test_each_thing_people_do_was_among_them(sets):
    told = []
    for seed in range(8):
        engine, luck = Engine(sets, [BED]), random.Random(seed)
        for source, record, now in wander(seed):
            told += engine.advance(now) + engine.observe(BED.key, source, record, now) + act(engine, luck, now)
    done = {event.change for event in told if event.by}
    assert done == {"acknowledged", "audio_paused", "alarms_paused", "reraised", "reset"}


def test_what_was_done_to_an_alarm_that_no_longer_exists_is_left(sets):
    records = list(wander(1))
    deeds = list(deeds_of(event for event in replay(sets, BED, records, attended=True).events))
    gentle = [read_rules(RULES.replace("high: 120", "high: 200"), "gentle.yaml")]
    assert deeds
    assert {alarm.rule for alarm in replay(gentle, BED, records, deeds=deeds).alarms} == {"spo2-low"}


def test_attended_each_latched_alarm_is_let_go_and_the_next_is_a_new_one(sets):
    records = list(wander(1))
    left = [alarm for alarm in replay(sets, BED, records).alarms if alarm.rule == "hr-high"]
    attended = [alarm for alarm in replay(sets, BED, records, attended=True).alarms if alarm.rule == "hr-high"]
    assert len(left) == 1
    assert len(attended) == left[0].calls > 1


def test_time_ends_with_the_last_record_unless_told_otherwise(sets):
    record = Record(seq=1, device="a", time=START, values={"spo2": 85.0})
    assert replay(sets, BED, [("gw/a", record, START)]).events == ()
    (raised,) = replay(sets, BED, [("gw/a", record, START)], until=START + 3_001).events
    assert (raised.time, raised.alarm.onset) == (START + 3_000, START)
    assert replay(sets, BED, [("gw/a", record, START)], until=START + 3_000).events == ()


def test_of_no_records_nothing_comes(sets):
    assert replay(sets, BED, []).events == ()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 5), luck=st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_arrival_matters(seed, luck):
    rules = [read_rules(RULES, "probe.yaml")]
    stored = [Stored(source, 1, record) for source, record, _ in wander(seed, 240)]
    arrived = stored + luck.sample(stored, 60)
    luck.shuffle(arrived)
    assert replay(rules, BED, in_order(arrived)) == replay(rules, BED, in_order(stored))
