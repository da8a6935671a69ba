"""A bed with rules, told second by second what its devices send."""

import functools
from types import MappingProxyType

import pytest

from rules.book import compile_book
from rules.compiled import compile_rules
from rules.documents import read_rules
from rules.engine import Bed, Engine
from vitals.identity import BedKey
from vitals.readings import Record

BED = BedKey("north", "7")
START = 1_700_000_000_000

HEAD = "format: 1\nid: test-set\ntitle: Test\nprovenance: made up\n"


@functools.cache
def _read(rules: str):
    return read_rules(HEAD + rules, "test.yaml")


class Ward:
    """One bed on simulated time. Events are kept as (seconds, change, rule)."""

    def __init__(self, rules: str, sources=("gw/a",), beds=()) -> None:
        self.sets = [_read(rules)]
        self.beds = [Bed(BED, tuple(sources)), *beds]
        self.engine = Engine(self.sets, self.beds)
        self.now = START
        self.seq = 0
        self.events = []
        self.kept = {}

    def send(self, values=None, missing=None, states=(), source="gw/a", bed=BED, **fields):
        self.seq += 1
        record = Record(
            seq=fields.pop("seq", self.seq),
            device=source.split("/")[1],
            time=fields.pop("time", self.now),
            values=values or {},
            flags=missing or {},
            states=tuple(states),
            **fields,
        )
        return self._keep(self.engine.observe(bed, source, record, self.now))

    def wait(self, seconds=1.0, tick_ms=250):
        end = self.now + round(seconds * 1_000)
        told = []
        while self.now < end:
            self.now = min(self.now + tick_ms, end)
            told += self._keep(self.engine.advance(self.now))
        return told

    def each_second(self, seconds, **sent):
        for _ in range(seconds):
            self.send(**sent)
            self.commit()
            self.wait(1)

    def acknowledge(self, alarm_id=None, by="nurse", reason=""):
        return self._keep(self.engine.acknowledge(alarm_id or self.alarm.id, by, reason, self.now))

    def reset(self, alarm_id=None, by="nurse", reason=""):
        return self._keep(self.engine.reset(alarm_id or self.alarm.id, by, reason, self.now))

    def pause_audio(self, what=BED, seconds=None, by="nurse-1", reason=""):
        return self._keep(self.engine.pause_audio(what, by, reason, self._in(seconds), self.now))

    def pause_alarms(self, seconds=None, by="nurse-1", reason="washing", bed=BED):
        return self._keep(self.engine.pause_alarms(bed, by, reason, self._in(seconds), self.now))

    def resume_alarms(self, by="nurse-1", reason="", bed=BED):
        return self._keep(self.engine.resume_alarms(bed, by, reason, self.now))

    def fault(self, rule, holds=True, subject="", ward="north", **fields):
        place = BedKey(ward, subject or "7")
        return self._keep(self.engine.fault(place, subject, rule, holds, self.now, **fields))

    def gateway_down(self, down=True, gateway="gw"):
        return self._keep(self.engine.gateway_down(gateway, down, self.now))

    def adopt(self, alarm):
        return self._keep(self.engine.adopt(alarm, self.now))

    def rebook(self, rules, bounds=MappingProxyType({})):
        book = compile_book(compile_rules([_read(rules)], bounds))
        return self._keep(self.engine.rebook(BED, book, self.now))

    def commit(self):
        """Save what changed, as the hub does many times a second."""
        self.kept |= {row[:3]: row for row in self.engine.unsaved()}

    def restart(self, down_s=0.0, sets=None, beds=None):
        """Save all there is, and go on in a new engine, which reads it in the order of the journal's key."""
        self.commit()
        self.now += round(down_s * 1_000)
        self.engine = Engine(sets or self.sets, beds or self.beds)
        self.engine.restore(sorted(row for row in self.kept.values() if row.body is not None), self.now)

    @property
    def alarm(self):
        (alarm,) = self.engine.alarms(BED)
        return alarm

    @property
    def told(self):
        return [((event.time - START) / 1_000, event.change, event.alarm.rule) for event in self.events]

    def _in(self, seconds):
        return None if seconds is None else self.now + round(seconds * 1_000)

    def _keep(self, events):
        self.events += events
        return events


@pytest.fixture(scope="session")
def new_ward():
    return Ward
