"""A rule set written out as text makes the same rules, so that a reader without files judges alike."""

import msgspec
import pytest

from rules.documents import read_rules
from rules.library import read_set, shipped_sets
from rules.transcript import transcribe

EVERYTHING = """
format: 1
id: everything
title: Every key a rule can have
provenance: For tests
include: [equipment]
time_zone: Europe/Berlin
limits:
  - id: cvp-low
    parameter: cvp
    low: 0.0
    priority: medium
    for: 15s
    off_delay: 5s
    hysteresis: 0
    latching: false
    acknowledged_for: 10min
    extreme: {low: -5, priority: high, for: 5s, message: CVP very low}
    night: {from: "22:00", to: "06:00", low: -1}
    scope: {wards: [icu], tags: [isolation]}
    message: "CVP low: °C, “quotes” and a # sign"
    provenance: not sent
conditions:
  - id: said
    kind: technical
    priority: low
    when: "flag(spo2, sensor_off) and hr > 100"
    for: 250ms
    except: {from: "08:00", to: "08:30"}
    message: "yes"
"""


def bare(rule_set):
    """Without what only people read."""
    plain = [msgspec.structs.replace(rule, provenance="") for rule in rule_set.rules]
    return plain, rule_set.id, rule_set.title, rule_set.provenance


@pytest.mark.parametrize("name", shipped_sets())
def test_every_shipped_set_is_the_same_after_its_way_as_text(name):
    rule_set = read_set(name)
    again = read_rules(transcribe(rule_set), "transcript")
    assert bare(again) == bare(rule_set)
    assert again.include == []


def test_zero_false_and_odd_words_are_not_lost_on_the_way():

    rule_set = read_rules(EVERYTHING, "everything.yaml")
    again = read_rules(transcribe(rule_set), "transcript")
    assert bare(again) == bare(rule_set)
    assert (again.limits[0].low, again.limits[0].latching, again.conditions[0].message) == (0.0, False, "yes")


def test_the_reasons_of_single_numbers_stay_at_home():
    assert "not sent" not in transcribe(read_rules(EVERYTHING, "everything.yaml"))
