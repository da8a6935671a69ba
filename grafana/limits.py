"""Limits of a rule set as Grafana thresholds: what is coloured on a dashboard is what raises an alarm."""

from __future__ import annotations

from typing import Any

from rules.documents import Limit, RuleSet
from vitals.alarms import PRIORITY_RANK

COLOURS = {"high": "red", "medium": "yellow", "low": "blue"}

Thresholds = dict[str, Any]


def thresholds(rule_set: RuleSet, parameter: str, normal: str = "transparent") -> Thresholds:
    """The zones of a parameter, each in the colour of the gravest limit broken there; `normal` where none is.

    Grafana counts a value on a step to the zone above it, so a value exactly on a high limit is coloured already.
    """
    limits = limits_of(rule_set, parameter)
    bounds = sorted({limit.bound for limit in limits})
    steps: list[dict[str, Any]] = []
    for low, high in zip([None, *bounds], [*bounds, None], strict=True):
        broken = [limit for limit in limits if _broken_between(limit, low, high)]
        gravest = max(broken, key=lambda limit: PRIORITY_RANK[limit.priority], default=None)
        steps.append({"color": COLOURS[gravest.priority] if gravest else normal, "value": low})
    return {"mode": "absolute", "steps": steps}


def limits_of(rule_set: RuleSet, parameter: str) -> list[Limit]:
    """The limits a parameter is judged by, directly or as the fallback of another."""
    return [limit for limit in rule_set.limits if parameter in (limit.parameter, limit.fallback)]


def _broken_between(limit: Limit, low: float | None, high: float | None) -> bool:
    if limit.side == "low":
        return high is not None and limit.bound >= high
    return low is not None and limit.bound <= low
