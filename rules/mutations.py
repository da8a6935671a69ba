"""Mutations: a rule set with one thing changed, over and over, to ask whether its stories would notice."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar, get_args

import msgspec

from rules.documents import Condition, Limit, RuleSet
from rules.expressions import ExpressionError, parse
from rules.library import read_set
from rules.rotas import Plan
from rules.scenarios import Scenario
from rules.stories import run
from vitals.alarms import PRIORITY_RANK, Priority
from vitals.durations import Duration
from vitals.parameters import PARAMETERS

_T = TypeVar("_T", Limit, Condition)

HAIR = 1e-6  # moves a bound so little that `below` becomes `at or below`
SECOND = Duration.parse("1s")
_WORDS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "and": "or", "or": "and"}
_TOKEN = re.compile(
    r"<=|>=|==|!=|<|>|\b(?:and|or)\b|\bnot (?=flag|\()|(?<!not )\bflag\(|\b\d+(?:\.\d+)?(?=[^\w(]|s\b|min\b|$)"
)


class Mutant(NamedTuple):
    """One changed set: which rule, what was changed, and the whole."""

    rule: str
    change: str
    rules: RuleSet

    def __str__(self) -> str:
        return f"{self.rule}: {self.change}"


def mutants(rule_set: RuleSet) -> Iterator[Mutant]:
    """Every single change of the document's own rules; those of included sets are changed with their own stories."""
    elsewhere = {rule.id for name in rule_set.include for rule in read_set(name).rules}
    for number, limit in enumerate(rule_set.limits):
        if limit.id not in elsewhere:
            for change, limits in _replaced(rule_set.limits, number, _limit(limit)):
                yield Mutant(limit.id, change, msgspec.structs.replace(rule_set, limits=limits))
    for number, condition in enumerate(rule_set.conditions):
        if condition.id not in elsewhere:
            for change, conditions in _replaced(rule_set.conditions, number, _condition(condition, rule_set)):
                yield Mutant(condition.id, change, msgspec.structs.replace(rule_set, conditions=conditions))


def noticed(mutant: Mutant, scenarios: Sequence[Scenario], plan: Plan | None = None) -> bool:
    """Whether some story goes otherwise; those about the changed rule are tried first."""
    ordered = sorted(scenarios, key=lambda scenario: (scenario.rule != mutant.rule, scenario.until))
    return any(not run(mutant.rules, scenario, plan).passed for scenario in ordered)


def _replaced(rules: list[_T], number: int, changes: Iterator[tuple[str, _T]]) -> Iterator[tuple[str, list[_T]]]:
    rest = list(rules)
    del rest[number]
    yield "left out", rest
    for change, rule in changes:
        changed = list(rules)
        changed[number] = rule
        yield change, changed


def _limit(limit: Limit) -> Iterator[tuple[str, Limit]]:
    step = 10 ** -PARAMETERS[limit.parameter].decimals
    outward = -1 if limit.side == "low" else 1
    other = "high" if limit.side == "low" else "low"
    flipped = msgspec.structs.replace(limit, **{limit.side: None, other: limit.bound}, extreme=None)
    yield f"{limit.side} turned into {other}", flipped
    yield "at the limit is an alarm", _moved(limit, -outward * HAIR)
    for by in (step, -step):
        yield f"{limit.side} {limit.bound + by:g}", _moved(limit, by)
        if limit.hysteresis + by >= 0:
            hysteresis = round(limit.hysteresis + by, 6)
            yield f"hysteresis {hysteresis:g}", msgspec.structs.replace(limit, hysteresis=hysteresis)
    if limit.fallback is not None:
        yield "no fallback", msgspec.structs.replace(limit, fallback=None)
    tier = limit.extreme
    if tier is not None and tier.bound is not None:
        yield "no extreme tier", msgspec.structs.replace(limit, extreme=None)
        low = msgspec.structs.replace(tier, priority=limit.priority)
        yield f"extreme {limit.priority}", msgspec.structs.replace(limit, extreme=low)
        for by in (step, -step, -outward * HAIR):
            moved = msgspec.structs.replace(tier, **{limit.side: tier.bound + by})
            yield f"extreme {limit.side} {tier.bound + by:g}", msgspec.structs.replace(limit, extreme=moved)
        for delay in _delays(tier.for_):
            slow = msgspec.structs.replace(tier, for_=delay)
            yield f"extreme for {delay}ms", msgspec.structs.replace(limit, extreme=slow)
    yield from _any(limit)


def _condition(condition: Condition, rule_set: RuleSet) -> Iterator[tuple[str, Condition]]:
    for when in _expressions(condition.when):
        try:
            parse(when, rule_set.tables)
        except ExpressionError:
            continue
        yield f"when {when}", msgspec.structs.replace(condition, when=when)
    yield from _any(condition)


def _any(rule: _T) -> Iterator[tuple[str, _T]]:
    """What a limit and a condition have in common."""
    for delay in _delays(rule.for_):
        yield f"for {delay}ms", msgspec.structs.replace(rule, for_=delay)
    for delay in _delays(rule.off_delay):
        yield f"off_delay {delay}ms", msgspec.structs.replace(rule, off_delay=delay)
    extreme = rule.extreme.priority if isinstance(rule, Limit) and rule.extreme is not None else None
    for priority in get_args(Priority):
        # At the priority of its second tier the limit would be another document, which is refused.
        if priority != rule.priority and (extreme is None or PRIORITY_RANK[priority] < PRIORITY_RANK[extreme]):
            yield f"priority {priority}", msgspec.structs.replace(rule, priority=priority, latching=rule.latches)
    if rule.kind != "technical":
        yield f"latching {not rule.latches}", msgspec.structs.replace(rule, latching=not rule.latches)


def _moved(limit: Limit, by: float) -> Limit:
    return msgspec.structs.replace(limit, **{limit.side: limit.bound + by})


def _delays(delay: Duration) -> list[Duration]:
    return [Duration(delay + by) for by in (-SECOND, SECOND) if delay + by >= 0]


def _expressions(when: str) -> Iterator[str]:
    """The expression with one word changed, for every word that means something."""
    for found in _TOKEN.finditer(when):
        for word in _instead(found[0]):
            yield when[: found.start()] + word + when[found.end() :]


def _instead(token: str) -> list[str]:
    if token.startswith("not"):
        return [""]
    if token == "flag(":  # noqa: S105  # a word of the language
        return ["not flag("]
    return [_WORDS[token]] if token in _WORDS else [f"{float(token) + by:g}" for by in (-1, 1)]
