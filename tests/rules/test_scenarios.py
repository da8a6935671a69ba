"""Scenarios: the shipped stories hold, stand on both sides of every rule, and failures can be read."""

import pytest

from rules.documents import Limit
from rules.library import read_set, scenarios_text, shipped_sets
from rules.rotas import read_pagers
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


def story(**sections):
    """A story of one bed whose SpO2 is 88 % from the beginning."""
    text = HEAD + "  - id: story\n    title: A story\n    samples: [{at: 0s, values: {spo2: 88, hr: 75}}]\n"
    return text + "".join(f"    {key}: {value}\n" for key, value in sections.items())


def told(text, plan=None):
    scenarios, rule_set = read_scenarios(text, "story.yaml", read_set)
    return [str(event) for event in run(rule_set, scenarios.scenarios[0], plan).told]


def test_a_story_may_begin_with_limits_and_staff_entries():
    assert told(story(until="30s", limits="{spo2-low: 87}")) == []
    assert told(story(until="12s", limits="{spo2-low.extreme: 89}")) == ["10s raised spo2-low (high)"]
    score = story(until="70s", entries="{acvpu: U, oxygen: oxygen, rr: 26, temp: 37, nibp_sys: 120}")
    assert "60s raised news2-high (high)" in told(score)


def test_a_limit_set_in_a_story_expires_in_it():
    actions = "[{at: 5s, set_limit: {spo2-low: 86}, for: 10s}]"
    assert told(story(until="40s", actions=actions)) == ["30s raised spo2-low (medium)"]
    actions = "[{at: 5s, set_limit: {spo2-low: 86}}, {at: 10s, clear_limit: spo2-low}]"
    assert told(story(until="40s", actions=actions)) == ["25s raised spo2-low (medium)"]


def test_a_pause_in_a_story_can_be_ended_by_hand():
    actions = "[{at: 5s, pause_alarms: 2min}, {at: 20s, resume_alarms: true}]"
    assert told(story(until="40s", actions=actions)) == [
        "15s alarms_paused spo2-low (medium)",
        "20s reraised spo2-low (medium)",
    ]


PAGERS = """
format: 1
zone: UTC
recipients:
  - {id: nurse-1, fallback: doctor-1}
  - {id: doctor-1}
rotas:
  - {id: physician, shifts: [{days: [mon], from: "08:00", to: "20:00", page: [doctor-1]}], otherwise: [nurse-1]}
policies:
  - {id: all, steps: [{after: 0s, page: [nurse-1]}, {after: 60s, page: [physician]}]}
"""


@pytest.mark.parametrize(
    ("actions", "pages"),
    [
        ("[]", ["15s paged nurse-1", "75s paged doctor-1"]),
        ("[{at: 40s, acknowledge: spo2-low}]", ["15s paged nurse-1"]),
        ("[{at: 10s, pause_alarms: 90s}]", ["100s paged nurse-1"]),
    ],
)
def test_a_story_says_who_is_paged_and_when(actions, pages):
    text = story(until="110s", actions=actions)
    happened = told(text, read_pagers(PAGERS, "pagers.yaml"))
    assert [event for event in happened if "paged n" in event or "paged d" in event] == pages


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"limits": "{spo2-lo: 80}"}, "unknown limit 'spo2-lo'; did you mean 'spo2-low'?"),
        ({"limits": "{spo2-low: 80}"}, "spo2-low.extreme (low 85 %) must lie beyond spo2-low (low 80 %)"),
        ({"entries": "{acvpu: X}"}, "Consciousness is one of A, C, V, P, U, not 'X'"),
        ({"actions": "[{at: 5s, set_limit: {heart: 40}}]"}, "unknown limit 'heart'"),
        ({"actions": "[{at: 5s, enter: {mood: 1}}]"}, "'mood' cannot be entered"),
        ({"actions": "[{at: 5s, acknowledge: spo2-low, gateway: down}]"}, "give exactly one of acknowledge, reset"),
        ({"actions": "[{at: 5s, gateway: down, for: 8h}]"}, "for belongs to set_limit"),
        ({"expect": "[{at: 5s, paged: nurse-1}]"}, "the document names no paging"),
        ({"expect": "[{at: 5s, paged: nurse-1, priority: high}]"}, "a page has no priority"),
        ({"begins": '"2026-13-01T00:00:00Z"'}, "is no moment of a calendar"),
    ],
)
def test_mistakes_in_what_people_do_are_found(sections, sentence):
    with pytest.raises(DocumentError) as caught:
        read_scenarios(story(until="20s", **sections), "story.yaml", read_set)
    assert sentence in str(caught.value)
