"""The two data sources of the dashboards, and one question to either as a panel's target."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

VITALS = {"type": "influxdb", "uid": "vitals"}  # the InfluxDB the hub copies to, asked in InfluxQL
METRICS = {"type": "prometheus", "uid": "wardline-metrics"}  # the Prometheus that reads our pages
SOURCES = {source["uid"]: source for source in (VITALS, METRICS)}


def ask(query: str) -> Json:
    """InfluxQL, answered as a table."""
    return {"datasource": VITALS, "query": query, "rawQuery": True, "resultFormat": "table"}


def lines(query: str, alias: str) -> Json:
    """InfluxQL, answered as series named by `alias` ($col, $tag_bed)."""
    return {"datasource": VITALS, "query": query, "rawQuery": True, "resultFormat": "time_series", "alias": alias}


def watch(expression: str, legend: str) -> Json:
    """PromQL over the time range, a series per set of labels, named by `legend` ({{gateway}})."""
    return {"datasource": METRICS, "expr": expression, "legendFormat": legend, "range": True, "instant": False}


def count(expression: str, legend: str = "") -> Json:
    """PromQL as it is now."""
    made = {"datasource": METRICS, "expr": expression, "range": False, "instant": True}
    return made | ({"legendFormat": legend} if legend else {"format": "table"})


def text_of(target: Json) -> str:
    """The query of a target, in whichever language."""
    return str(target.get("query") or target.get("expr") or "")
