"""Whether dashboards say what the rules say: each parameter in the colours of its limits and in its own unit."""

from __future__ import annotations

import re
from collections.abc import Iterator

from grafana.check import panels_of
from grafana.columns import unit
from grafana.limits import Thresholds, limits_of, score_bands, thresholds
from grafana.sources import Json, text_of
from rules.documents import RuleSet
from vitals.parameters import PARAMETERS

_ASKED = re.compile(r'\b(?:last|mean)\("(\w+)"\)|"(\w+)" AS "')
_MADE_FROM = "rules:"


def disagreements(dashboards: dict[str, Json], rule_set: RuleSet) -> list[str]:
    """Everything that differs from the rule set, as `file: what`."""
    return [f"{name}: {problem}" for name, board in dashboards.items() for problem in _problems(board, rule_set)]


def _problems(board: Json, rule_set: RuleSet) -> Iterator[str]:
    made_from = [tag.removeprefix(_MADE_FROM) for tag in board.get("tags", []) if tag.startswith(_MADE_FROM)]
    if made_from and made_from != [rule_set.id]:
        yield f"is made from the rules {', '.join(made_from)}, not from {rule_set.id}; name them with --rules"
        return
    for panel in panels_of(board):
        for problem in _panel_problems(panel, rule_set):
            yield f"panel {panel.get('title')} {problem}"


def _panel_problems(panel: Json, rule_set: RuleSet) -> Iterator[str]:
    asked = " ".join(text_of(target) for target in panel.get("targets", []))
    found = {_parameter(first or second) for first, second in _ASKED.findall(asked)}
    config = panel.get("fieldConfig", {})
    if panel.get("type") == "table":
        columns = {one["matcher"].get("options"): _properties(one) for one in config.get("overrides", [])}
        coloured = any("thresholds" in columns.get(PARAMETERS[name].label, {}) for name in found & PARAMETERS.keys())
        for name in sorted(found & PARAMETERS.keys()):
            yield from _compare(name, columns.get(PARAMETERS[name].label, {}), rule_set, must=coloured)
        if '"total"' in asked and "NEWS2" in columns:
            yield from _bands(columns["NEWS2"].get("thresholds"), rule_set)
        return
    defaults = config.get("defaults", {})
    for name in sorted(found & PARAMETERS.keys()):
        yield from _compare(name, defaults, rule_set, must=True)
    if '"total"' in asked:
        yield from _bands(defaults.get("thresholds"), rule_set)


def _parameter(field: str) -> str:
    """The parameter a field holds, itself or as the mean of a minute."""
    return field if field in PARAMETERS else field.removesuffix("_mean")


def _compare(name: str, shown: Json, rule_set: RuleSet, *, must: bool) -> Iterator[str]:
    parameter = PARAMETERS[name]
    if shown.get("thresholds") != thresholds(rule_set, name) and (must or "thresholds" in shown):
        bounds = ", ".join(f"{limit.value:g}" for limit in limits_of(rule_set, name)) or "none"
        yield f"has other limits for {parameter.label} than the rules {rule_set.id} ({bounds})"
    for key, value in unit(parameter).items():
        if (must or key in shown) and shown.get(key) != value:
            yield f"writes {parameter.label} with {key} {shown.get(key)!r}, not {value!r}"


def _bands(shown: Thresholds | None, rule_set: RuleSet) -> Iterator[str]:
    if shown != score_bands(rule_set, "news2"):
        yield "has other bands for NEWS2 than its score table"


def _properties(override: Json) -> Json:
    return {one["id"]: one["value"] for one in override.get("properties", [])}
