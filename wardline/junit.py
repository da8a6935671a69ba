"""Reports of scenario documents as JUnit XML, which every CI server reads."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape, quoteattr


def junit(reports: list[dict[str, Any]]) -> str:
    """One test suite for each document, one case for each scenario; a document that cannot be read is an error."""
    return "\n".join(
        ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>", *map(_suite, reports), "</testsuites>\n"]
    )


def _suite(report: dict[str, Any]) -> str:
    file, problems = report["file"], report["problems"]
    cases = [_case(file, scenario) for scenario in report["scenarios"]]
    if problems:
        text = escape("\n".join(f"{problem['file']}:{problem['line']}: {problem['text']}" for problem in problems))
        cases = [f'<testcase classname={quoteattr(file)} name="document"><error>{text}</error></testcase>']
    failures = sum(not scenario["passed"] for scenario in report["scenarios"])
    counts = f'tests="{len(cases)}" failures="{failures}" errors="{len(cases) if problems else 0}"'
    return "\n".join([f"<testsuite name={quoteattr(file)} {counts}>", *cases, "</testsuite>"])


def _case(file: str, scenario: dict[str, Any]) -> str:
    start = f"<testcase classname={quoteattr(file)} name={quoteattr(scenario['id'])}"
    if scenario["passed"]:
        return f"{start}/>"
    told = escape("\n".join(scenario["timeline"]))
    return f"{start}><failure message={quoteattr(scenario['title'])}>{told}</failure></testcase>"
