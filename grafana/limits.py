"""Limits of a rule set as Grafana thresholds: what is coloured on a dashboard is what raises an alarm."""

from __future__ import annotations

from typing import Any

from rules.bounds import Bound, bounds_of
from rules.documents import RuleSet
from vitals.alarms import PRIORITY_RANK

COLOURS = {"high": "red", "medium": "yellow", "low": "blue"}
SCORE_COLOURS = {"high": "red", "medium": "yellow"}

Thresholds = dict[str, Any]


def thresholds(rule_set: RuleSet, parameter: str, normal: str = "transparent") -> Thresholds:
    """The zones of a parameter, each in the colour of the gravest limit broken there; `normal` where none is.

    Grafana counts a value on a step to the zone above it, so a value exactly on a high limit is coloured already.
    Second tiers are zones, too; bounds at hours of the day are not, for a dashboard has one set of zones.
    """
    limits = limits_of(rule_set, parameter)
    bounds = sorted({limit.value for limit in limits})
    steps: list[dict[str, Any]] = []
    for low, high in zip([None, *bounds], [*bounds, None], strict=True):
        broken = [limit for limit in limits if _broken_between(limit, low, high)]
        gravest = max(broken, key=lambda limit: PRIORITY_RANK[limit.priority], default=None)
        steps.append({"color": COLOURS[gravest.priority] if gravest else normal, "value": low})
    return {"mode": "absolute", "steps": steps}


def score_bands(rule_set: RuleSet, score: str) -> Thresholds:
    """The zones of a score's total, in the colour of the response each asks for."""
    steps: list[dict[str, Any]] = []
    start: int | None = None
    for highest, response in rule_set.tables[score].responses:
        colour = SCORE_COLOURS.get(response.risk, "transparent")
        if not steps or steps[-1]["color"] != colour:
            steps.append({"color": colour, "value": start})
        start = highest + 1
    return {"mode": "absolute", "steps": steps}


def limits_of(rule_set: RuleSet, parameter: str) -> list[Bound]:
    """The bounds a parameter is judged by, directly or as the fallback of another."""
    limits = [limit for limit in rule_set.limits if parameter in (limit.parameter, limit.fallback)]
    return [bound for bound in bounds_of(limits, {}).values() if not bound.hours]


def _broken_between(limit: Bound, low: float | None, high: float | None) -> bool:
    if limit.side == "low":
        return high is not None and limit.value >= high
    return low is not None and limit.value <= low
