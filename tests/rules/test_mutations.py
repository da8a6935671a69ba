"""The stories notice every single change of the shipped sets: bounds, comparisons, delays, priorities, expressions."""

import pytest

from rules.documents import read_rules
from rules.library import read_set, scenarios_text, shipped_sets
from rules.mutations import mutants, noticed
from rules.scenarios import read_scenarios

RULES = """
format: 1
id: probe
title: Probe
provenance: made up
limits:
  - id: spo2-low
    parameter: spo2
    low: 90
    priority: medium
    for: 15s
    hysteresis: 2
    extreme: {low: 85, priority: high, for: 10s}
    message: Low
conditions:
  - {id: lead, kind: technical, priority: low, when: flag(lead_off) and not flag(standby), for: 0s, message: Lead off}
"""
STORY = """
format: 1
rules: probe
scenarios:
  - id: low
    title: A low value
    rule: spo2-low
    until: 30s
    samples:
      - {at: 0s, values: {spo2: 88}}
    expect:
      - {at: 15s, raised: spo2-low}
"""


@pytest.mark.parametrize("name", shipped_sets())
def test_every_change_of_a_shipped_set_makes_a_story_fail(name):
    scenarios, rule_set = read_scenarios(scenarios_text(name), name, read_set)
    changes = list(mutants(rule_set))
    assert len(changes) > 15
    assert [str(change) for change in changes if not noticed(change, scenarios.scenarios)] == []


def test_everything_a_limit_says_is_changed_once():
    changes = [mutant.change for mutant in mutants(read_rules(RULES, "probe.yaml")) if mutant.rule == "spo2-low"]
    assert len(set(changes)) == len(changes)
    for change in (
        "left out",
        "low turned into high",
        "at the limit is an alarm",
        "low 91",
        "hysteresis 1",
        "for 14000ms",
    ):
        assert change in changes
    for change in ("off_delay 1000ms", "extreme medium", "extreme low 84", "extreme for 11000ms", "no extreme tier"):
        assert change in changes
    for change in ("priority low", "latching True"):
        assert change in changes


def test_every_word_of_an_expression_is_changed():
    changes = {mutant.change for mutant in mutants(read_rules(RULES, "probe.yaml")) if mutant.rule == "lead"}
    assert {change for change in changes if change.startswith("when")} == {
        "when not flag(lead_off) and not flag(standby)",
        "when flag(lead_off) or not flag(standby)",
        "when flag(lead_off) and flag(standby)",
    }
    assert not any("latching" in change for change in changes), "technical alarms never latch"


def test_a_change_no_story_tells_of_survives():
    probe = read_rules(RULES, "probe.yaml")
    scenarios, _ = read_scenarios(STORY, "story.yaml", lambda _: probe)
    survivors = {mutant.change for mutant in mutants(probe) if not noticed(mutant, scenarios.scenarios)}
    assert {"priority low", "hysteresis 3", "low 91"} <= survivors
    assert "for 14000ms" not in survivors
