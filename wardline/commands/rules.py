"""`wardline rules check|test`: rule documents, their scenarios, and the chain of a hub, judged before they count."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from chassis.settings import read_text
from rules.documents import RuleSet, read_rules
from rules.library import read_set, scenarios_text, set_text, shipped_sets
from rules.mutations import mutants, noticed
from rules.rotas import Plan, read_pagers
from rules.scenarios import read_scenarios
from rules.stories import Outcome, uncovered
from rules.stories import run as run_scenario
from vitals.errors import DocumentError, UsageError
from wardline.commands import rules_backtest, rules_limits
from wardline.junit import junit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline rules`."""
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    check = actions.add_parser("check", help="report every problem of rule documents, with file and line")
    check.add_argument("files", nargs="*", metavar="FILE", help="rule documents; without any, the shipped sets")
    check.add_argument("--config", type=Path, metavar="FILE", help="check what this hub judges by, overrides included")
    check.set_defaults(act=_check)
    test = actions.add_parser("test", help="run scenario documents against their rules")
    test.add_argument("files", nargs="*", metavar="FILE", help="scenario documents; without any, the shipped ones")
    test.add_argument(
        "--mutants", action="store_true", help="change the rules one by one: which change no story notices"
    )
    test.add_argument("--junit", type=Path, metavar="FILE", help="write the outcome as JUnit XML, too")
    test.set_defaults(act=_test)
    backtest = actions.add_parser("backtest", help="count the alarms rules would have made of past readings")
    rules_backtest.add_arguments(backtest)
    backtest.set_defaults(act=rules_backtest.run)
    rules_limits.add_actions(actions)
    for action in (check, test):
        action.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Run the action; 0 if all is well, 1 if not."""
    return int(arguments.act(arguments))


def _check(arguments: argparse.Namespace) -> int:
    texts = [(file, partial(read_text, Path(file))) for file in arguments.files]
    if not texts and arguments.config is None:
        texts = [(f"{name}.yaml", partial(set_text, name)) for name in shipped_sets()]
    reports = [_check_one(file, read) for file, read in texts]
    if arguments.config is not None:
        reports.append(_check_hub(arguments.config))
    if arguments.json:
        print(json.dumps(reports, indent=2, ensure_ascii=False))
    else:
        for report in reports:
            counts = f"{_count(report['limits'], 'limit')}, {_count(report['conditions'], 'condition')}"
            print(
                "\n".join(_sentences(report["problems"])) if report["problems"] else f"{report['file']}: ok, {counts}"
            )
    return 1 if any(report["problems"] for report in reports) else 0


def _check_one(file: str, read: Callable[[], str]) -> dict[str, Any]:
    try:
        rule_set = read_rules(read(), file)
    except DocumentError as error:
        return {"file": file, "limits": 0, "conditions": 0, "problems": _problems(error)}
    return {"file": file, "limits": len(rule_set.limits), "conditions": len(rule_set.conditions), "problems": []}


def _check_hub(config: Path) -> dict[str, Any]:
    """The rule documents a hub names, together, and what people have set over them."""
    try:
        limits, conditions, sentences = rules_limits.check_hub(config)
    except DocumentError as error:
        return {"file": str(config), "limits": 0, "conditions": 0, "problems": _problems(error)}
    problems = [{"file": str(config), "line": 1, "text": sentence} for sentence in sentences]
    return {"file": str(config), "limits": limits, "conditions": conditions, "problems": problems}


def _test(arguments: argparse.Namespace) -> int:
    if arguments.files:
        reports = [
            _test_one(file, partial(read_text, Path(file)), partial(_find, Path(file).parent), arguments.mutants)
            for file in arguments.files
        ]
    else:
        reports = [
            _test_one(f"{name}.scenarios.yaml", partial(scenarios_text, name), read_set, arguments.mutants)
            for name in shipped_sets()
        ]
    if arguments.junit is not None:
        _write(arguments.junit, junit(reports))
    if arguments.json:
        print(json.dumps(reports, indent=2, ensure_ascii=False))
    else:
        for report in reports:
            print("\n".join(_lines(report)))
    return 0 if all(report["passed"] for report in reports) else 1


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error


def _test_one(file: str, read: Callable[[], str], find: Callable[[str], RuleSet], mutate: bool) -> dict[str, Any]:
    try:
        scenarios, rule_set = read_scenarios(read(), file, find)
        plan = _plan(Path(file).parent, scenarios.paging)
    except DocumentError as error:
        return {"file": file, "passed": False, "problems": _problems(error), "scenarios": [], "uncovered": []}
    changes = list(mutants(rule_set)) if mutate else []
    survivors = [str(change) for change in changes if not noticed(change, scenarios.scenarios, plan)]
    outcomes = [run_scenario(rule_set, scenario, plan) for scenario in scenarios.scenarios]
    return {
        "file": file,
        "passed": all(outcome.passed for outcome in outcomes) and not survivors,
        "problems": [],
        "scenarios": [_outcome(outcome) for outcome in outcomes],
        "uncovered": uncovered(rule_set, outcomes),
        **({"mutants": len(changes), "survivors": survivors} if mutate else {}),
    }


def _find(folder: Path, name: str) -> RuleSet:
    """The rules a scenario document names: a file beside it, or a shipped set."""
    if name in shipped_sets():
        return read_set(name)
    path = folder / name
    if not path.is_file():
        raise UsageError(f"there are no rules {path}, and no shipped set {name!r}: {', '.join(shipped_sets())}")
    return read_rules(read_text(path), str(path))


def _plan(folder: Path, name: str) -> Plan | None:
    """The pager document a scenario document names."""
    return read_pagers(read_text(folder / name), str(folder / name)) if name else None


def _outcome(outcome: Outcome) -> dict[str, Any]:
    return {
        "id": outcome.scenario.id,
        "title": outcome.scenario.title,
        "passed": outcome.passed,
        "expected": [told._asdict() for told in outcome.expected],
        "told": [told._asdict() for told in outcome.told],
        "timeline": outcome.timeline(),
    }


def _lines(report: dict[str, Any]) -> list[str]:
    file, lines = report["file"], _sentences(report["problems"])
    for scenario in report["scenarios"]:
        lines.append(f"{file}: {scenario['id']}: {'ok' if scenario['passed'] else 'FAILED'}, {scenario['title']}")
        if not scenario["passed"]:
            lines += ["    (- expected and not told, + told and not expected)"]
            lines += [f"    {line}" for line in scenario["timeline"]]
    lines += [f"{file}: note: {sentence}" for sentence in report["uncovered"]]
    if "mutants" in report:
        lines += [f"{file}: no story notices {change}" for change in report["survivors"]]
        lines.append(f"{file}: {_count(report['mutants'], 'change')} tried, {len(report['survivors'])} not noticed")
    failed = sum(not scenario["passed"] for scenario in report["scenarios"])
    if report["scenarios"]:
        lines.append(f"{file}: {len(report['scenarios']) - failed} passed, {failed} failed")
    return lines


def _problems(error: DocumentError) -> list[dict[str, Any]]:
    return [{"file": problem.file, "line": problem.line, "text": problem.text} for problem in error.problems]


def _sentences(problems: list[dict[str, Any]]) -> list[str]:
    return [f"{problem['file']}:{problem['line']}: {problem['text']}" for problem in problems]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
