"""Every query of the dashboards, asked of real servers: which fail, which find nothing, which lack a column."""

from __future__ import annotations

import base64
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from grafana.check import panels_of, queries_of, span_h, variables_of
from grafana.expand import Choices, Pattern, Span, columns_of, influxql, promql
from grafana.sources import Json, text_of
from vitals.errors import LinkError, UsageError

TIMEOUT_S = 30.0
_HOUR_MS = 3_600_000
_LABELS = re.compile(r"label_values\((\w+), (\w+)\)")


class Answer(NamedTuple):
    """What became of one query."""

    place: str  # file: where
    query: str  # as it was sent
    rows: int
    missing: tuple[str, ...] = ()  # columns that should be there
    empty: tuple[str, ...] = ()  # columns without a value in any row
    error: str = ""


class Influx:
    """An InfluxDB asked in InfluxQL. A token of the form user:password logs in as 1.x wants it."""

    def __init__(self, url: str, database: str, token: str) -> None:
        self._url, self._database = url.rstrip("/"), database
        basic = base64.b64encode(token.encode()).decode()
        self._login = f"Basic {basic}" if ":" in token else f"Token {token}"

    def ask(self, query: str) -> list[dict[str, Any]]:
        """The series of an answer. Raises UsageError when the server refuses the query, LinkError without one."""
        data = urllib.parse.urlencode({"q": query}).encode()
        where = f"{self._url}/query?{urllib.parse.urlencode({'db': self._database, 'epoch': 'ms'})}"
        answer = _fetch(_request(where, data, {"Authorization": self._login}), "InfluxDB")
        (result,) = answer.get("results", [{}])
        if "error" in result:
            raise UsageError(result["error"])
        return list(result.get("series", []))


class Prometheus:
    """A Prometheus."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def ask(self, expression: str, span: Span) -> list[dict[str, Any]]:
        """The samples of an expression at the end of the span."""
        words = urllib.parse.urlencode({"query": expression, "time": span.end / 1_000})
        return list(self._get(f"query?{words}")["data"]["result"])

    def labels(self, metric: str, label: str) -> list[str]:
        """The values of a label."""
        words = urllib.parse.urlencode({"match[]": metric})
        return list(self._get(f"label/{label}/values?{words}")["data"])

    def _get(self, path: str) -> dict[str, Any]:
        return _fetch(_request(f"{self._url}/api/v1/{path}"), "Prometheus")


def answers(
    dashboards: dict[str, Json], now: int, influx: Influx | None = None, prometheus: Prometheus | None = None
) -> Iterator[Answer]:
    """Ask every query of the servers there are, with everything chosen that the variables offer."""
    for name, board in dashboards.items():
        choices: dict[str, list[str]] = {}
        whole = _span(board.get("time", {}).get("from", "now-1h"), now)
        for variable in variables_of(board):
            choices[variable["name"]] = _offered(variable, choices, whole, influx, prometheus)
        spans = {panel.get("title"): panel["timeFrom"] for panel in panels_of(board) if "timeFrom" in panel}
        for where, target in queries_of(board):
            title = where.removeprefix("panel ").rpartition(" ")[0]
            span = _span(spans[title], now) if title in spans else whole
            for chosen in _each_choice(board, text_of(target), choices):
                yield from _ask(f"{name}: {where}", target, chosen, span, influx, prometheus)


def _ask(
    place: str, target: Json, choices: Choices, span: Span, influx: Influx | None, prometheus: Prometheus | None
) -> Iterator[Answer]:
    query = text_of(target)
    try:
        if target["datasource"]["type"] == "influxdb":
            if influx is not None:
                query = influxql(query, choices, span)
                yield _judge(place, query, influx.ask(query))
        elif prometheus is not None:
            query = promql(query, choices, span)
            labels = _LABELS.fullmatch(query)
            found: Sequence[object] = prometheus.labels(*labels.groups()) if labels else prometheus.ask(query, span)
            yield Answer(place, query, len(found))
    except UsageError as error:
        yield Answer(place, query, 0, error=str(error))


def _judge(place: str, query: str, series: list[dict[str, Any]]) -> Answer:
    rows = [(one["columns"], row) for one in series for row in one.get("values", [])]
    wanted = [] if query.startswith("SHOW") else columns_of(query)
    there = {name for one in series for name in (*one["columns"], *one.get("tags", {}))}
    filled = {name for one in series for name in one.get("tags", {})}
    for columns, row in rows:
        filled |= {name for name, value in zip(columns, row, strict=True) if value is not None}
    missing = tuple(name for name in wanted if name not in there) if rows else ()
    return Answer(place, query, len(rows), missing, tuple(n for n in wanted if n in there and n not in filled))


def _offered(
    variable: Json, choices: Choices, span: Span, influx: Influx | None, prometheus: Prometheus | None
) -> list[str]:
    """What can be chosen; where nothing is offered, what stands for all of it."""
    if variable.get("type") != "query":
        return [option["value"] for option in variable["options"]]
    query = variable["query"]
    found: list[str] = []
    try:
        if isinstance(query, dict):
            labels = _LABELS.fullmatch(query["query"])
            found = prometheus.labels(*labels.groups()) if prometheus and labels else []
        elif influx is not None:
            keep = re.compile(str(variable.get("regex") or "/./").strip("/"))
            series = influx.ask(influxql(query, choices, span))
            found = [row[1] for one in series for row in one["values"] if keep.search(row[1])]
    except UsageError:
        pass  # it is said where the variable's own query is asked
    return found or [Pattern(variable.get("allValue") or "-")]


def _each_choice(board: Json, query: str, choices: Choices) -> Iterator[Choices]:
    """All choices at once, but one by one where only one can be chosen."""
    single = [v["name"] for v in variables_of(board) if not v.get("multi") and f"${{{v['name']}}}" in query]
    if not single:
        yield choices
        return
    for value in choices[single[0]]:
        yield {**choices, single[0]: [value]}


def _span(since: str, now: int) -> Span:
    hours = span_h(since) or 1.0
    return Span(round(now - hours * _HOUR_MS), now)


def _request(url: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> urllib.request.Request:
    if not url.startswith(("http://", "https://")):
        raise UsageError(f"{url!r} is no address of a server; give one such as http://127.0.0.1:8086")
    return urllib.request.Request(url, data, headers or {})  # noqa: S310  # http or https, see above


def _fetch(request: urllib.request.Request, who: str) -> dict[str, Any]:
    where = f"{who} at {request.host}"
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310  # http or https, see above
            return dict(json.load(answer))
    except urllib.error.HTTPError as error:
        with error:
            said = error.read(500).decode(errors="replace").strip()
        raise UsageError(f"{where} answers {error.code}: {said}") from error
    except OSError as error:
        raise LinkError(f"{where} does not answer: {error}; check the address and that it runs") from error
    except ValueError as error:
        raise UsageError(f"what answers at {request.host} is no {who}: it speaks no JSON") from error
