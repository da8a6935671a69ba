"""Limits as they were: the journal's word on who changed which, replayed into bands of time per parameter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hub.history import History
from hub.limits import OVERRIDE_COLUMNS, read_override
from rules.book import Book
from rules.chain import Chain, Choice, Override
from rules.profiles import Profiles, bed_scope, patient_scope, ward_scope
from vitals.identity import BedKey

_OVERRIDES = (
    f"SELECT time, change, {OVERRIDE_COLUMNS} FROM limit_override WHERE time < ? AND scope IN ({{}}) ORDER BY id"
)
_CHOICES = 'SELECT time, scope, profile, "by", reason FROM profile WHERE time < ? AND scope IN ({}) ORDER BY id'
_STAYS = (
    'SELECT patient, start, "end" FROM admission'
    ' WHERE ward = ? AND bed = ? AND start < ? AND ("end" IS NULL OR "end" > ?) ORDER BY start, id'
)


class Past(NamedTuple):
    """A patient in a bed; `end` None: still there."""

    patient: str
    start: int
    end: int | None


class Edges(NamedTuple):
    """What one parameter is compared with: the first tier and the second one, each None where there is none."""

    low: float | None = None
    high: float | None = None
    extreme_low: float | None = None
    extreme_high: float | None = None


class Band(NamedTuple):
    """The limits of one parameter from `start` to `end`."""

    start: int
    end: int
    edges: Edges


class _Change(NamedTuple):
    """One row of the journal: put something in the chain, or take it out."""

    time: int
    put: Override | Choice | None
    scope: str = ""
    rule: str = ""


def stays(history: History, bed: BedKey, start: int, end: int) -> list[Past]:
    """Who lay in a bed within [start, end)."""
    return [Past(*row) for row in history.select(_STAYS, bed.ward, bed.bed, end, start)]


def bands(
    profiles: Profiles, history: History, bed: BedKey, lain: Sequence[Past], start: int, end: int
) -> dict[str, list[Band]]:
    """The limits of every parameter at a bed over [start, end), by the rule sets of now and the changes of then."""
    changes = _changes(history, bed, lain, end)
    chain = Chain(profiles)
    found: dict[str, list[Band]] = {}
    for low, high in pairwise(_moments(changes, lain, start, end)):
        while changes and changes[0].time <= low:
            _apply(chain, changes.pop(0))
        book = chain.book(bed, _patient(lain, low), low)
        for since, until in pairwise(_shifts(book, low, high)):
            for parameter, edges in edges_of(book, since).items():
                _extend(found.setdefault(parameter, []), Band(since, until, edges))
    return found


def edges_of(book: Book, now: int) -> dict[str, Edges]:
    """The bounds of a book by parameter: of several on one side the one that is met first."""
    found: dict[str, Edges] = {}
    for rule in book.rules.values():
        bound = rule.bound_at(now)
        for parameter in rule.limit_of if bound is not None else ():
            edges = found.get(parameter, Edges())
            beyond = rule.extreme.bound if rule.extreme is not None else None
            if rule.side == "low":
                edges = edges._replace(low=_most(bound, edges.low), extreme_low=_most(beyond, edges.extreme_low))
            else:
                edges = edges._replace(high=_least(bound, edges.high), extreme_high=_least(beyond, edges.extreme_high))
            found[parameter] = edges
    return found


def _changes(history: History, bed: BedKey, lain: Sequence[Past], end: int) -> list[_Change]:
    scopes = [ward_scope(bed), bed_scope(bed), *(patient_scope(one.patient) for one in lain)]
    marks = ", ".join("?" * len(scopes))
    found: list[_Change] = []
    rows = history.select(_OVERRIDES.format(marks), end, *scopes)
    for time, change, *row in rows:
        override = read_override(row)
        found.append(_Change(time, override if change == "set" else None, override.scope, override.rule))
    for time, scope, profile, by, reason in history.select(_CHOICES.format(marks), end, *scopes):
        found.append(_Change(time, Choice(scope=scope, profile=profile, by=by, reason=reason, set_at=time)))
    return sorted(found, key=lambda change: change.time)


def _apply(chain: Chain, change: _Change) -> None:
    if change.put is not None:
        chain.put(change.put)
    else:
        chain.drop(change.scope, change.rule)


def _moments(changes: Sequence[_Change], lain: Sequence[Past], start: int, end: int) -> list[int]:
    """Every time at which another limit may begin to hold, with both ends."""
    moments = {change.time for change in changes}
    moments |= {change.put.expires for change in changes if isinstance(change.put, Override) and change.put.expires}
    moments |= {moment for stay in lain for moment in (stay.start, stay.end) if moment is not None}
    return [start, *sorted(moment for moment in moments if start < moment < end), end]


def _shifts(book: Book, start: int, end: int) -> list[int]:
    """The times between day and night bounds, with both ends."""
    rules = book.rules.values()
    schedules = [rule.hours for rule in rules if rule.hours] + [rule.night[1] for rule in rules if rule.night]
    moments = {start, end}
    for schedule in schedules:
        moment = schedule.next_change(start)
        while moment < end:
            moments.add(moment)
            moment = schedule.next_change(moment)
    return sorted(moments)


def _patient(lain: Sequence[Past], now: int) -> str:
    here = [stay.patient for stay in lain if stay.start <= now and (stay.end is None or now < stay.end)]
    return here[-1] if here else ""


def _extend(line: list[Band], band: Band) -> None:
    if line and line[-1].end == band.start and line[-1].edges == band.edges:
        line[-1] = line[-1]._replace(end=band.end)
    else:
        line.append(band)


def _most(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else max(one, other)


def _least(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)
