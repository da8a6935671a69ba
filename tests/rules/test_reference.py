"""The reference pages say what the code does."""

import re
from pathlib import Path

from rules.documents import read_rules
from rules.faults import FAULTS
from rules.library import shipped_sets
from rules.machine import TABLE, State, diagram
from rules.scenarios import read_scenarios
from rules.stories import run

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


def blocks(page, language):
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_diagram_is_drawn_from_the_table():
    assert blocks("alarm-machine.md", "mermaid") == [diagram() + "\n"]


def test_the_diagram_shows_every_way():
    assert diagram().count(" --> ") == sum(len(row) for row in TABLE.values()) + 1


def test_every_state_and_every_fault_is_described_as_it_is():
    text = (REFERENCE / "alarm-machine.md").read_text(encoding="utf-8")
    for state in State:
        assert f"\n| {state.value} | " in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert rows == [
        f"| `{id_}` | {priority} | {message} | {onset // 1000} s | {off // 1000} s |"
        for id_, (priority, message, onset, off) in FAULTS.items()
    ]


def test_the_example_rules_are_read_and_the_example_story_holds():
    rules, stories = blocks("rules.md", "yaml")
    rule_set = read_rules(rules, "ward-3.yaml")
    scenarios, _ = read_scenarios(stories, "ward-3.scenarios.yaml", {"ward-3.yaml": rule_set}.__getitem__)
    outcomes = [run(rule_set, scenario) for scenario in scenarios.scenarios]
    assert all(outcome.passed for outcome in outcomes), outcomes[0].timeline()


def test_the_shipped_sets_are_described():
    text = (REFERENCE / "rules.md").read_text(encoding="utf-8")
    assert [name for name in shipped_sets() if f"`{name}`" not in text] == []
