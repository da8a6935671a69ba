"""A score that is not added up anew while nothing can have changed it: the alarms are the same as if it were."""

from dataclasses import replace
from itertools import cycle
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.beds import Entry
from rules.book import compile_book
from rules.compiled import compile_rules
from rules.documents import read_rules
from rules.engine import Bed, Engine
from rules.expressions import parse
from rules.library import read_set
from rules.score_documents import shipped_scores
from rules.scoring import Scored
from vitals.identity import BedKey
from vitals.readings import Record

BED = BedKey("north", "7")
START = 1_700_000_000_000
NEWS2 = shipped_scores()["news2"]

SETS = """
format: 1
id: scores
title: Scores
provenance: made up
scores:
  - id: shared
    title: Two lines read one parameter
    applies_to: nobody
    provenance: made up
    items:
      - {id: pulse, label: Pulse, inputs: [hr, pr], bands: [{to: 60, points: 0}, {from: 61, points: 2}]}
      - {id: beat, label: Beat, inputs: [pr, hr], bands: [{to: 100, points: 0}, {from: 101, points: 3}]}
    risks: [{from: 0, risk: low}]
conditions:
  - {id: single, kind: physiological, priority: low, when: red(news2) and news2() < 5, for: 2s, message: One}
  - {id: high, kind: physiological, priority: high, when: news2() >= 5, for: 0s, message: High}
  - {id: partial, kind: physiological, priority: low, when: news2_partial() >= 3, for: 0s, off_delay: 3s, message: P}
  - {id: both, kind: physiological, priority: low, when: score(shared) >= 2 or not news2() < 9, for: 0s, message: S}
  - {id: mixed, kind: physiological, priority: medium, when: news2() >= 3 and hr > 100, for: 1s, message: M}
"""


@pytest.mark.parametrize(
    ("text", "only"),
    [
        ("news2() >= 7", True),
        ("red(news2) and news2() < 5", True),
        ("news2_partial() >= 3 until score(news2) == 0", True),
        ("n_of_m(1, red(news2), news2() > 8)", True),
        ("news2() >= 5 and hr > 100", False),
        ("news2() >= 5 for 20s", False),
        ("news2() >= 5 and oxygen == 2", False),
        ("news2() >= 5 and change(hr, 5min) > 3", False),
        ("news2() >= 5 and not silent(20s)", False),
        ("news2() >= 5 and flag(sensor_off)", False),
        ("news2() >= limit(hr, high)", False),
        ("hr > 100", False),
    ],
)
def test_a_rule_reads_nothing_but_scores_or_it_does_not(text, only):
    assert parse(text).scored is only


def test_a_rule_with_hours_of_its_own_can_change_without_its_score():
    rule = "{id: a, kind: technical, priority: low, when: news2() > 1, for: 0s, message: A%s}"
    text = "format: 1\nid: x\ntitle: X\nprovenance: made up\ntime_zone: Europe/Berlin\nconditions: [%s]\n"
    plain, nightly = (text % (rule % more) for more in ("", ", only: {from: '22:00', to: '06:00'}"))
    scored = [compile_rules([read_rules(one, "x.yaml")])[0].scored for one in (plain, nightly)]
    assert scored == [True, False]


@given(
    name=st.sampled_from(sorted(NEWS2.parameters)),
    value=st.floats(-20, 320, allow_nan=False) | st.integers(0, 260).map(float),
    scale=st.sampled_from([None, 1.0, 2.0]),
    oxygen=st.sampled_from([None, 0.0, 1.0]),
    share=st.floats(0, 1),
)
def test_every_value_inside_a_span_has_the_same_points(name, value, scale, oxygen, share):
    entries = {"spo2_scale": scale, "oxygen": oxygen}
    known = {entry: code for entry, code in entries.items() if code is not None} | {name: value}
    low, high = NEWS2.spans([name], known)[name]
    assert low <= value <= high
    (item,) = [item for item in NEWS2.items if name in item.inputs]
    defaults = {**NEWS2.defaults, **known}
    points = item.points(defaults)
    low, high = max(low, value - 50), min(high, value + 50)
    for inside in (low, high, min(high, max(low, low + share * (high - low)))):
        assert item.points(defaults | {name: inside}) == points


def test_a_span_ends_where_the_points_change():
    assert NEWS2.spans(["hr"], {"hr": 72.0})["hr"] == (51.0, 90.0)
    assert NEWS2.spans(["hr"], {"hr": 90.3})["hr"] == (51.0, 90.3)
    assert NEWS2.spans(["hr"], {"hr": 20.0})["hr"] == (-inf, 40.0)
    assert NEWS2.spans(["temp"], {"temp": 39.5})["temp"] == (39.1, inf)


CODES = {"acvpu": [0.0, 1.0], "oxygen": [0.0, 1.0], "spo2_scale": [1.0, 2.0], "temp": [36.5, 39.4], "hr": [70.0, 120.0]}
READINGS = {
    "hr": st.sampled_from([40.0, 51.0, 72.0, 73.0, 90.0, 90.4, 90.5, 111.0, 131.0]),
    "pr": st.sampled_from([40.0, 72.0, 110.0, 131.0]),
    "spo2": st.sampled_from([88.0, 91.0, 92.0, 95.9, 96.0, 97.0]),
    "rr": st.sampled_from([8.0, 14.0, 20.4, 21.0, 25.0]),
    "temp": st.sampled_from([35.04, 35.05, 36.8, 38.05, 39.2]),
    "abp_sys": st.sampled_from([90.0, 121.0, 219.9]),
    "nibp_sys": st.sampled_from([90.0, 121.0]),
}


@st.composite
def happenings(draw):
    """What devices and staff say at one bed, some of it long after the other."""
    story = []
    for _ in range(draw(st.integers(1, 40))):
        wait = draw(st.sampled_from([0, 250, 1_000, 1_000, 3_000, 16_000, 400_000]))
        kind = draw(st.sampled_from(["record"] * 8 + ["enter", "vacate", "reset", "rebook"]))
        if kind == "record":
            source = draw(st.sampled_from(["gw/a", "gw/a", "gw/b"]))
            values = draw(st.fixed_dictionaries({}, optional=READINGS))
            flags = draw(st.dictionaries(st.sampled_from(sorted(READINGS)), st.just("sensor_off"), max_size=1))
            if draw(st.integers(0, 3)):
                flags = {}
            story.append((wait, kind, (source, values, flags)))
        elif kind == "enter":
            names = draw(st.lists(st.sampled_from(sorted(CODES)), unique=True))
            entries = {
                name: (
                    draw(st.sampled_from(CODES[name])),
                    draw(st.sampled_from([-30_000, 0, 4_000])),
                    draw(st.sampled_from([None, 3_000, 60_000])),
                )
                for name in names
            }
            story.append((wait, kind, entries))
        else:
            story.append((wait, kind, None))
    return story


def tell(story, versions, *, always):
    """Everything an engine announces and keeps, by one version of the rules after the other.

    With `always` nothing is spared.
    """
    if always:
        versions = [[replace(rule, scored=False) for rule in rules] for rules in versions]
    books = cycle([compile_book(rules) for rules in versions])
    engine = Engine((), [Bed(BED, ("gw/a", "gw/b"))])
    now = START
    engine.rebook(BED, next(books), now)
    engine.enter(BED, {name: Entry(values[0], now) for name, values in CODES.items() if name[0] in "aos"}, now)
    told = []
    for seq, (wait, kind, what) in enumerate(story, 1):
        end = now + wait
        while now < end:
            now = min(end, now + 1_000)
            told += engine.advance(now)
        if kind == "record":
            source, values, flags = what
            told += engine.observe(
                BED, source, Record(seq=seq, device=source[3:], time=now, values=values, flags=flags), now
            )
        elif kind == "enter":
            entries = {
                name: Entry(value, now + age, None if until is None else now + until)
                for name, (value, age, until) in what.items()
            }
            told += engine.enter(BED, entries, now)
        elif kind == "vacate":
            told += engine.vacate(BED, "nurse-1", "discharged", now)
        elif kind == "rebook":
            told += engine.rebook(BED, next(books), now)
        else:
            for alarm in engine.alarms(BED):
                if alarm.state == "latched":
                    told += engine.reset(alarm.id, "nurse-1", "seen", now)
        told.append((engine.score(BED, NEWS2, now), engine.alarms(BED), engine.unsaved()))
    return told


MADE_UP = [
    compile_rules([read_rules(text, "scores.yaml")])
    for text in (SETS, SETS.replace("news2() >= 5", "news2() >= 0").replace("red(news2) and ", ""))
]
ADULT = [compile_rules([read_set("adult-ward")])]


@pytest.mark.parametrize("versions", [MADE_UP, ADULT], ids=["made-up", "adult-ward"])
@settings(max_examples=150, deadline=None)
@given(story=happenings())
def test_what_is_spared_changes_nothing(versions, story):
    spared = tell(story, versions, always=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Scored, "stands", lambda *_: False)
        assert spared == tell(story, versions, always=True)


def test_what_a_device_says_counts_again_when_it_is_newer_than_what_staff_entered():
    engine = Engine([read_rules(SETS, "scores.yaml")], [Bed(BED, ("gw/a",))])
    engine.observe(BED, "gw/a", Record(seq=1, device="a", time=START, values={"hr": 40.0}), START)
    engine.enter(BED, {"hr": Entry(70.0, START + 250)}, START + 250)
    assert engine.score(BED, NEWS2, START + 250).points == {"pulse": 0}
    late = START + 16_000  # the heart rate of the device is too old now, so its pulse rate stands in
    engine.observe(BED, "gw/a", Record(seq=2, device="a", time=late, values={"pr": 40.0}), late)
    assert engine.score(BED, NEWS2, late).points == {"pulse": 3}


def test_an_alarm_of_other_rules_comes_back_when_it_was_taken_away_and_nothing_has_changed():
    text = (
        "format: 1\nid: x\ntitle: X\nprovenance: made up\nconditions: [{id: high, kind: physiological, priority: high, "
        "when: news2() >= %d, for: 0s, message: High}]\n"
    )
    strict, loose = (compile_book(compile_rules([read_rules(text % total, "x.yaml")])) for total in (5, 0))
    engine = Engine((), [Bed(BED, ("gw/a",))])
    engine.rebook(BED, strict, START)
    engine.enter(BED, {"acvpu": Entry(0.0, START), "oxygen": Entry(0.0, START)}, START)
    values = {"hr": 55.0, "spo2": 97.0, "rr": 14.0, "temp": 36.8, "nibp_sys": 121.0}

    def raised(events):
        return [event.alarm.rule for event in events if event.change == "raised"]

    def observe(number):
        now = START + number * 1_000
        return raised(engine.observe(BED, "gw/a", Record(seq=number, device="a", time=now, values=values), now))

    assert observe(1) == []
    assert raised(engine.rebook(BED, loose, START + 1_500)) == ["high"]
    engine.vacate(BED, "nurse-1", "another patient", START + 1_600)
    assert observe(2) == ["high"]


def test_a_score_is_not_added_up_while_every_value_stays_in_its_band(monkeypatch):
    added = []
    renew = Scored.renew
    monkeypatch.setattr(Scored, "renew", lambda self, *words: added.append(1) or renew(self, *words))
    engine = Engine([read_set("adult-ward")], [Bed(BED, ("gw/a",))])
    engine.enter(BED, {"acvpu": Entry(0.0, START), "oxygen": Entry(0.0, START)}, START)
    values = {"hr": 72.0, "spo2": 97.0, "rr": 14.0, "temp": 36.8, "nibp_sys": 121.0}

    def second(number, **changed):
        now = START + number * 1_000
        record = Record(seq=number, device="a", time=now, values=values | {"hr": 72.0 + number % 2} | changed)
        return engine.observe(BED, "gw/a", record, now)

    second(1)
    added.clear()
    for number in range(2, 200):
        second(number)
    assert not added
    second(200, hr=95.0)
    assert len(added) == 1
    assert engine.score(BED, NEWS2, START + 200_000).total == 1


def test_a_score_that_fails_switches_off_the_rules_that_ask_for_it_and_no_others(monkeypatch):
    engine = Engine([read_set("adult-ward")], [Bed(BED, ("gw/a",))])

    def observe(number, **values):
        now = START + number * 1_000
        return engine.observe(BED, "gw/a", Record(seq=number, device="a", time=now, values=values), now)

    observe(1, hr=72.0, nibp_sys=121.0)

    def fail(*_):
        raise ArithmeticError

    monkeypatch.setattr(Scored, "renew", fail)
    events = observe(2, hr=150.0, nibp_sys=80.0)
    assert [event.alarm.rule for event in events] == ["nibp-systolic-low", "rule-failed", "rule-failed", "rule-failed"]
    off = "news2-high (ArithmeticError), news2-medium (ArithmeticError), news2-single (ArithmeticError)"
    assert events[-1].alarm.message.endswith(off)
    assert observe(3, hr=150.0, nibp_sys=80.0) == []


def test_lines_may_share_a_parameter_and_a_span_fits_both():
    table = read_rules(SETS, "scores.yaml").tables["shared"]
    assert table.spans(["hr"], {"hr": 80.0})["hr"] == (61.0, 100.0)
