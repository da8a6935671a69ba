"""A whole dashboard: its choices, links and marks, and its panels laid out in reading order."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.panels import NOTICE
from grafana.sources import METRICS, VITALS, Json

SCHEMA_VERSION = 42
WIDTH = 24
TAG = "wardline"
RANGES = {"15 minutes": "15m", "1 hour": "1h", "3 hours": "3h", "8 hours": "8h", "24 hours": "24h", "2 days": "48h"}
"""What the time picker offers: all of it is less than InfluxDB 3 Core answers."""


def variable(name: str, label: str, query: str, *, all_of_them: bool = False) -> Json:
    """A choice of several made at the top; devices that stand at no bed (`-`) are not offered."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": VITALS,
        "query": query,
        "refresh": 2,  # whenever the time range changes
        "regex": "/^[^-].*/",
        "sort": 7,  # natural order
        "multi": True,
        "includeAll": all_of_them,
    }


def label_variable(name: str, label: str, metric: str) -> Json:
    """The same of a label that Prometheus knows."""
    query = f"label_values({metric}, {name})"
    asked = {"query": query, "refId": name, "qryType": 1}
    made = variable(name, label, query, all_of_them=True)
    return made | {"datasource": METRICS, "query": asked, "regex": "", "allValue": ".*"}


def choice(name: str, label: str, options: Sequence[str]) -> Json:
    """One of a few words."""
    made = [{"text": word, "value": word, "selected": word == options[0]} for word in options]
    return {
        "type": "custom",
        "name": name,
        "label": label,
        "query": ",".join(options),
        "options": made,
        "current": made[0],
        "multi": False,
        "includeAll": False,
    }


def annotation(name: str, query: str, text: str, tags: str) -> Json:
    """Marks from InfluxQL. Written twice: Grafana reads `target`, older ones and the API the keys beside it."""
    said = {"query": query, "textColumn": text, "tagsColumn": tags}
    made = {"name": name, "datasource": VITALS, "enable": True, "hide": False, "iconColor": "red"}
    return made | said | {"target": {"refId": "Anno", "fromAnnotations": True, "datasource": VITALS} | said}


def link(uid: str, title: str, tooltip: str, *, variables: bool = True) -> Json:
    """A way to another dashboard, in the same time range and, if it has them, with the same choices."""
    return {
        "type": "link",
        "title": title,
        "url": f"/d/{uid}",
        "icon": "dashboard",
        "tooltip": tooltip,
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": variables,
        "keepTime": True,
    }


def dashboard(
    uid: str,
    title: str,
    about: str,
    panels: Sequence[tuple[Json, int, int]],
    variables: Sequence[Json],
    *,
    since: str,
    refresh: str,
    marks: Sequence[Json] = (),
    links: Sequence[Json] = (),
    tags: Sequence[str] = (),
) -> Json:
    """A dashboard from (panel, width, height)."""
    return {
        "uid": uid,
        "title": title,
        "description": f"{about} {NOTICE}",
        "tags": [TAG, *tags],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one crosshair over all trends
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "timepicker": {
            "refresh_intervals": ["5s", "10s", "30s", "1m", "5m"],
            "quick_ranges": [
                {"display": f"Last {said}", "from": f"now-{span}", "to": "now"} for said, span in RANGES.items()
            ],
        },
        "templating": {"list": list(variables)},
        "annotations": {"list": list(marks)},
        "links": list(links),
        "panels": _laid_out(panels),
    }


def _laid_out(panels: Sequence[tuple[Json, int, int]]) -> list[Json]:
    """Panels with ids and places: left to right, a new line when the next one does not fit."""
    placed: list[Json] = []
    number, left, top, tallest = 0, 0, 0, 0
    for panel, width, height in panels:
        if left + width > WIDTH:
            left, top, tallest = 0, top + tallest, 0
        number += 1
        made = {"id": number, "gridPos": {"x": left, "y": top, "w": width, "h": height}, **panel}
        if panel["type"] == "row":
            inner = []
            for index, nested in enumerate(panel["panels"]):
                number += 1
                place = {"x": index % 2 * 12, "y": top + 1 + index // 2 * 8, "w": 12, "h": 8}
                inner.append({"id": number, "gridPos": place, **nested})
            made["panels"] = inner
        placed.append(made)
        left, tallest = left + width, max(tallest, height)
    return placed
