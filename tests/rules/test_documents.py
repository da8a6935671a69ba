"""Rule documents: one mistake each in bad/, with its line and its sentence; all mistakes at once."""

from pathlib import Path

import jsonschema
import pytest

from rules.documents import Condition, Limit, RuleSet, read_rules
from rules.library import read_set, set_text, shipped_sets
from vitals.document import json_schema
from vitals.errors import DocumentError, UsageError
from vitals.yamldoc import load

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_one_mistake_is_one_problem_at_its_line(path):
    text = path.read_text(encoding="utf-8")
    line, expected = text.splitlines()[0].removeprefix("# ").split(": ", 1)
    with pytest.raises(DocumentError) as caught:
        read_rules(text, path.name)
    (problem,) = caught.value.problems
    assert problem.text.startswith(expected)
    assert (problem.file, problem.line) == (path.name, int(line))


def test_every_mistake_is_reported_at_once():
    text = """\
format: 1
id: bad-set
title: Many
provenance: made up
limits:
  - {id: a-low, parameter: spo, low: 90, priority: medium, for: 5s, message: a}
  - id: b-low
    parameter: hr
    low: 400
    priority: loud
    for: 5s
    hysteresis: -1
    message: b
  - id: c-low
    parameter: hr
    low: 400
    priority: low
    for: 10min
    hysteresis: -1
    message: c
conditions:
  - {id: c-low, kind: technical, priority: low, when: silent(), for: 0s, message: d}
extra: 1
"""
    with pytest.raises(DocumentError) as caught:
        read_rules(text, "many.yaml")
    # b-low cannot be read for its priority: the rest of it waits for the next reading.
    assert [problem.line for problem in caught.value.problems] == [6, 10, 16, 18, 19, 22, 22, 23]


def test_limits_latch_by_default_only_when_high():
    rules = {limit.id: limit for limit in read_set("adult-ward").limits}
    assert rules["fio2-low"].latches
    assert not rules["spo2-low"].latches


def test_a_limit_of_zero_is_read_as_zero():
    text = (
        "format: 1\nid: zero-set\ntitle: Zero\nprovenance: made up\n"
        "limits: [{id: cvp-low, parameter: cvp, low: 0, priority: low, for: 0s, message: CVP}]\n"
    )
    (limit,) = read_rules(text, "zero.yaml").limits
    assert (limit.low, limit.high, limit.side, limit.bound) == (0.0, None, "low", 0.0)


def test_shipped_sets_are_read_by_name():
    assert "adult-ward" in shipped_sets()
    assert read_set("adult-ward").id == "adult-ward"
    with pytest.raises(UsageError, match="adult-ward"):
        read_set("adult-war")


@pytest.mark.parametrize("name", shipped_sets())
def test_every_shipped_rule_says_where_it_comes_from_and_who_must_approve(name):
    rule_set = read_set(name)
    assert "hospital must approve" in rule_set.provenance
    assert all(rule.provenance for rule in rule_set.rules)


def test_the_json_schema_accepts_the_shipped_set_and_refuses_an_unknown_key():
    schema = json_schema(RuleSet, "Rule set")
    document = load(set_text("adult-ward"), "adult-ward.yaml").data
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(document, schema)
    document["limits"][0]["hysterese"] = 1
    with pytest.raises(jsonschema.ValidationError, match="hysterese"):
        jsonschema.validate(document, schema)


@pytest.mark.parametrize("type_", [Limit, Condition])
def test_every_key_of_a_rule_is_in_the_reference(type_):
    text = (Path(__file__).parents[2] / "docs" / "reference" / "rules.md").read_text(encoding="utf-8")
    missing = [key for key in type_.__struct_encode_fields__ if f"| `{key}` |" not in text]
    assert not missing
