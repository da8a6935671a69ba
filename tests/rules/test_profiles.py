"""The shipped profiles: safe to stand together, described as they are, and each number with its origin."""

import re
from pathlib import Path

import pytest

from rules.bounds import bounds_of, problems
from rules.compiled import compile_rules
from rules.library import profiles, read_set, shipped_sets
from vitals.parameters import PARAMETERS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "profiles.md"
SHOWN = ("adult-ward", "adult-icu", "paediatric", "neonatal")


def table():
    """The limits of all profiles as the page shows them: parameters down, profiles across."""
    rows = [f"| | {' | '.join(f'`{name}`' for name in SHOWN)} |", f"|---|{'---|' * len(SHOWN)}"]
    bounds = {name: bounds_of(read_set(name).limits, {}) for name in SHOWN}
    for parameter in PARAMETERS.values():
        cells = [_cell(bounds[name], parameter.name) for name in SHOWN]
        if any(cell != "-" for cell in cells):
            rows.append(f"| {parameter.label}, {parameter.unit} | {' | '.join(cells)} |")
    return "\n".join(rows)


def _cell(bounds, parameter):
    sides = []
    for side in ("low", "high"):
        values = [bound.value for bound in bounds.values() if (bound.parameter, bound.side) == (parameter, side)]
        if values:
            sides.append(f"{side} {' / '.join(f'{value:g}' for value in values)}")
    return ", ".join(sides) or "-"


def test_the_page_shows_every_limit_of_every_profile():
    assert tuple(profiles()) == tuple(sorted(SHOWN))
    text = PAGE.read_text(encoding="utf-8")
    shown = re.search(r"<!-- limits -->\n(.*?)\n<!-- /limits -->", text, re.DOTALL)
    assert shown is not None
    assert shown[1].strip() == table()


@pytest.mark.parametrize("name", shipped_sets())
def test_every_rule_says_where_it_comes_from(name):
    rule_set = read_set(name)
    assert [rule.id for rule in rule_set.rules if len(rule.provenance) < 20] == []
    assert "hospital must approve" in rule_set.provenance
    assert "approved this set for patients" in rule_set.provenance


@pytest.mark.parametrize("name", profiles())
def test_a_profile_has_everything_a_bed_needs(name):
    rules = {rule.id: rule for rule in compile_rules([read_set(name)])}
    assert {"asystole", "apnoea", "device-silent", "spo2-sensor", "ecg-leads-off"} <= set(rules)
    for parameter in ("hr", "spo2", "rr", "nibp_sys", "abp_sys", "temp"):
        assert any(parameter in rule.limit_of and rule.side == "low" for rule in rules.values()), parameter
    assert rules["heart-rate-low"].extreme.priority == rules["spo2-low"].extreme.priority == "high"


@pytest.mark.parametrize("name", profiles())
def test_the_limits_of_a_profile_stand_well_to_each_other(name):
    assert list(problems(bounds_of(read_set(name).limits, {}))) == []


@pytest.mark.parametrize("name", shipped_sets())
def test_a_set_has_its_file_name_for_an_id(name):
    assert read_set(name).id == name


def test_a_heart_rate_that_is_well_for_one_age_is_an_alarm_for_another():
    bounds = {name: bounds_of(read_set(name).limits, {}) for name in SHOWN}
    lows = [bounds[name]["heart-rate-low"].value for name in SHOWN]
    assert lows == sorted(lows)
    assert bounds["adult-ward"]["heart-rate-high"].value < bounds["paediatric"]["heart-rate-high"].value
