"""What a hub judged live, judged again from its journal: the same alarms at the same moments."""

import json
import random

import msgspec
import pytest

from hub.history import History
from hub.ingest.intake import Intake
from hub.journal import EventRow, Journal, StateRow
from hub.late import Gaps
from hub.live import LivePicture
from hub.registry import Registry
from hub.tickets.workshop import Workshop
from rules.documents import read_rules
from rules.engine import Engine
from rules.episodes import fold
from rules.replay import deeds_of, replay
from rules.scenarios import TICK_MS

START = 1_763_682_504_000  # on a tick
SECONDS = 1_200
RULES = """
format: 1
id: probe
title: Delays, hysteresis, a latching tier, silence
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 10s, hysteresis: 2, off_delay: 5s, priority: medium, message: Low}
  - {id: hr-high, parameter: hr, high: 120, for: 5s, hysteresis: 5, priority: high, latching: true, message: HR high}
  - {id: rr-high, parameter: rr, high: 30, for: 15s, hysteresis: 2, off_delay: 5s, priority: low, message: RR high}
conditions:
  - {id: spo2-absent, kind: technical, when: "absent(spo2, 5s)", for: 2s, priority: low, message: No SpO2}
  - {id: device-silent, kind: technical, when: silent(15s), for: 0s, priority: medium, message: Silent}
"""
RULE_SETS = [read_rules(RULES, "probe.yaml")]


class LiveHub:
    """The hub's own intake, engine and journal on a clock that a test moves."""

    def __init__(self, settings, folder) -> None:
        self.registry = Registry(settings)
        self.journal = Journal(folder / "journal.db")
        self.engine = Engine(RULE_SETS, self.registry.beds())
        picture = LivePicture(self.registry, settings.hub)
        workshop = Workshop(self.registry, self.journal, START)
        self.intake = Intake(self.registry, self.journal, self.engine, picture, workshop, Gaps())
        self.now = START
        self.events = []
        self.keep(self.engine.advance(START))

    def until(self, moment) -> None:
        """Let the ticks before `moment` happen."""
        while self.now < moment:
            if self.now % TICK_MS == 0:
                self.keep(self.engine.advance(self.now))
            self.now += 1

    def hear(self, payload, *, late=False) -> None:
        _, events = self.intake.records("gw-a", "up", json.dumps(payload).encode(), late=late, now=self.now)
        self.keep(events)

    def keep(self, events) -> None:
        self.events += events
        for event in events:
            alarm = event.alarm
            row = EventRow(
                alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, msgspec.json.encode(event)
            )
            self.intake.pending.events.append(row)

    def commit(self) -> None:
        batch = self.intake.take()
        batch.states = [StateRow(*saved) for saved in self.engine.unsaved()]
        self.journal.commit(batch)


def restless(luck):
    """Values that cross limits, numbers that go missing."""
    spo2, hr, rr, off = 92.0, 118.0, 28.0, 0
    while True:
        spo2 = min(96.0, max(86.0, spo2 + luck.uniform(-0.8, 0.8)))
        hr = min(140.0, max(105.0, hr + luck.uniform(-3, 3)))
        rr = min(36.0, max(24.0, rr + luck.uniform(-1, 1)))
        values = {"hr": round(hr), "spo2": round(spo2), "rr": round(rr)}
        flags = {}
        off = off - 1 if off else luck.choice([0] * 50 + [4, 9])
        if off:
            del values["spo2"]
            flags["spo2"] = "sensor_off"
        yield values, flags


@pytest.fixture
def live(make_settings, tmp_path):
    hub = LiveHub(make_settings(), tmp_path)
    yield hub
    hub.journal.close()


def test_a_replay_of_the_journal_gives_exactly_the_live_alarms(live, tmp_path):
    luck = random.Random(7)
    patients = {"mon-a": restless(luck), "mon-b": restless(luck)}
    backlog = []
    seq = 0
    for second in range(SECONDS):
        live.until(START + second * 1_000 + luck.randrange(999))
        records = []
        for device, patient in patients.items():
            seq += 1
            values, flags = next(patient)
            record = {"seq": seq, "device": device, "time": live.now - 300, "values": values, "flags": flags}
            (backlog if luck.random() < 0.02 or 400 < second < 430 else records).append(record)
        if records:
            live.hear({"epoch": 1, "records": records})
        if backlog and luck.random() < 0.01:
            live.hear({"epoch": 1, "records": backlog}, late=True)
            backlog = []
        for alarm in live.engine.alarms():
            act = {"active": live.engine.acknowledge, "latched": live.engine.reset}.get(alarm.state)
            if act is not None and live.now - alarm.changed > 20_000:
                live.keep(act(alarm.id, "nurse-1", "seen", live.now))
        live.commit()
    end = live.now
    history = History(tmp_path / "journal.db")
    told = list(history.transitions(START, end + 1))
    assert told == live.events
    assert {"raised", "acknowledged", "reraised", "latched", "reset", "cleared"} <= {event.change for event in told}
    for bed in live.registry.beds():
        records = [
            (f"{stored.gateway}/{stored.device}", stored.record(), stored.received)
            for stored in history.judged(bed.key.ward, bed.key.bed, START, end + 1)
        ]
        here = [event for event in told if event.alarm.bed == bed.key.bed]
        found = replay(RULE_SETS, bed, records, start=START, deeds=deeds_of(here))
        assert len(found.alarms) > 5
        assert {alarm.rule for alarm in found.alarms} == {rule.id for rule in RULE_SETS[0].rules}
        assert list(found.events) == here
        assert list(found.alarms) == fold(here)
    history.close()


def test_what_came_late_is_not_judged_again(live, tmp_path, record):
    live.hear({"epoch": 1, "records": [record(1)]})
    live.hear({"epoch": 1, "records": [record(2, values={"spo2": 70.0})]}, late=True)
    live.commit()
    history = History(tmp_path / "journal.db")
    assert [stored.seq for stored in history.judged("icu", "1", 0, START + 1)] == [1]
    assert (history.received(), list(history.judged("icu", "2", 0, START + 1))) == ((START, START), [])
    history.close()
