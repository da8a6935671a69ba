"""`wardline rules check` and `wardline rules test`."""

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from rules.library import set_text
from wardline.cli import main

BAD = Path(__file__).parent / "bad"
STORIES = """\
format: 1
rules: RULES
scenarios:
  - id: low
    title: A low value
    until: 20s
    samples:
      - {at: 0s, values: {spo2: 88}}
    expect:
      - {at: 15s, raised: spo2-low}
"""


def test_check_says_what_is_in_a_good_document(tmp_path, capsys):
    file = tmp_path / "mine.yaml"
    file.write_text(set_text("adult-ward"))
    assert main(["rules", "check", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: ok, 15 limits, 12 conditions\n"


def test_check_without_a_file_checks_the_shipped_sets(capsys):
    assert main(["rules", "check"]) == 0
    assert "adult-ward.yaml: ok" in capsys.readouterr().out


def test_check_reports_every_problem_of_every_file_with_its_line(capsys):
    files = [str(BAD / "unknown-key.yaml"), str(BAD / "repeated-id.yaml")]
    assert main(["rules", "check", *files]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"{files[0]}:7", f"{files[1]}:9"]


def test_check_can_answer_in_json(capsys):
    assert main(["rules", "check", "--json", str(BAD / "unknown-key.yaml")]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert report["problems"][0]["line"] == 7


def test_a_file_that_is_not_there_is_wrong_use(capsys):
    assert main(["rules", "check", "nowhere.yaml"]) == 2
    assert "cannot read nowhere.yaml" in capsys.readouterr().err


def test_test_runs_the_shipped_stories(capsys):
    assert main(["rules", "test"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith(" 0 failed")


@pytest.mark.parametrize("rules", ["adult-ward", "mine.yaml"])
def test_test_finds_the_rules_by_name_or_beside_the_stories(tmp_path, capsys, rules):
    (tmp_path / "mine.yaml").write_text(set_text("adult-ward"))
    stories = tmp_path / "mine.scenarios.yaml"
    stories.write_text(STORIES.replace("RULES", rules))
    assert main(["rules", "test", str(stories)]) == 0
    assert f"{stories}: low: ok, A low value" in capsys.readouterr().out


def test_test_shows_a_timeline_of_what_went_otherwise(tmp_path, capsys):
    stories = tmp_path / "mine.scenarios.yaml"
    stories.write_text(STORIES.replace("RULES", "adult-ward").replace("15s", "14s"))
    assert main(["rules", "test", str(stories)]) == 1
    out = capsys.readouterr().out
    assert "    - 14s raised spo2-low\n    + 15s raised spo2-low (medium)\n" in out
    assert main(["rules", "test", "--json", str(stories)]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert report["passed"] is False
    assert report["scenarios"][0]["told"] == [
        {"at": 15_000, "change": "raised", "rule": "spo2-low", "priority": "medium"}
    ]


def test_test_reports_problems_of_the_rules_it_names(tmp_path, capsys):
    stories = tmp_path / "mine.scenarios.yaml"
    stories.write_text(STORIES.replace("RULES", str(BAD / "unknown-key.yaml")))
    assert main(["rules", "test", str(stories)]) == 1
    assert "unknown-key.yaml:7: " in capsys.readouterr().out


def test_test_says_where_it_looked_for_rules(tmp_path, capsys):
    stories = tmp_path / "mine.scenarios.yaml"
    stories.write_text(STORIES.replace("RULES", "nowhere.yaml"))
    assert main(["rules", "test", str(stories)]) == 2
    assert f"there are no rules {tmp_path / 'nowhere.yaml'}" in capsys.readouterr().err


def test_test_writes_junit_with_a_case_for_each_scenario(tmp_path, capsys):
    stories, out = tmp_path / "mine.scenarios.yaml", tmp_path / "out.xml"
    text = STORIES.replace("RULES", "adult-ward")
    stories.write_text(text + text.split("scenarios:\n")[1].replace("id: low", "id: late").replace("15s", "14s"))
    assert main(["rules", "test", str(stories), "--junit", str(out)]) == 1
    (suite,) = ElementTree.parse(out).getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    good, bad = suite
    assert (good.get("name"), len(good)) == ("low", 0)
    assert "- 14s raised spo2-low" in bad.find("failure").text


def test_test_writes_a_document_that_cannot_be_read_as_an_error(tmp_path, capsys):
    stories, out = tmp_path / "mine.scenarios.yaml", tmp_path / "out.xml"
    stories.write_text("format: 1\n")
    assert main(["rules", "test", str(stories), "--junit", str(out)]) == 1
    (suite,) = ElementTree.parse(out).getroot()
    assert suite.get("errors") == "1"
    assert "<&" not in out.read_text()


def test_test_names_each_change_that_no_story_notices(tmp_path, capsys):
    stories = tmp_path / "mine.scenarios.yaml"
    stories.write_text(STORIES.replace("RULES", "adult-ward"))
    assert main(["rules", "test", "--mutants", str(stories)]) == 1
    out = capsys.readouterr().out
    assert f"{stories}: no story notices heart-rate-low: for 11000ms" in out
    assert "no story notices spo2-low: for 14000ms" not in out
    assert main(["rules", "test", "--mutants", "--json", str(stories)]) == 1
    (report,) = json.loads(capsys.readouterr().out)
    assert 0 < len(report["survivors"]) < report["mutants"]
