"""Checks of dashboard files that need no server: what makes a dashboard wrong, slow, or silently empty."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from grafana.expand import columns_of
from grafana.layout import SCHEMA_VERSION, TAG, WIDTH
from grafana.panels import NOTICE
from grafana.sources import SOURCES, Json, text_of
from vitals.errors import UsageError

LONGEST_RANGE_H = 72  # what InfluxDB 3 Core answers
LONG = "2.x"  # in the title and description of a panel that asks for more
_HOURS = {"s": 1 / 3600, "m": 1 / 60, "h": 1.0, "d": 24.0, "w": 168.0}
_SPAN = re.compile(r"(?:now-)?(\d+)([smhdw])")
_BACK = re.compile(r"now\(\) *- *(\d+[smhdw])")
_USED = re.compile(r"\$\{(\w+)(?:[.:][^}]*)?\}|\$(\w+)")
_GRAFANAS_OWN = re.compile(r"__\w+|timeFilter|interval|tag_\w+|col|m")
_LINK = re.compile(r"/d/([\w-]+)(\S*)")


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
    found += [
        f"{name}: uid {uid} is used twice"
        for name, uid in zip(dashboards, uids, strict=True)
        if uid and uids.count(uid) > 1
    ]
    by_uid = {str(board.get("uid")): board for board in dashboards.values()}
    return found + [f"{name}: {said}" for name, board in dashboards.items() for said in _link_problems(board, by_uid)]


def panels_of(board: Json) -> list[Json]:
    """Every panel, those inside closed rows too."""
    return [inner for panel in board.get("panels", []) for inner in (panel, *panel.get("panels", []))]


def variables_of(board: Json) -> list[Json]:
    """The choices at the top."""
    return list(board.get("templating", {}).get("list", []))


def queries_of(board: Json) -> Iterator[tuple[str, Json]]:
    """(where, target) of every panel, variable and annotation."""
    for panel in panels_of(board):
        for target in panel.get("targets", []):
            yield f"panel {panel.get('title')} {target.get('refId')}", target
    for variable in variables_of(board):
        if variable.get("type") == "query":
            asked = variable.get("query", "")
            query = asked.get("query", "") if isinstance(asked, dict) else asked
            yield f"variable {variable.get('name')}", {"datasource": variable.get("datasource"), "query": query}
    for mark in board.get("annotations", {}).get("list", []):
        yield f"annotation {mark.get('name')}", mark
        yield f"annotation {mark.get('name')}, target", mark.get("target", {})


def span_h(text: str) -> float | None:
    """The hours of a span such as 3h or now-3h; None when it is not one."""
    match = _SPAN.fullmatch(text)
    return int(match[1]) * _HOURS[match[2]] if match else None


def _problems(board: Json) -> Iterator[str]:
    if board.get("schemaVersion") != SCHEMA_VERSION:
        yield f"schemaVersion is {board.get('schemaVersion')}, must be {SCHEMA_VERSION}"
    for key in ("uid", "title"):
        if not board.get(key):
            yield f"has no {key}"
    if TAG not in board.get("tags", []):
        yield f"has not the tag {TAG}"
    yield from _span_problems("time.from", board.get("time", {}).get("from", ""))
    for offered in board.get("timepicker", {}).get("quick_ranges", []):
        yield from _span_problems(f"the range {offered.get('display')}", offered.get("from", ""))
    panels = panels_of(board)
    yield from _repeated("panel id", [panel.get("id") for panel in panels])
    yield from _overlaps(board.get("panels", []))
    for panel in panels:
        yield from _panel_problems(panel)
    for where, target in queries_of(board):
        yield from (f"{where} {problem}" for problem in _query_problems(target))
    offered = {variable.get("name") for variable in variables_of(board)}
    for name in sorted(_variables_used(board) - offered):
        yield f"uses the variable {name}, which it does not have"


def _panel_problems(panel: Json) -> Iterator[str]:
    title = panel.get("title") or panel.get("type")
    if panel.get("type") == "row":
        return
    about = panel.get("description", "")
    if NOTICE not in about:
        yield f"panel {title} does not say that it is no primary alarm"
    if panel.get("type") == "text":
        return
    targets = panel.get("targets", [])
    if not targets:
        yield f"panel {title} asks nothing"
    yield from (f"panel {title}: {problem}" for problem in _repeated("refId", [one.get("refId") for one in targets]))
    sources = [one.get("datasource") for one in targets]
    if any(source != panel.get("datasource") for source in sources):
        yield f"panel {title} asks another data source than it says"
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    if defaults.get("custom", {}).get("spanNulls"):
        yield f"panel {title} draws lines over gaps"
    if not defaults.get("noValue"):
        yield f"panel {title} does not say what it shows where there is no data"
    span = panel.get("timeFrom")
    if span is not None and not (LONG in str(title) and LONG in about):
        yield from (f"panel {title}: {problem}" for problem in _span_problems("timeFrom", span))


def _query_problems(target: Json) -> Iterator[str]:
    source = target.get("datasource") or {}
    if source not in SOURCES.values():
        yield f"does not use a data source of ours ({', '.join(SOURCES)})"
        return
    query = text_of(target)
    if not query:
        yield "asks nothing"
    if source["type"] != "influxdb":
        return
    if query.startswith("SHOW TAG VALUES"):
        bounded = bool(_BACK.search(query))
    else:
        bounded = query.startswith("SELECT") and 0 < query.count('FROM "') == query.count("$timeFilter")
    if not bounded:
        yield f"is not bounded by the time range: {query!r}"
    for back in _BACK.findall(query):
        yield from _span_problems("its query", back)


def _span_problems(where: str, span: str) -> Iterator[str]:
    hours = span_h(span)
    if hours is None:
        yield f"{where} is {span!r}, must be such as now-3h"
    elif hours >= LONGEST_RANGE_H:
        yield f"{where} is {span}, must be under {LONGEST_RANGE_H} h"


def _variables_used(board: Json) -> set[str]:
    """Names of variables in queries and in what people read; patterns of matchers and mappings have none."""
    texts = [text_of(target) for _, target in queries_of(board)]
    for panel in panels_of(board):
        texts += [str(panel.get("title", "")), str(panel.get("options", {}).get("content", ""))]
    names = {first or second for text in texts for first, second in _USED.findall(text)}
    return {name for name in names if not _GRAFANAS_OWN.fullmatch(name)}


def _link_problems(board: Json, by_uid: dict[str, Json]) -> Iterator[str]:
    """A way to a dashboard that is not there, with a choice it does not have, or made of a column nobody asks for."""
    for place, url in _links(board):
        for uid, rest in _LINK.findall(url):
            there = by_uid.get(uid)
            if there is None:
                yield f"{place} leads to {uid}, which is no dashboard here"
                continue
            offered = {variable.get("name") for variable in variables_of(there)}
            for name in re.findall(r"var-(\w+)=", rest):
                if name not in offered:
                    yield f"{place} sets {name}, which {uid} does not have"
    for panel in panels_of(board):
        asked = {name for target in panel.get("targets", []) for name in columns_of(text_of(target))} - _left_out(panel)
        for name in re.findall(r"__data\.fields\.(\w+)", json.dumps(panel)):
            if name not in asked:
                yield f"panel {panel.get('title')} has a link with {name}, which it does not have"


def _left_out(panel: Json) -> set[str]:
    """Columns that a transformation takes away."""
    made = [one.get("options", {}) for one in panel.get("transformations", []) if one["id"] == "filterFieldsByName"]
    return {name for options in made for name in options.get("exclude", {}).get("names", [])}


def _links(board: Json) -> Iterator[tuple[str, str]]:
    for one in board.get("links", []):
        yield f"the link {one.get('title')}", one.get("url", "")
    for panel in panels_of(board):
        for url in re.findall(r'"url": "([^"]+)"', json.dumps(panel)):
            yield f"panel {panel.get('title')}", url


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
