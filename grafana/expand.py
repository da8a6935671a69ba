"""Queries as Grafana sends them, macros and choices filled in, and the columns they promise."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

Choices = Mapping[str, Sequence[str]]

_SPECIAL = re.compile(r"[\\^$*+?.()|\[\]{}/]")
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)")


class Pattern(str):
    """A choice that is a pattern already, such as the one that stands for all."""


class Span(NamedTuple):
    """A time range in UTC ms, and how wide the intervals of a trend over it are."""

    start: int
    end: int
    interval: str = "10s"

    @property
    def length(self) -> str:
        """As Prometheus writes it."""
        return f"{max(1, (self.end - self.start) // 1_000)}s"


def influxql(query: str, choices: Choices, span: Span) -> str:
    """The InfluxQL a panel sends."""
    filled = query.replace("$timeFilter", f"time >= {span.start}ms and time <= {span.end}ms")
    return _fill(filled.replace("$__interval", span.interval), choices, slash="\\")


def promql(expression: str, choices: Choices, span: Span) -> str:
    """The PromQL a panel sends."""
    filled = expression.replace("$__rate_interval", span.interval).replace("$__range", span.length)
    return _fill(filled.replace("$__interval", span.interval), choices, slash="\\\\", always_pattern=True)


def columns_of(query: str) -> list[str]:
    """The columns a SELECT promises, and the tags it is grouped by."""
    depth, outer = 0, ""
    for letter in query:
        depth += (letter == "(") - (letter == ")")
        outer += letter if depth == 0 or letter == ")" else ""
    chosen, _, rest = outer.partition(" FROM ")
    columns = []
    for part in chosen.removeprefix("SELECT ").split(", "):
        named = re.search(r'AS "([^"]+)"', part) or re.fullmatch(r'"([^"]+)"', part)
        columns.append(named[1] if named else part.partition(")")[0])
    grouped = rest.partition("GROUP BY ")[2]
    return columns + re.findall(r'"(\w+)"', grouped)


def _fill(query: str, choices: Choices, slash: str, *, always_pattern: bool = False) -> str:
    def fill(match: re.Match[str]) -> str:
        name, form = match[1] or match[3], match[2]
        values = choices[name]
        if form != "regex" and not always_pattern:
            return ",".join(values)
        escaped = [
            value if isinstance(value, Pattern) else _SPECIAL.sub(lambda special: slash + special[0], value)
            for value in values
        ]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return _VARIABLE.sub(fill, query)
