"""What is wrong with rules that can be read: impossible limits, mistakes in expressions, ids and hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rules.expressions import ExpressionError, parse
from rules.faults import FAULTS
from rules.pauses import PAUSE_ROW
from rules.schedules import is_zone
from rules.score_documents import NEWS2, Score, check_score, score_table, shipped_scores
from rules.scores import ScoreTable
from rules.tokens import unknown_name
from vitals.alarms import PRIORITY_RANK
from vitals.drills import DRILL
from vitals.durations import Duration
from vitals.parameters import PARAMETERS, Parameter
from vitals.yamldoc import Path

if TYPE_CHECKING:
    from rules.documents import Condition, ExtremeTier, Limit, Night

RULE_FAILED = "rule-failed"  # the id of the engine's own alarm about a broken rule
LONGEST_DELAY = Duration.parse("5min")  # a notice later than this helps nobody; a typing error does
# An acknowledgement of seconds cannot be worked with, and one of a whole shift is an alarm switched off.
SHORTEST_ACKNOWLEDGEMENT = Duration.parse("1min")
LONGEST_ACKNOWLEDGEMENT = Duration.parse("4h")

_OWN = frozenset({RULE_FAILED, DRILL, PAUSE_ROW, *FAULTS})
_Where = tuple[Path, str]


def check(
    limits: Sequence[tuple[int, Limit]],
    conditions: Sequence[tuple[int, Condition]],
    scores: Sequence[tuple[int, Score]],
    zone: object,
    included: Sequence[Limit],
) -> Iterator[_Where]:
    """Everything the types cannot say, as (path, problem). `included` limits belong to the set and are checked."""
    tables = dict(shipped_scores())
    yield from _check_scores(scores, tables)
    for index, limit in limits:
        yield from _check_limit(("limits", index), limit)
        yield from _check_hours(("limits", index), limit, zone)
    for index, condition in conditions:
        yield from _check_condition(("conditions", index), condition, tables)
        yield from _check_hours(("conditions", index), condition, zone)
    if isinstance(zone, str) and zone and not is_zone(zone):
        yield ("time_zone",), f"unknown time zone {zone!r}; write it as in Europe/Berlin"
    yield from _check_ids(limits, conditions)
    yield from _check_sides(limits, included)


def _check_scores(scores: Sequence[tuple[int, Score]], tables: dict[str, ScoreTable]) -> Iterator[_Where]:
    """The set's own tables, which are added to `tables`."""
    for index, score in scores:
        problems = list(check_score(score, ("scores", index)))
        yield from problems
        if score.id in tables:
            shipped = score.id in shipped_scores()
            yield ("scores", index, "id"), f"{score.id} is the id of {'a shipped' if shipped else 'an earlier'} score"
        # A table with a mistake still has its name, so that an expression that uses it is no second mistake.
        tables[score.id] = tables[NEWS2] if problems else score_table(score)


def _one_sided(limit: Limit | ExtremeTier | Night) -> bool:
    return (limit.low is None) != (limit.high is None)


def _check_limit(path: Path, limit: Limit) -> Iterator[_Where]:
    parameter = PARAMETERS.get(limit.parameter)
    if parameter is None:
        yield (*path, "parameter"), unknown_name("parameter", limit.parameter, PARAMETERS)
    if limit.fallback is not None:
        yield from _check_fallback((*path, "fallback"), limit, parameter)
    yield from _check_durations(path, limit)
    if limit.hysteresis < 0:
        yield (*path, "hysteresis"), "must not be negative"
    if not _one_sided(limit):
        yield path, "give either low or high; a parameter with both sides has two limits"
    elif parameter is not None:
        yield from _check_bound(path, limit, parameter)
        if limit.extreme is not None:
            yield from _check_extreme((*path, "extreme"), limit, limit.extreme, parameter)
        if limit.night is not None:
            yield from _check_night((*path, "night"), limit, limit.night, parameter)


def _check_fallback(path: Path, limit: Limit, parameter: Parameter | None) -> Iterator[_Where]:
    fallback = PARAMETERS.get(limit.fallback or "")
    if fallback is None:
        yield path, unknown_name("parameter", limit.fallback or "", PARAMETERS)
    elif limit.fallback == limit.parameter:
        yield path, "is the parameter itself"
    elif parameter is not None and fallback.unit != parameter.unit:
        yield path, f"is measured in {fallback.unit}, {limit.parameter} in {parameter.unit}"


def _check_bound(path: Path, limit: Limit, parameter: Parameter) -> Iterator[_Where]:
    problem = _implausible(limit.bound, parameter)
    if problem:
        yield (*path, limit.side), problem
        return
    clears = _clears(limit, limit.bound)
    if limit.hysteresis > 0 and not parameter.plausible(clears):
        yield (*path, "hysteresis"), f"the alarm could never clear: {clears:g} {parameter.unit} cannot be measured"


def _check_extreme(path: Path, limit: Limit, extreme: ExtremeTier, parameter: Parameter) -> Iterator[_Where]:
    bound = extreme.bound
    if extreme.for_ > LONGEST_DELAY:
        yield (*path, "for"), f"must not be longer than {LONGEST_DELAY // 60_000}min"
    if PRIORITY_RANK[extreme.priority] <= PRIORITY_RANK[limit.priority]:
        yield (*path, "priority"), f"must be higher than the limit's own, which is {limit.priority}"
    if not _one_sided(extreme) or getattr(extreme, limit.side) is None or bound is None:
        yield path, f"give {limit.side}, the side of the limit itself"
    elif _implausible(bound, parameter):
        yield (*path, limit.side), _implausible(bound, parameter)
    elif bound >= limit.bound if limit.side == "low" else bound <= limit.bound:
        yield (*path, limit.side), f"{bound:g} is not beyond the limit itself, {limit.side} {limit.bound:g}"


def _check_night(path: Path, limit: Limit, night: Night, parameter: Parameter) -> Iterator[_Where]:
    bound = night.bound
    if not _one_sided(night) or getattr(night, limit.side) is None or bound is None:
        yield path, f"give {limit.side}, the side of the limit itself"
        return
    problem = _implausible(bound, parameter)
    if problem:
        yield (*path, limit.side), problem
    elif limit.hysteresis > 0 and not parameter.plausible(_clears(limit, bound)):
        yield (*path, limit.side), f"the alarm could never clear: {_clears(limit, bound):g} cannot be measured"
    extreme = None if limit.extreme is None else limit.extreme.bound
    if extreme is not None and (bound <= extreme if limit.side == "low" else bound >= extreme):
        yield (*path, limit.side), f"{bound:g} reaches the extreme, {limit.side} {extreme:g}"


def _implausible(bound: float, parameter: Parameter) -> str:
    if parameter.plausible(bound):
        return ""
    span = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
    return f"{bound:g} is outside what a device can measure ({span})"


def _clears(limit: Limit, bound: float) -> float:
    return bound + limit.hysteresis if limit.side == "low" else bound - limit.hysteresis


def _check_durations(path: Path, rule: Limit | Condition) -> Iterator[_Where]:
    for key, delay in (("for", rule.for_), ("off_delay", rule.off_delay)):
        if delay > LONGEST_DELAY:
            yield (*path, key), f"must not be longer than {LONGEST_DELAY // 60_000}min"
    stands = rule.acknowledged_for
    if stands is not None and not SHORTEST_ACKNOWLEDGEMENT <= stands <= LONGEST_ACKNOWLEDGEMENT:
        span = f"{SHORTEST_ACKNOWLEDGEMENT // 60_000}min and {LONGEST_ACKNOWLEDGEMENT // 3_600_000}h"
        yield (*path, "acknowledged_for"), f"must be between {span}"


def _check_hours(path: Path, rule: Limit | Condition, zone: object) -> Iterator[_Where]:
    if rule.only is not None and rule.except_ is not None:
        yield (*path, "except"), "give either only or except"
    keys = [("only", rule.only), ("except", rule.except_), ("night", getattr(rule, "night", None))]
    for key, hours in keys:
        if hours is not None and not zone:
            yield (*path, key), "hours need the set's time_zone, such as Europe/Berlin"


def _check_condition(path: Path, condition: Condition, tables: Mapping[str, ScoreTable]) -> Iterator[_Where]:
    try:
        parse(condition.when, tables)
    except ExpressionError as error:
        yield (*path, "when"), str(error)
    yield from _check_durations(path, condition)
    if condition.kind == "technical" and condition.latching:
        yield (*path, "latching"), "technical alarms never latch"


def _check_ids(limits: Sequence[tuple[int, Limit]], conditions: Sequence[tuple[int, Condition]]) -> Iterator[_Where]:
    rules: list[tuple[Path, str]] = [(("limits", index, "id"), limit.id) for index, limit in limits]
    rules += [(("conditions", index, "id"), condition.id) for index, condition in conditions]
    seen: set[str] = set()
    for path, id_ in rules:
        if id_ in _OWN:
            yield path, f"{id_} is the engine's own alarm; choose another id"
        elif id_ in seen:
            yield path, f"{id_} is the id of an earlier rule"
        seen.add(id_)


def _check_sides(limits: Sequence[tuple[int, Limit]], included: Sequence[Limit]) -> Iterator[_Where]:
    """Each low limit against each high limit of the same parameter, by day and by night."""
    sound = [(("limits", index), limit) for index, limit in limits if _one_sided(limit)]
    sound += [(("include", -1), limit) for limit in included]
    for low_place, low in sound:
        for high_place, high in sound:
            if low.parameter != high.parameter or low.low is None or high.high is None:
                continue
            if low_place[0] == high_place[0] == "include":
                continue  # each included set was checked when it was read
            yield from _check_pair(low_place, low, high_place, high)


def _check_pair(low_place: tuple[str, int], low: Limit, high_place: tuple[str, int], high: Limit) -> Iterator[_Where]:
    own = [place for place in (low_place, high_place) if place[0] != "include"]
    later = max(own)
    key = "low" if later == low_place else "high"
    assert low.low is not None
    assert high.high is not None
    if low.low >= high.high:
        yield (*later, key), f"low {low.low:g} of {low.id} is not below high {high.high:g} of {high.id}"
    elif _highest(low) >= _lowest(high):
        night = later if (low if later == low_place else high).night is not None else min(own)
        yield (*night, "night"), f"low {_highest(low):g} of {low.id} is not below high {_lowest(high):g} of {high.id}"
    else:
        if _highest(low) + low.hysteresis > _lowest(high) and low_place in own:
            yield (*low_place, "hysteresis"), f"reaches past high {_lowest(high):g} of {high.id}"
        if _lowest(high) - high.hysteresis < _highest(low) and high_place in own:
            yield (*high_place, "hysteresis"), f"reaches past low {_highest(low):g} of {low.id}"


def _highest(limit: Limit) -> float:
    night = None if limit.night is None else limit.night.low
    return limit.bound if night is None else max(limit.bound, night)


def _lowest(limit: Limit) -> float:
    night = None if limit.night is None else limit.night.high
    return limit.bound if night is None else min(limit.bound, night)
