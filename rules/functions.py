"""The functions of expressions: each reads its own arguments and gives a compiled part."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rules.nodes import Node, Quantity, Truth, View, at_least
from rules.score_documents import NEWS2
from rules.scores import ScoreTable
from rules.tokens import ExpressionError, Token, one_of
from rules.windows import Window
from vitals.durations import Duration
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

if TYPE_CHECKING:
    from rules.expressions import Parser

LONGEST_WINDOW = Duration.parse("24h")


@dataclass(slots=True)
class Uses:
    """What an expression turns out to depend on while it is read."""

    parameters: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)
    absences: list[tuple[str, int]] = field(default_factory=list)
    silences: list[int] = field(default_factory=list)
    holds: list[tuple[str, int]] = field(default_factory=list)
    limits: list[tuple[str, str, int]] = field(default_factory=list)
    flags: bool = False
    scores: bool = False
    values: bool = False  # values or entries of its own, beside what scores are made of


def duration_of(token: Token) -> int:
    """The milliseconds a word says. Raises ExpressionError."""
    if token.kind != "duration":
        raise ExpressionError(token.column, f"expected a duration such as 20s, got {token}")
    duration = Duration.parse(token.text)
    if duration == 0:
        raise ExpressionError(token.column, "the duration must be longer than zero")
    if duration > LONGEST_WINDOW:
        raise ExpressionError(token.column, f"the duration must not be longer than {LONGEST_WINDOW // 3_600_000}h")
    return duration


def _absent(parser: Parser, token: Token) -> Node:
    name = parser.parameter()
    parser.expect(",")
    duration = duration_of(parser.take())
    parser.uses.absences.append((name, duration))
    return Node("truth", lambda view: view.absent(name, duration), token.column)


def _silent(parser: Parser, token: Token) -> Node:
    duration = duration_of(parser.take())
    parser.uses.silences.append(duration)
    return Node("truth", lambda view: view.silent(duration), token.column)


def _flag(parser: Parser, token: Token) -> Node:
    first = parser.name("a parameter or a device state")
    parser.uses.flags = True
    if parser.accept(",") is None:
        state = one_of(first, DEVICE_STATES, "device state")
        return Node("truth", lambda view: view.state(state), token.column)
    parameter = one_of(first, PARAMETERS, "parameter")
    reason = one_of(parser.name("a reason"), MISSING_REASONS, "reason")
    return Node("truth", lambda view: view.missing(parameter, reason), token.column)


def _over(ask: Callable[[Window], float], difference: bool, parser: Parser, token: Token) -> Node:
    name = parser.parameter()
    parser.expect(",")
    duration = duration_of(parser.take())
    parser.uses.parameters.add(name)
    parser.uses.values = True

    def evaluate(view: View) -> float | None:
        window = view.window(name, duration)
        return None if window is None else ask(window)

    quantity = Quantity(PARAMETERS[name].unit, difference=difference)
    return Node("number", evaluate, token.column, quantity=quantity, remembers=True)


def _n_of_m(parser: Parser, token: Token) -> Node:
    word = parser.take()
    if word.kind != "number" or "." in word.text:
        raise ExpressionError(word.column, f"expected how many conditions must be true, got {word}")
    conditions: list[Truth] = []
    remembers = False
    while parser.accept(",") is not None:
        node = parser.any()
        conditions.append(parser.want("truth", node, "each condition of n_of_m()"))
        remembers = remembers or node.remembers
    if len(conditions) < 2:
        raise ExpressionError(token.column, "n_of_m() needs a number and at least two conditions")
    count = int(word.text)
    if not 1 <= count <= len(conditions):
        raise ExpressionError(word.column, f"{count} of {len(conditions)} conditions can never be decided")
    return Node("truth", at_least(count, conditions), token.column, remembers=remembers)


def _limit(parser: Parser, token: Token) -> Node:
    name = parser.parameter()
    parser.expect(",")
    word = parser.take()
    side = one_of(word, ("low", "high"), "side")
    parser.uses.limits.append((name, side, token.column))
    return Node("number", lambda view: view.limit(name, side), token.column, quantity=Quantity(PARAMETERS[name].unit))


def _score(parser: Parser, token: Token) -> Node:
    word = parser.name("the name of a score")
    one_of(word, parser.tables, "score")
    return _points(word.text, False, parser, token)


def _points(name: str, partial: bool, parser: Parser, token: Token) -> Node:
    table = _table(parser, name)

    def evaluate(view: View) -> float | None:
        result = view.score(table)
        return result.partial if partial else result.total

    return Node("number", evaluate, token.column)


def _table(parser: Parser, name: str) -> ScoreTable:
    table = parser.tables[name]
    parser.uses.parameters |= table.parameters
    parser.uses.entries |= table.entries
    parser.uses.scores = True
    return table


def _red(parser: Parser, token: Token) -> Node:
    word = parser.name("the name of a score")
    table = _table(parser, one_of(word, parser.tables, "score"))

    def evaluate(view: View) -> bool | None:
        result = view.score(table)
        return result.red if result.complete else None

    return Node("truth", evaluate, token.column)


FUNCTIONS: dict[str, Callable[[Parser, Token], Node]] = {
    "absent": _absent,
    "change": functools.partial(_over, Window.change, True),
    "flag": _flag,
    "limit": _limit,
    "max": functools.partial(_over, Window.highest, False),
    "mean": functools.partial(_over, Window.mean, False),
    "min": functools.partial(_over, Window.lowest, False),
    "n_of_m": _n_of_m,
    "news2": functools.partial(_points, NEWS2, False),
    "news2_partial": functools.partial(_points, NEWS2, True),
    "red": _red,
    "score": _score,
    "silent": _silent,
}
