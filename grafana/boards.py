"""All dashboards: a rule set and the parameter catalogue in, Grafana JSON out, the same for the same input."""

from __future__ import annotations

import json
from pathlib import Path

from grafana.alarms import alarm_board
from grafana.bed import bed
from grafana.machines import machines
from grafana.pipeline import pipeline
from grafana.sources import Json
from grafana.ward import ward_overview
from rules.documents import RuleSet

SHIPPED = Path(__file__).parent / "dashboards"


def dashboards(rule_set: RuleSet) -> dict[str, Json]:
    """File name → dashboard."""
    return {
        "ward-overview.json": ward_overview(rule_set),
        "bed.json": bed(rule_set),
        "alarms.json": alarm_board(),
        "devices.json": machines(),
        "pipeline.json": pipeline(),
    }


def text_of(dashboard: Json) -> str:
    """A dashboard as it stands in its file."""
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
