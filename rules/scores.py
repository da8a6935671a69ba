"""Early warning scores: a table and the values of a bed become points, a total if nothing is missing, and a risk."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from math import inf
from typing import NamedTuple

import msgspec

REMEMBERED = 2_000  # values of one item whose points are kept; monitors send whole numbers and tenths

Span = tuple[float, float]
"""The lowest and the highest value of a stretch, both included."""


class ScoreResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a table says of a bed. An incomplete score has a partial sum and never a total."""

    table: str
    total: int | None  # None while a parameter is missing
    partial: int
    complete: bool
    points: dict[str, int] = {}  # by item, only those known
    missing: tuple[str, ...] = ()  # items without points
    red: bool = False  # one item alone scores what the table calls a single score (NEWS2: 3)
    risk: str = ""  # of a complete score; empty while it is incomplete
    monitoring: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True)
class Bands:
    """Points by value: those of the first edge the value does not pass, or the last ones beyond every edge."""

    edges: tuple[float, ...]
    points: tuple[int, ...]
    when: tuple[tuple[str, float], ...] = ()  # entries that must have these values for the bands to count

    def fits(self, entries: Mapping[str, float]) -> bool:
        """Whether nothing known speaks against these bands."""
        return all(entries.get(name, value) == value for name, value in self.when)

    def at(self, value: float) -> int:
        """The points of a rounded value."""
        return self.points[bisect_left(self.edges, value)]

    def span(self, value: float, decimals: int) -> Span:
        """Between which values, as they were before rounding, the points of `value` are the same for sure."""
        edges = self.edges
        band = bisect_left(edges, round_half_away(value, decimals))
        low, high = -inf, inf
        if band > 0:
            first = round(edges[band - 1] + 10.0**-decimals, decimals)  # the least one that rounding lets pass the edge
            low = min(first, value) if bisect_left(edges, first) == band else value
        if band < len(edges):
            high = max(edges[band], value)
        return low, high


class _Found(NamedTuple):
    points: int | None
    span: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreItem:
    """One line of a table. A line of codes has one entry and no inputs."""

    id: str
    label: str
    inputs: tuple[str, ...] = ()  # parameters, the preferred one first
    decimals: int = 0
    bands: tuple[Bands, ...] = ()
    entry: str = ""
    codes: Mapping[float | None, int] = field(default_factory=dict)
    _deciding: tuple[str, ...] = field(init=False)  # the entries that choose the bands
    _remembered: dict[tuple[float | None, ...], _Found] = field(init=False, default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        deciding = {name for bands in self.bands for name, _ in bands.when}
        object.__setattr__(self, "_deciding", tuple(sorted(deciding)))

    def points(self, known: Mapping[str, float]) -> int | None:
        """The points; None where a value is missing that decides them."""
        if self.entry:
            return self.codes.get(known.get(self.entry))
        for name in self.inputs:
            value = known.get(name)
            if value is not None and value == value:
                return self._find(value, known).points
        return None

    def span(self, value: float, known: Mapping[str, float]) -> Span:
        """Between which values the points stay those of `value`, or stay undecided, while `known` is so."""
        return self._find(value, known).span

    def _find(self, value: float, known: Mapping[str, float]) -> _Found:
        key = (value, *[known.get(name) for name in self._deciding])
        found = self._remembered.get(key)
        if found is None:
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            found = self._remembered[key] = self._look_up(value, known)
        return found

    def _look_up(self, value: float, known: Mapping[str, float]) -> _Found:
        rounded = round_half_away(value, self.decimals)
        # Where an entry is missing, bands that agree need not wait for it: 83 % is 3 points on either supply of air.
        fitting = [bands for bands in self.bands if bands.fits(known)]
        found = {bands.at(rounded) for bands in fitting}
        spans = [bands.span(value, self.decimals) for bands in fitting]
        low, high = max((low for low, _ in spans), default=-inf), min((high for _, high in spans), default=inf)
        return _Found(found.pop() if len(found) == 1 else None, (low, high))


@dataclass(frozen=True, slots=True)
class Response:
    """What a total asks of the staff."""

    risk: str
    monitoring: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """A whole score, ready to apply."""

    id: str
    title: str
    items: tuple[ScoreItem, ...]
    responses: tuple[tuple[int, Response], ...]  # (highest total, what it asks for), ascending
    single: tuple[int, int, Response] | None = None  # (points of one item, below this total, what it asks for)
    defaults: Mapping[str, float] = field(default_factory=dict)
    parameters: frozenset[str] = field(init=False)  # every parameter whose value can count
    entries: frozenset[str] = field(init=False)  # every staff entry with codes that can count
    staff: frozenset[str] = field(init=False)  # everything staff may enter that can count
    _items_of: Mapping[str, tuple[ScoreItem, ...]] = field(init=False, compare=False)  # by parameter
    # Most beds of a hub have the same points; what follows from them is kept once for all.
    _results: dict[tuple[int | None, ...], ScoreResult] = field(init=False, default_factory=dict, compare=False)
    _spans: dict[tuple[tuple[str, Span], ...], Mapping[str, Span]] = field(
        init=False, default_factory=dict, compare=False
    )
    _names: dict[tuple[str, ...], tuple[str, ...]] = field(init=False, default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        choosing = {name for item in self.items for bands in item.bands for name, _ in bands.when}
        object.__setattr__(self, "parameters", frozenset(name for item in self.items for name in item.inputs))
        object.__setattr__(self, "entries", frozenset(choosing | {item.entry for item in self.items if item.entry}))
        object.__setattr__(self, "staff", self.entries | self.parameters)
        items_of = {name: tuple(item for item in self.items if name in item.inputs) for name in self.parameters}
        object.__setattr__(self, "_items_of", items_of)

    def spans(self, names: Iterable[str], known: Mapping[str, float]) -> dict[str, Span]:
        """Of known parameters, between which values of each nothing changes while all else in `known` stays."""
        known = {**self.defaults, **known}
        found: dict[str, Span] = {}
        for name in names:
            low, high = -inf, inf
            for item in self._items_of[name]:
                item_low, item_high = item.span(known[name], known)
                low, high = max(low, item_low), min(high, item_high)
            found[name] = low, high
        return found

    def shared_names(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """These names of parameters, in one copy for all beds."""
        if len(self._names) >= REMEMBERED:
            self._names.clear()
        return self._names.setdefault(names, names)

    def shared(self, spans: Mapping[str, Span]) -> Mapping[str, Span]:
        """These spans, in one copy for all beds that have them; not to be changed."""
        if len(self._spans) >= REMEMBERED:
            self._spans.clear()
        return self._spans.setdefault(tuple(spans.items()), spans)


def score(table: ScoreTable, inputs: Mapping[str, float]) -> ScoreResult:
    """The points of `inputs`: values by parameter or entry name, only those that are known now."""
    known = {**table.defaults, **inputs}
    points = tuple([item.points(known) for item in table.items])
    result = table._results.get(points)
    if result is None:
        if len(table._results) >= REMEMBERED:
            table._results.clear()
        result = table._results[points] = _result(table, points)
    return result


def _result(table: ScoreTable, found: tuple[int | None, ...]) -> ScoreResult:
    points = {item.id: number for item, number in zip(table.items, found, strict=True) if number is not None}
    missing = tuple(item.id for item in table.items if item.id not in points)
    partial, highest = sum(points.values()), max(points.values(), default=0)
    red = table.single is not None and highest >= table.single[0]
    if missing:
        return ScoreResult(
            table=table.id, total=None, partial=partial, complete=False, points=points, missing=missing, red=red
        )
    asks = _response(table, partial, red)
    return ScoreResult(
        table=table.id,
        total=partial,
        partial=partial,
        complete=True,
        points=points,
        red=red,
        risk=asks.risk,
        monitoring=asks.monitoring,
        response=asks.response,
    )


def round_half_away(value: float, decimals: int) -> float:
    """Round as on paper: 35.05 is 35.1, though the binary number nearest to it lies below."""
    if round(value, decimals) == value:
        return value
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


def _response(table: ScoreTable, total: int, red: bool) -> Response:
    if red and table.single is not None and total < table.single[1]:
        return table.single[2]
    return next(response for highest, response in table.responses if total <= highest)
