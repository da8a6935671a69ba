"""Score documents: the shipped ones say whom they are for, and a mistake in a table has its line."""

import jsonschema
import pytest

from rules.documents import RuleSet, read_rules
from rules.score_documents import NEWS2, read_score, score_text, shipped_score_names, shipped_scores
from rules.scores import score
from vitals.document import json_schema
from vitals.errors import DocumentError
from vitals.yamldoc import load

HEAD = """\
format: 1
id: test_score
title: Test
applies_to: Nobody
provenance: made up
items:
"""
PULSE = """\
  - id: pulse
    label: Pulse
    inputs: [hr]
    bands: [{to: 50, points: 1}, {from: 51, points: 0}]
"""
RISKS = "risks: [{from: 0, risk: low}]\n"


@pytest.mark.parametrize("name", shipped_score_names())
def test_a_shipped_table_says_where_it_comes_from_and_for_whom_it_is(name):
    table = read_score(score_text(name), f"{name}.yaml")
    assert table.id == name
    assert "hospital must approve" in " ".join(table.provenance.split())
    assert table.applies_to


def test_news2_names_the_royal_college():
    assert "Royal College of Physicians" in read_score(score_text(NEWS2), "news2.yaml").provenance


def test_the_example_table_says_that_it_is_one():
    text = score_text("example_paediatric")
    assert "EXAMPLE" in text
    table = read_score(text, "example.yaml")
    assert "Nobody" in table.applies_to
    result = score(shipped_scores()["example_paediatric"], {"rr": 30, "spo2": 97, "oxygen": 0, "pr": 165, "acvpu": 0})
    assert (result.total, result.risk, result.red) == (3, "medium", False)


@pytest.mark.parametrize(
    ("items", "rest", "line", "problem"),
    [
        (PULSE.replace("51", "52"), RISKS, 10, "items.0.bands.1.from: values between 50 and 52 have no band"),
        (PULSE.replace("51", "50"), RISKS, 10, "items.0.bands.1.from: 50 overlaps the band before it, which reaches"),
        (PULSE.replace("51", "50.5"), RISKS, 10, "items.0.bands.1.from: 50.5 is no value with 0 decimals"),
        (PULSE.replace("to: 50", "from: 0, to: 50"), RISKS, 10, "items.0.bands.0.from: values below 0 have no band"),
        (PULSE.replace("from: 51", "from: 51, to: 300"), RISKS, 10, "items.0.bands.1.to: values above 300 have no"),
        (PULSE.replace("to: 50, ", ""), RISKS, 10, "items.0.bands.0: has no to, but another band stands beside it"),
        (
            PULSE.replace("[{to: 50, points: 1}, {from: 51, points: 0}]", "[{points: 1}]"),
            RISKS,
            10,
            "items.0.bands: n",
        ),
        (PULSE.replace("hr", "puls"), RISKS, 9, "items.0.inputs.0: unknown parameter 'puls'"),
        (PULSE.replace("[hr]", "[hr, spo2]"), RISKS, 9, "items.0.inputs: are measured in % and /min"),
        (PULSE + PULSE, RISKS, 11, "items.1.id: pulse is the id of an earlier item"),
        (PULSE.replace("inputs: [hr]", "entry: acvpu"), RISKS, 7, "items.0: give inputs with either bands or cases"),
        (
            "  - {id: a, label: A, entry: acvpu, codes: {A: 0, C: 3, V: 3, P: 3}}\n",
            RISKS,
            7,
            "items.0.codes: no point",
        ),
        (
            "  - {id: a, label: A, entry: oxygen, codes: {air: 0, oxygen: 2, tube: 1}}\n",
            RISKS,
            7,
            "items.0.codes.tube: unknown code 'tube'; known: air, oxygen",
        ),
        (
            PULSE,
            "risks: [{from: 0, to: 2, risk: low}, {from: 4, risk: high}]\n",
            11,
            "risks.1.from: totals from 3 to",
        ),
        (
            PULSE,
            "risks: [{from: 0, to: 2, risk: low}, {from: 2, risk: high}]\n",
            11,
            "risks.1.from: a total of 2 has",
        ),
        (PULSE, "risks: [{from: 0, to: 2, risk: low}]\n", 11, "risks.0.to: totals above 2 have no risk"),
        (PULSE, RISKS + "defaults: {oxygen: tube}\n", 12, "defaults.oxygen: unknown code 'tube'"),
        (
            PULSE.replace("bands: [", "cases:\n      - when: {oxygen: air}\n        bands: ["),
            RISKS,
            10,
            "items.0.cases: no case for oxygen oxygen",
        ),
        (PULSE.replace("points: 1", "points: -1"), RISKS, 10, "items.0.bands.0.points: Expected `int` >= 0"),
        (PULSE.replace("points: 1", "point: 1"), RISKS, 10, "items.0.bands.0.point: unknown key 'point'; did you mean"),
    ],
)
def test_one_mistake_of_a_table_is_one_problem_at_its_line(items, rest, line, problem):
    with pytest.raises(DocumentError) as caught:
        read_score(HEAD + items + rest, "test.yaml")
    found = [one for one in caught.value.problems if one.text.startswith(problem)]
    assert [one.line for one in found] == [line], caught.value.problems
    others = [one.text for one in caught.value.problems if one not in found]
    assert others in ([], ["items.0.bands.0: missing key 'points'"])


RULES = """\
format: 1
id: test-set
title: Test
provenance: made up
scores:
  - id: local
    title: Local
    applies_to: Nobody
    provenance: made up
    items: [{id: pulse, label: Pulse, inputs: [hr], bands: [{to: 50, points: 1}, {from: 51, points: 0}]}]
    risks: [{from: 0, risk: low}]
conditions:
  - {id: local-high, kind: physiological, priority: low, when: score(local) >= 1, for: 0s, message: Local score}
"""


def test_a_rule_document_may_bring_its_own_table(new_ward):
    assert read_rules(RULES, "test.yaml").tables["local"].title == "Local"
    ward = new_ward(RULES.split("provenance: made up\n", 1)[1])
    ward.send(values={"hr": 60.0})
    assert ward.told == []
    ward.send(values={"hr": 50.0})
    assert ward.told == [(0.0, "raised", "local-high")]


def test_a_table_of_a_rule_document_with_a_mistake_is_one_problem():
    with pytest.raises(DocumentError) as caught:
        read_rules(RULES.replace("from: 51", "from: 52"), "test.yaml")
    assert [problem.line for problem in caught.value.problems] == [10]


def test_a_shipped_score_cannot_be_replaced_by_one_of_the_same_name():
    with pytest.raises(DocumentError, match="news2 is the id of a shipped score"):
        read_rules(RULES.replace("id: local\n", "id: news2\n").replace("score(local)", "news2()"), "test.yaml")


def test_the_json_schema_knows_score_tables():
    document = load(RULES, "test.yaml").data
    schema = json_schema(RuleSet, "Rule set")
    jsonschema.validate(document, schema)
    document["scores"][0]["items"][0]["band"] = []
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, schema)
