"""Panels and dashboards as the classic v1 JSON that Grafana 11 to 13 load; plain dicts, nothing hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana.queries import SOURCE
from vitals.parameters import Parameter

Json = dict[str, Any]

SCHEMA_VERSION = 42
PLUGIN_VERSION = "11.0.0"  # the oldest Grafana these options are written for; newer ones migrate from here
NOTICE = "Secondary notification and record, never the primary alarm of a monitor."
NO_VALUE = "–"
WIDTH = 24

_UNITS = {"%": "percent", "Cel": "celsius", "mm[Hg]": "suffix:mmHg"}


def target(query: str, *, table: bool = True, alias: str = "") -> Json:
    """One InfluxQL query of a panel; panels give it its refId."""
    made: Json = {"datasource": SOURCE, "query": query, "rawQuery": True}
    made["resultFormat"] = "table" if table else "time_series"
    return made | ({"alias": alias} if alias else {})


def notice(text: str) -> Json:
    """A line of text across the dashboard."""
    return {
        "type": "text",
        "title": "",
        "description": NOTICE,
        "transparent": True,
        "options": {"mode": "markdown", "content": text},
    }


def table(
    title: str,
    about: str,
    targets: Sequence[Json],
    *,
    columns: Sequence[Json] = (),
    hide: Sequence[str] = (),
    sort: str | None = None,
) -> Json:
    """A table; several targets are merged into one row per bed, for which their times must be hidden."""
    transformations: list[Json] = []
    if hide:
        transformations.append({"id": "filterFieldsByName", "options": {"exclude": {"names": list(hide)}}})
    if len(targets) > 1:
        transformations.append({"id": "merge", "options": {}})
    defaults = {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}, "noValue": NO_VALUE}
    options: Json = {"showHeader": True, "cellHeight": "sm"}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": False}]
    return _panel("table", title, about, targets, defaults, columns, options) | {"transformations": transformations}


def stat(title: str, about: str, query: Json, defaults: Json) -> Json:
    """The newest number, large; a dash when there is none."""
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "value",
        "justifyMode": "auto",
        "orientation": "auto",
    }
    return _panel("stat", title, about, [query], defaults | {"noValue": NO_VALUE}, (), options)


def trend(
    title: str,
    about: str,
    targets: Sequence[Json],
    defaults: Json,
    *,
    points: bool = False,
    bands: bool = False,
    overrides: Sequence[Json] = (),
) -> Json:
    """Lines over time. Gaps stay gaps; `points` for values that come once in a while; `bands` draws the thresholds."""
    custom = {
        "drawStyle": "points" if points else "line",
        "lineWidth": 1,
        "pointSize": 6 if points else 4,
        "showPoints": "always" if points else "auto",
        "spanNulls": False,
        "fillOpacity": 0,
        "thresholdsStyle": {"mode": "line+area" if bands else "off"},
    }
    options: Json = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    made = _panel("timeseries", title, about, targets, {"custom": custom, **defaults}, overrides, options)
    return made | {"interval": "5s"}  # wider than the second between readings, or every other interval is empty


def row(title: str, panels: Sequence[Json]) -> Json:
    """A closed row; its panels ask nothing until it is opened."""
    return {"type": "row", "title": title, "collapsed": True, "panels": list(panels)}


def column(name: str, **properties: Any) -> Json:
    """What is special about one column or series; dots in property names are written as double underscores."""
    made = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": made}


def matching(pattern: str, **properties: Any) -> Json:
    """The same for every series whose name matches."""
    return column(pattern, **properties) | {"matcher": {"id": "byRegexp", "options": pattern}}


def unit(parameter: Parameter) -> Json:
    """How numbers of a parameter are written."""
    return {"unit": _UNITS.get(parameter.unit, f"suffix:{parameter.unit}"), "decimals": parameter.decimals}


def variable(name: str, label: str, query: str) -> Json:
    """A choice made at the top of the dashboard; devices that stand at no bed (`-`) are not offered."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": SOURCE,
        "query": query,
        "definition": query,
        "refresh": 2,  # whenever the time range changes
        "regex": "/^[^-].*/",
        "sort": 7,  # natural order
        "multi": False,
        "includeAll": False,
    }


def annotation(name: str, query: str, text: str, tags: str) -> Json:
    """Marks from InfluxQL. Written twice: Grafana reads `target`, older ones and the API the keys beside it."""
    said = {"query": query, "textColumn": text, "tagsColumn": tags}
    made = {"name": name, "datasource": SOURCE, "enable": True, "hide": False, "iconColor": "red"}
    return made | said | {"target": {"refId": "Anno", "fromAnnotations": True, "datasource": SOURCE} | said}


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
) -> Json:
    """A whole dashboard from (panel, width, height), laid out in reading order."""
    return {
        "uid": uid,
        "title": title,
        "description": f"{about} {NOTICE}",
        "tags": ["wardline"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,  # one crosshair over all trends
        "timezone": "browser",
        "time": {"from": since, "to": "now"},
        "refresh": refresh,
        "timepicker": {"refresh_intervals": ["5s", "10s", "30s", "1m", "5m"]},
        "templating": {"list": list(variables)},
        "annotations": {"list": list(marks)},
        "links": list(links),
        "panels": _laid_out(panels),
    }


def _panel(
    kind: str,
    title: str,
    about: str,
    targets: Sequence[Json],
    defaults: Json,
    overrides: Sequence[Json],
    options: Json,
) -> Json:
    return {
        "type": kind,
        "title": title,
        "description": f"{about} {NOTICE}",
        "pluginVersion": PLUGIN_VERSION,
        "datasource": SOURCE,
        "targets": [{"refId": chr(ord("A") + index), **query} for index, query in enumerate(targets)],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
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
