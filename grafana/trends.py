"""Trend panels of parameters, with the limits of the rules as bands."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from grafana import queries
from grafana.columns import unit
from grafana.limits import limits_of, thresholds
from grafana.panels import matching, trend
from grafana.sources import Json, lines
from rules.documents import RuleSet
from vitals.parameters import PARAMETERS


def trends(rule_set: RuleSet, title: str, names: Sequence[str], where: str, by: str) -> Iterator[Json]:
    """Panels of a group: as many as it has different limits, because a panel can draw only one set of bands."""
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(json.dumps(thresholds(rule_set, name)["steps"]), []).append(name)
    for part in parts.values():
        labels = ", ".join(PARAMETERS[name].label for name in part)
        yield _trend(rule_set, f"{title}: {labels}" if title else labels, part, where, by)


def _trend(rule_set: RuleSet, title: str, names: Sequence[str], where: str, by: str) -> Json:
    first = PARAMETERS[names[0]]
    limited = bool(limits_of(rule_set, first.name))
    bands = "Bands are the alarm limits of the rules." if limited else "The rules have no limit for it."
    return trend(
        title,
        f"Mean of each interval, with the lowest and highest value as thin lines. {bands}",
        [_ask(name, where, by) for name in names],
        unit(first) | {"color": {"mode": "palette-classic-by-name"}, "thresholds": thresholds(rule_set, first.name)},
        draw="points" if first.stale_s > 60 else "line",
        limits="line+area" if limited else "off",
        overrides=[
            matching(
                "/ (lowest|highest) · /",
                custom__lineWidth=0.5,
                custom__lineStyle={"fill": "dot", "dash": [0, 4]},
                custom__hideFrom={"legend": True, "tooltip": False, "viz": False},
            )
        ],
        interval="1m" if by == "minute" else "5s",
    )


def _ask(name: str, where: str, by: str) -> Json:
    """A parameter by bed or by device, or by bed from its one-minute aggregates."""
    if by == "minute":
        return lines(queries.minutes(name, where), "$col · $tag_ward/$tag_bed")
    if by == "bed":
        return lines(queries.trend(name, where, ("ward", "bed")), "$col · $tag_ward/$tag_bed")
    return lines(queries.trend(name, where, ("ward", "bed", by)), f"$col · $tag_bed · $tag_{by}")
