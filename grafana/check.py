"""Checks of dashboard files that need no server: what makes a dashboard wrong, slow, or silently empty."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from grafana.panels import NOTICE, SCHEMA_VERSION, WIDTH, Json
from grafana.queries import SOURCE
from vitals.errors import UsageError

LONGEST_RANGE_H = 72  # what InfluxDB 3 Core answers
_RANGE = re.compile(r"now-(\d+)([smhd])")
_HOURS = {"s": 1 / 3600, "m": 1 / 60, "h": 1.0, "d": 24.0}


def read_folder(folder: Path) -> dict[str, Json]:
    """File name → dashboard, of every JSON file. Raises UsageError when there is none or one cannot be read."""
    found: dict[str, Json] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            dashboard = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"cannot read the dashboard {path}: {error}") from error
        if not isinstance(dashboard, dict):
            raise UsageError(f"{path} is no dashboard: it must hold one JSON object")
        found[path.name] = dashboard
    if not found:
        raise UsageError(f"there is no dashboard in {folder}; run: wardline grafana build")
    return found


def problems(dashboards: dict[str, Json]) -> list[str]:
    """Everything wrong, as `file: what`."""
    found = [f"{name}: {problem}" for name, board in dashboards.items() for problem in _problems(board)]
    uids = [board.get("uid") for board in dashboards.values()]
    return found + [
        f"{name}: uid {uid} is used twice"
        for name, uid in zip(dashboards, uids, strict=True)
        if uid and uids.count(uid) > 1
    ]


def panels_of(board: Json) -> list[Json]:
    """Every panel, those inside closed rows too."""
    return [inner for panel in board.get("panels", []) for inner in (panel, *panel.get("panels", []))]


def queries_of(board: Json) -> Iterator[tuple[str, str]]:
    """(where, InfluxQL) of every panel, variable and annotation."""
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            yield f"panel {panel.get('title')} {target.get('refId')}", target.get("query", "")
    for variable in board.get("templating", {}).get("list", []):
        yield f"variable {variable.get('name')}", variable.get("query", "")
    for mark in board.get("annotations", {}).get("list", []):
        yield f"annotation {mark.get('name')}", mark.get("query", "")
        yield f"annotation {mark.get('name')}, target", mark.get("target", {}).get("query", "")


def _problems(board: Json) -> Iterator[str]:
    if board.get("schemaVersion") != SCHEMA_VERSION:
        yield f"schemaVersion is {board.get('schemaVersion')}, must be {SCHEMA_VERSION}"
    for key in ("uid", "title"):
        if not board.get(key):
            yield f"has no {key}"
    yield from _range_problems(board.get("time", {}).get("from", ""))
    panels = panels_of(board)
    yield from _repeated("panel id", [panel.get("id") for panel in panels])
    yield from _overlaps(board.get("panels", []))
    for panel in panels:
        yield from _panel_problems(panel)
    for where, query in queries_of(board):
        if query.startswith("SELECT") and "$timeFilter" not in query:
            yield f"{where} is not bounded by the time range"
        elif not query.startswith(("SELECT", "SHOW TAG VALUES")):
            yield f"{where} is no InfluxQL query: {query!r}"
    for part in (*board.get("templating", {}).get("list", []), *board.get("annotations", {}).get("list", [])):
        if part.get("datasource") != SOURCE:
            yield f"{part.get('name')} does not use the data source {SOURCE['uid']}"


def _panel_problems(panel: Json) -> Iterator[str]:
    title = panel.get("title") or panel.get("type")
    if panel.get("type") == "row":
        return
    if NOTICE not in panel.get("description", ""):
        yield f"panel {title} does not say that it is no primary alarm"
    if panel.get("type") == "text":
        return
    targets = panel.get("targets", [])
    if not targets:
        yield f"panel {title} asks nothing"
    yield from (f"panel {title}: {problem}" for problem in _repeated("refId", [one.get("refId") for one in targets]))
    for asker in (panel, *targets):
        if asker.get("datasource") != SOURCE:
            yield f"panel {title} {asker.get('refId', '')} does not use the data source {SOURCE['uid']}"
    if panel.get("fieldConfig", {}).get("defaults", {}).get("custom", {}).get("spanNulls"):
        yield f"panel {title} draws lines over gaps"


def _range_problems(since: str) -> Iterator[str]:
    match = _RANGE.fullmatch(since)
    if match is None:
        yield f"time.from is {since!r}, must be such as now-3h"
    elif int(match[1]) * _HOURS[match[2]] >= LONGEST_RANGE_H:
        yield f"time.from is {since}, must be under {LONGEST_RANGE_H} h"


def _repeated(noun: str, values: Iterable[Any]) -> Iterator[str]:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            yield f"{noun} {value} is used twice"
        seen.add(value)


def _overlaps(panels: list[Json]) -> Iterator[str]:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place, title = panel.get("gridPos", {}), str(panel.get("title") or panel.get("type"))
        left, top, width, height = (int(place.get(key, 0)) for key in ("x", "y", "w", "h"))
        if width < 1 or height < 1 or left + width > WIDTH:
            yield f"panel {title} does not fit on the grid"
            continue
        cells = [(x, y) for x in range(left, left + width) for y in range(top, top + height)]
        if other := next((cell for cell in cells if cell in taken), None):
            yield f"panel {title} lies on panel {taken[other]}"
        taken.update(dict.fromkeys(cells, title))
