"""Scenarios: the shipped stories hold, stand on both sides of every rule, and failures can be read."""

import pytest

from rules.documents import Limit, read_rules
from rules.library import read_set, scenarios_text, set_text, shipped_sets
from rules.scenarios import Told, read_scenarios
from rules.stories import run, uncovered
from vitals.errors import DocumentError
from vitals.parameters import PARAMETERS

HEAD = "format: 1\nrules: adult-ward\nscenarios:\n"
STORY = """\
  - id: story
    title: A story
    until: 30s
    samples:
      - {at: 0s, values: {spo2: 97}}
      - {at: 5s, values: {spo2: 88}}
    expect:
      - {at: 19s, raised: spo2-low}
"""


def shipped():
    for name in shipped_sets():
        scenarios, rule_set = read_scenarios(scenarios_text(name), f"{name}.scenarios.yaml", read_set)
        for scenario in scenarios.scenarios:
            yield pytest.param(rule_set, scenario, id=f"{name}:{scenario.id}")


@pytest.mark.parametrize(("rule_set", "scenario"), list(shipped()))
def test_a_shipped_story_makes_exactly_its_alarms(rule_set, scenario):
    outcome = run(rule_set, scenario)
    assert outcome.passed, "\n".join(outcome.timeline())


@pytest.mark.parametrize("name", shipped_sets())
def test_every_shipped_rule_has_a_story_on_each_side(name):
    scenarios, rule_set = read_scenarios(scenarios_text(name), name, read_set)
    assert uncovered(rule_set, [run(rule_set, scenario) for scenario in scenarios.scenarios]) == []


def shipped_limits():
    return [pytest.param(name, limit, id=limit.id) for name in shipped_sets() for limit in read_set(name).limits]


@pytest.mark.parametrize(("name", "limit"), shipped_limits())
def test_the_stories_of_a_limit_stand_as_near_to_it_as_can_be_measured(name, limit: Limit):
    scenarios, rule_set = read_scenarios(scenarios_text(name), name, read_set)
    step = 10 ** -PARAMETERS[limit.parameter].decimals
    beyond = round(limit.bound - step if limit.side == "low" else limit.bound + step, 6)
    raising, quiet = set(), set()
    for scenario in scenarios.scenarios:
        if scenario.rule == limit.id:
            values = {sample.values[name] for sample in scenario.samples for name in sample.values}
            raised = any(told.rule == limit.id and told.change == "raised" for told in run(rule_set, scenario).told)
            (raising if raised else quiet).update(values)
    assert beyond in raising
    assert limit.bound in quiet
    assert limit.for_ == 0 or beyond in quiet, "a story that is too short for the delay"


def test_moving_a_limit_by_one_step_breaks_a_story():
    """The stories notice a change of any limit: each is moved by its smallest step, both ways."""
    scenarios, rule_set = read_scenarios(scenarios_text("adult-ward"), "a", read_set)
    text = set_text("adult-ward")
    for limit in rule_set.limits:
        step = 10 ** -PARAMETERS[limit.parameter].decimals
        for moved in (limit.bound - step, limit.bound + step):
            start = text.index(f"- id: {limit.id}\n")
            at = text.index(f"{limit.side}: ", start)
            end = text.index("\n", at)
            changed = read_rules(f"{text[:at]}{limit.side}: {round(moved, 6):g}{text[end:]}", "changed.yaml")
            about = [scenario for scenario in scenarios.scenarios if scenario.rule == limit.id]
            assert not all(run(changed, scenario).passed for scenario in about), f"{limit.id} moved to {moved}"


def test_a_story_that_goes_otherwise_shows_expected_and_told():
    scenarios, rule_set = read_scenarios(HEAD + STORY, "story.yaml", read_set)
    outcome = run(rule_set, scenarios.scenarios[0])
    assert not outcome.passed
    assert outcome.told == (Told(20_000, "raised", "spo2-low", "medium"),)
    assert outcome.timeline() == ["- 19s raised spo2-low", "+ 20s raised spo2-low (medium)"]


def test_an_alarm_nobody_expected_fails_a_story():
    scenarios, rule_set = read_scenarios(HEAD + STORY.split("    expect")[0], "story.yaml", read_set)
    assert not run(rule_set, scenarios.scenarios[0]).passed


@pytest.mark.parametrize(
    ("old", "new", "line", "fragment"),
    [
        ("raised: spo2-low", "raised: spo2-lo", 11, "unknown rule 'spo2-lo'; did you mean 'spo2-low'?"),
        ("raised: spo2-low", "raised: spo2-low, cleared: spo2-low", 11, "exactly one of"),
        ("at: 19s", "at: 31s", 11, "after the end of the story"),
        ("at: 5s", "at: 0s", 9, "must be later than the entry of monitor before it"),
        ("{spo2: 88}", "{spo3: 88}", 9, "unknown parameter 'spo3'"),
        ("{spo2: 88}", "{spo2: 188}", 9, "cannot be measured"),
        ("{spo2: 88}", "{spo2: 88}, missing: {spo2: sensor_off}", 9, "has a value and is missing"),
        ("{spo2: 88}", "{}, missing: {spo2: gone}", 9, "unknown reason 'gone'"),
        ("{spo2: 88}", "{}, states: [sleepy]", 9, "unknown device state 'sleepy'"),
        ("{spo2: 88}", "{spo2: 88}, silent: true", 9, "a silent device sends no values"),
        ("until: 30s", "until: 30s\n    every: 1ms", 7, "must be at least 250ms"),
        ("    until", "    rule: spo2\n    until", 6, "unknown rule 'spo2'"),
    ],
)
def test_mistakes_in_scenario_documents_are_found(old, new, line, fragment):
    with pytest.raises(DocumentError) as caught:
        read_scenarios(HEAD + STORY.replace(old, new, 1), "story.yaml", read_set)
    (problem,) = caught.value.problems
    assert fragment in problem.text
    assert problem.line == line


def test_a_scenario_may_say_what_people_do():
    story = STORY.replace("at: 19s", "at: 20s") + "      - {at: 25s, acknowledged: spo2-low}\n"
    story += "    actions: [{at: 25s, acknowledge: spo2-low}, {at: 26s, reset: spo2-low}]\n"
    scenarios, rule_set = read_scenarios(HEAD + story, "story.yaml", read_set)
    assert run(rule_set, scenarios.scenarios[0]).passed, "a refused reset is no event"
