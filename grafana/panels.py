"""Panels as the classic v1 JSON that Grafana 11 to 13 load; plain dicts, nothing hidden."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grafana.sources import Json

PLUGIN_VERSION = "11.0.0"  # the oldest Grafana these options are written for; newer ones migrate from here
NOTICE = "Secondary notification and record, never the primary alarm of a monitor."
NO_VALUE = "–"
NO_DATA = "no data"


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
    transform: Sequence[Json] = (),
    sort: str | None = None,
    descending: bool = False,
) -> Json:
    """A table of what the targets answer, after the transformations."""
    defaults = {"custom": {"align": "auto", "cellOptions": {"type": "auto"}}, "noValue": NO_VALUE}
    options: Json = {"showHeader": True, "cellHeight": "sm"}
    if sort:
        options["sortBy"] = [{"displayName": sort, "desc": descending}]
    made = _panel("table", title, about, targets, defaults, columns, options)
    return made | {"transformations": list(transform)}


def without(*names: str, only: str = "") -> Json:
    """Leave these columns out, of some targets or of all. A renamed column still answers to its old name here."""
    made: Json = {"id": "filterFieldsByName", "options": {"exclude": {"names": list(names)}}}
    return made | (_only(only) if only else {})


def renamed(names: dict[str, str], *, only: str = "") -> Json:
    """Give columns other names, those of some targets or of all."""
    organised: Json = {"excludeByName": {}, "indexByName": {}, "renameByName": names}
    made: Json = {"id": "organize", "options": organised}
    return made | (_only(only) if only else {})


def timed(name: str, only: str) -> list[Json]:
    """The time of some targets' rows as a column of its own name. Merging knows columns by the name they came with,
    so to rename it would not do."""
    number = {"targetField": "Time", "destinationType": "number"}
    summed = {"mode": "reduceRow", "reduce": {"include": ["Time"], "reducer": "sum"}, "alias": name}
    return [
        {"id": "convertFieldType", **_only(only), "options": {"conversions": [number]}},
        {"id": "calculateField", **_only(only), "options": summed | {"replaceFields": False}},
    ]


def counted(by: str, what: str) -> list[Json]:
    """How many rows there are of each word in a column, as a number named by the word."""
    fields = {
        by: {"operation": "groupby", "aggregations": []},
        what: {"operation": "aggregate", "aggregations": ["count"]},
    }
    named = {"fieldName": by, "handlerKey": "field.name"}
    valued = {"fieldName": f"{what} (count)", "handlerKey": "field.value"}
    return [
        {"id": "groupBy", "options": {"fields": fields}},
        {"id": "rowsToFields", "options": {"mappings": [named, valued]}},
    ]


def ordered(*names: str) -> Json:
    """Put the columns into this order; the others come after."""
    places = {name: index for index, name in enumerate(names)}
    return {"id": "organize", "options": {"excludeByName": {}, "indexByName": places, "renameByName": {}}}


def _only(refs: str) -> Json:
    return {"filter": {"id": "byRefId", "options": f"/^[{refs}]$/"}}


MERGE: Json = {"id": "merge", "options": {}}  # rows of all targets that agree in their common columns become one


def stat(title: str, about: str, targets: Sequence[Json], defaults: Json, *, names: bool = False) -> Json:
    """The newest number of each series, large; a dash when there is none."""
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none",
        "textMode": "value_and_name" if names else "auto",
        "justifyMode": "auto",
        "orientation": "auto",
    }
    return _panel("stat", title, about, targets, {"noValue": NO_VALUE, **defaults}, (), options)


def gauges(title: str, about: str, targets: Sequence[Json], defaults: Json) -> Json:
    """A horizontal bar for each series."""
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "displayMode": "basic",
        "orientation": "horizontal",
        "showUnfilled": True,
        "valueMode": "color",
    }
    return _panel("bargauge", title, about, targets, {"noValue": NO_DATA, **defaults}, (), options)


def shares(
    title: str,
    about: str,
    targets: Sequence[Json],
    overrides: Sequence[Json] = (),
    *,
    transform: Sequence[Json] = (),
) -> Json:
    """A ring of how many there are of each."""
    options: Json = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "pieType": "donut",
        "displayLabels": ["name", "value"],
        "legend": {"showLegend": True, "displayMode": "list", "placement": "right", "calcs": [], "values": ["value"]},
    }
    made = _panel("piechart", title, about, targets, {"noValue": NO_DATA, "decimals": 0}, overrides, options)
    return made | ({"transformations": list(transform)} if transform else {})


def timeline(title: str, about: str, targets: Sequence[Json], mappings: Sequence[Json]) -> Json:
    """A bar for each series, in the colour of the state it is in."""
    defaults: Json = {"custom": {"fillOpacity": 80, "lineWidth": 0}, "mappings": list(mappings)}
    options: Json = {
        "mergeValues": True,
        "showValue": "auto",
        "alignValue": "left",
        "rowHeight": 0.9,
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
    }
    return _panel("state-timeline", title, about, targets, {"noValue": NO_DATA, **defaults}, (), options)


def trend(
    title: str,
    about: str,
    targets: Sequence[Json],
    defaults: Json,
    *,
    draw: str = "line",
    limits: str = "off",
    overrides: Sequence[Json] = (),
    interval: str = "5s",
) -> Json:
    """Lines, points, bars or a stack over time. Gaps stay gaps; `limits` says how the thresholds are drawn.

    `interval` must be wider than the pace of the data, or every other interval is empty.
    """
    custom = {
        "drawStyle": {"points": "points", "bars": "bars"}.get(draw, "line"),
        "lineInterpolation": "stepAfter" if draw == "steps" else "linear",
        "lineWidth": 1,
        "pointSize": 6 if draw == "points" else 4,
        "showPoints": "always" if draw == "points" else "auto",
        "spanNulls": False,
        "fillOpacity": {"bars": 60, "stack": 40}.get(draw, 0),
        "stacking": {"mode": "normal" if draw == "stack" else "none", "group": "A"},
        "thresholdsStyle": {"mode": limits},
    }
    options: Json = {
        "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
        "tooltip": {"mode": "multi", "sort": "none"},
    }
    made = _panel(
        "timeseries", title, about, targets, {"noValue": NO_DATA, "custom": custom, **defaults}, overrides, options
    )
    return made | {"interval": interval}


def row(title: str, panels: Sequence[Json]) -> Json:
    """A closed row; its panels ask nothing until it is opened."""
    return {"type": "row", "title": title, "collapsed": True, "panels": list(panels)}


def over(panel: Json, span: str) -> Json:
    """The panel over a span of its own, such as 24h, whatever the time range of the dashboard."""
    return panel | {"timeFrom": span}


def column(name: str, **properties: Any) -> Json:
    """What is special about one column or series; dots in property names are written as double underscores."""
    made = [{"id": key.replace("__", "."), "value": value} for key, value in properties.items()]
    return {"matcher": {"id": "byName", "options": name}, "properties": made}


def matching(pattern: str, **properties: Any) -> Json:
    """The same for every series whose name matches."""
    return column(pattern, **properties) | {"matcher": {"id": "byRegexp", "options": pattern}}


def steps(*zones: tuple[float | None, str]) -> Json:
    """Colours from each value up."""
    return {"mode": "absolute", "steps": [{"value": value, "color": colour} for value, colour in zones]}


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
        "datasource": targets[0]["datasource"],
        "targets": [{"refId": chr(ord("A") + index), **query} for index, query in enumerate(targets)],
        "fieldConfig": {"defaults": defaults, "overrides": list(overrides)},
        "options": options,
    }
