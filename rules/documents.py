"""Rule documents: strict YAML text becomes a set of limits and conditions, or every problem with its line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta

from rules.expressions import ExpressionError, parse, unknown_name
from rules.shelf import set_text, shipped_sets
from vitals.alarms import Kind, Priority
from vitals.document import convert
from vitals.durations import Duration
from vitals.errors import DocumentError, Problem
from vitals.identity import RuleId
from vitals.parameters import PARAMETERS, Parameter
from vitals.yamldoc import Path, YamlDocument, load

_T = TypeVar("_T", bound=msgspec.Struct)
_Where = tuple[Path, str]

RULE_FAILED = "rule-failed"  # the id of the engine's own alarm about a broken rule
LONGEST_DELAY = Duration.parse("5min")  # a notice later than this helps nobody; a typing error does

Message = Annotated[str, Meta(min_length=1, max_length=120, description="What the alarm says, in words of the ward")]
Provenance = Annotated[str, Meta(max_length=1000, description="Where this number comes from")]
_For = Annotated[Duration, Meta(description="Onset delay: how long the condition must hold before it is an alarm")]
_OffDelay = Annotated[Duration, Meta(description="How long the condition must be gone before the alarm clears")]
_Latching = Annotated[
    bool | None, Meta(description="Stay shown after the condition ends, until seen; default: high physiological")
]


def _no_delay() -> Duration:
    return Duration(0)


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One side of one parameter: an alarm while the value is below `low`, or above `high`."""

    id: RuleId
    parameter: Annotated[str, Meta(description="Parameter name, such as spo2")]
    fallback: Annotated[str | None, Meta(description="Judged instead while `parameter` has no fresh value")] = None
    low: Annotated[float | None, Meta(description="Alarm while the value is below this")] = None
    high: Annotated[float | None, Meta(description="Alarm while the value is above this")] = None
    priority: Annotated[Priority, Meta(description="high, medium or low")]
    for_: _For = msgspec.field(name="for")
    hysteresis: Annotated[float, Meta(description="How far back inside the value must come to clear")] = 0.0
    off_delay: _OffDelay = msgspec.field(default_factory=_no_delay)
    latching: _Latching = None
    message: Message
    provenance: Provenance = ""

    @property
    def kind(self) -> Kind:
        """Limits are about the patient."""
        return "physiological"

    @property
    def side(self) -> Literal["low", "high"]:
        """Which side this limit guards."""
        return "low" if self.low is not None else "high"

    @property
    def bound(self) -> float:
        """The limit itself. Zero is a limit like any other."""
        bound = self.low if self.low is not None else self.high
        assert bound is not None
        return bound

    @property
    def latches(self) -> bool:
        """Whether the alarm stays after its condition ended unseen."""
        return self.priority == "high" if self.latching is None else self.latching


class Condition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alarm while an expression over parameters, flags and silence is true."""

    id: RuleId
    kind: Annotated[Kind, Meta(description="physiological (the patient) or technical (the equipment)")]
    priority: Annotated[Priority, Meta(description="high, medium or low")]
    when: Annotated[str, Meta(min_length=1, max_length=1000, description="The expression; see docs/reference/rules.md")]
    for_: _For = msgspec.field(name="for")
    off_delay: _OffDelay = msgspec.field(default_factory=_no_delay)
    latching: _Latching = None
    message: Message
    provenance: Provenance = ""

    @property
    def latches(self) -> bool:
        """Whether the alarm stays after its condition ended unseen. Technical alarms never do."""
        if self.kind == "technical":
            return False
        return self.priority == "high" if self.latching is None else self.latching


class RuleSet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole rule document."""

    format: Annotated[Literal[1], Meta(description="Version of this document's format")]
    id: RuleId
    title: Annotated[str, Meta(min_length=1, max_length=80)]
    provenance: Annotated[
        str, Meta(min_length=1, max_length=4000, description="Where the set comes from, who approved it")
    ]
    include: Annotated[list[RuleId], Meta(description="Shipped sets whose rules belong to this one, too")] = []
    limits: list[Limit] = []
    conditions: list[Condition] = []

    @property
    def rules(self) -> list[Limit | Condition]:
        """Every limit and condition, in the order of the document."""
        return [*self.limits, *self.conditions]


def read_rules(text: str, file: str) -> RuleSet:
    """Read a rule document and the sets it includes. Raises DocumentError carrying every problem found."""
    document = load(text, file)
    problems: set[Problem] = set()
    rule_set: RuleSet | None = None
    try:
        rule_set = convert(document, RuleSet)
        limits, conditions = list(enumerate(rule_set.limits)), list(enumerate(rule_set.conditions))
    except DocumentError as error:
        problems.update(error.problems)
        limits, conditions = _readable(document, "limits", Limit), _readable(document, "conditions", Condition)
    if rule_set is not None and not rule_set.rules and not rule_set.include:
        problems.add(Problem(file, 1, "there is neither a limit nor a condition: this set would watch over nothing"))
    for path, text_ in _check(limits, conditions):
        problems.add(Problem(file, document.line(path), f"{'.'.join(str(part) for part in path)}: {text_}"))
    included, wrong = _included(rule_set)
    own = len(limits)
    together = [*limits, *enumerate([limit for part in included for limit in part.limits], own)]
    for path, text_ in _check_sides([(index, limit) for index, limit in together if _one_sided(limit)]):
        if path[1] not in range(own):
            wrong.append((0, f"include: {text_}"))
    problems.update(Problem(file, document.line(("include", index)), text_) for index, text_ in wrong)
    if problems:
        raise DocumentError(problems)
    assert rule_set is not None
    return msgspec.structs.replace(
        rule_set,
        limits=[*rule_set.limits, *(limit for part in included for limit in part.limits)],
        conditions=[*rule_set.conditions, *(condition for part in included for condition in part.conditions)],
    )


def _included(rule_set: RuleSet | None) -> tuple[list[RuleSet], list[tuple[int, str]]]:
    """The sets a document includes, each complete in itself, and what is wrong with the list: (index, problem)."""
    parts: list[RuleSet] = []
    problems: list[tuple[int, str]] = []
    owner = {} if rule_set is None else {rule.id: "this document" for rule in rule_set.rules}
    for index, name in enumerate([] if rule_set is None else rule_set.include):
        if name not in shipped_sets():
            problems.append((index, f"include.{index}: {unknown_name('shipped set', name, shipped_sets())}"))
            continue
        part = read_rules(set_text(name), f"{name}.yaml")
        twice = sorted(rule.id for rule in part.rules if rule.id in owner)
        problems += [(index, f"include.{index}: {id_} of {name} is in {owner[id_]} already") for id_ in twice]
        owner.update((rule.id, name) for rule in part.rules)
        parts.append(part)
    return parts, problems


def _readable(document: YamlDocument, key: str, type_: type[_T]) -> list[tuple[int, _T]]:
    """The entries of a list that can be read on their own, so that one bad entry does not hide the next one's."""
    entries = document.data.get(key) if isinstance(document.data, dict) else None
    found: list[tuple[int, _T]] = []
    for index, entry in enumerate(entries if isinstance(entries, list) else []):
        try:
            found.append((index, convert(YamlDocument(document.file, entry), type_)))
        except DocumentError:
            continue
    return found


def _check(limits: list[tuple[int, Limit]], conditions: list[tuple[int, Condition]]) -> Iterator[_Where]:
    """Everything the types cannot say: (path, problem) for each."""
    for index, limit in limits:
        yield from _check_limit(("limits", index), limit)
    for index, condition in conditions:
        yield from _check_condition(("conditions", index), condition)
    yield from _check_ids(limits, conditions)
    yield from _check_sides([(index, limit) for index, limit in limits if _one_sided(limit)])


def _one_sided(limit: Limit) -> bool:
    return (limit.low is None) != (limit.high is None)


def _check_limit(path: Path, limit: Limit) -> Iterator[_Where]:
    parameter = PARAMETERS.get(limit.parameter)
    if parameter is None:
        yield (*path, "parameter"), unknown_name("parameter", limit.parameter, PARAMETERS)
    if limit.fallback is not None:
        yield from _check_fallback((*path, "fallback"), limit, parameter)
    yield from _check_delays(path, limit)
    if limit.hysteresis < 0:
        yield (*path, "hysteresis"), "must not be negative"
    if not _one_sided(limit):
        yield path, "give either low or high; a parameter with both sides has two limits"
    elif parameter is not None:
        yield from _check_bound(path, limit, parameter)


def _check_fallback(path: Path, limit: Limit, parameter: Parameter | None) -> Iterator[_Where]:
    fallback = PARAMETERS.get(limit.fallback or "")
    if fallback is None:
        yield path, unknown_name("parameter", limit.fallback or "", PARAMETERS)
    elif limit.fallback == limit.parameter:
        yield path, "is the parameter itself"
    elif parameter is not None and fallback.unit != parameter.unit:
        yield path, f"is measured in {fallback.unit}, {limit.parameter} in {parameter.unit}"


def _check_bound(path: Path, limit: Limit, parameter: Parameter) -> Iterator[_Where]:
    if not parameter.plausible(limit.bound):
        span = f"{parameter.low:g} to {parameter.high:g} {parameter.unit}"
        yield (*path, limit.side), f"{limit.bound:g} is outside what a device can measure ({span})"
        return
    clears = limit.bound + limit.hysteresis if limit.side == "low" else limit.bound - limit.hysteresis
    if limit.hysteresis > 0 and not parameter.plausible(clears):
        yield (*path, "hysteresis"), f"the alarm could never clear: {clears:g} {parameter.unit} cannot be measured"


def _check_delays(path: Path, rule: Limit | Condition) -> Iterator[_Where]:
    for key, delay in (("for", rule.for_), ("off_delay", rule.off_delay)):
        if delay > LONGEST_DELAY:
            yield (*path, key), f"must not be longer than {LONGEST_DELAY // 60_000}min"


def _check_condition(path: Path, condition: Condition) -> Iterator[_Where]:
    try:
        parse(condition.when)
    except ExpressionError as error:
        yield (*path, "when"), str(error)
    yield from _check_delays(path, condition)
    if condition.kind == "technical" and condition.latching:
        yield (*path, "latching"), "technical alarms never latch"


def _check_ids(limits: list[tuple[int, Limit]], conditions: list[tuple[int, Condition]]) -> Iterator[_Where]:
    rules: list[tuple[Path, str]] = [(("limits", index, "id"), limit.id) for index, limit in limits]
    rules += [(("conditions", index, "id"), condition.id) for index, condition in conditions]
    seen: set[str] = set()
    for path, id_ in rules:
        if id_ == RULE_FAILED:
            yield path, f"{RULE_FAILED} is the engine's own alarm; choose another id"
        elif id_ in seen:
            yield path, f"{id_} is the id of an earlier rule"
        seen.add(id_)


def _check_sides(limits: list[tuple[int, Limit]]) -> Iterator[_Where]:
    """Each low limit against each high limit of the same parameter."""
    for low_index, low in limits:
        for high_index, high in limits:
            if low.parameter != high.parameter or low.low is None or high.high is None:
                continue
            later = ("limits", low_index) if low_index > high_index else ("limits", high_index)
            side = "low" if low_index > high_index else "high"
            if low.low >= high.high:
                yield (*later, side), f"low {low.low:g} of {low.id} is not below high {high.high:g} of {high.id}"
                continue
            if low.low + low.hysteresis > high.high:
                yield ("limits", low_index, "hysteresis"), f"reaches past high {high.high:g} of {high.id}"
            if high.high - high.hysteresis < low.low:
                yield ("limits", high_index, "hysteresis"), f"reaches past low {low.low:g} of {low.id}"
