"""Parts of a compiled expression: functions from a bed to a number or a truth, either of which may be unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, Protocol

from rules.scores import ScoreResult, ScoreTable
from rules.windows import Window

DECIMALS = 9  # 36.9 - 36.5 is a little less than the 0.4 a thermometer shows


class View(Protocol):
    """What an expression can ask of a bed. None always means unknown."""

    def number(self, parameter: str) -> float | None:
        """The fresh value of a parameter."""

    def entry(self, name: str) -> float | None:
        """What staff entered, while it is valid."""

    def window(self, parameter: str, duration: int) -> Window | None:
        """The values of so long, if enough of it is known."""

    def held(self, key: str, truth: bool | None, duration: int, gap: int) -> bool | None:
        """Whether `truth` has been true for so long without a break; `gap` is how long unknown is no break."""

    def limit(self, parameter: str, side: str) -> float | None:
        """The limit in force at this bed, the one that is met first."""

    def score(self, table: ScoreTable) -> ScoreResult:
        """The points of the bed by this table."""

    def absent(self, parameter: str, duration: int) -> bool | None:
        """Whether a parameter seen before has had no value for so long, though its device is sending."""

    def silent(self, duration: int) -> bool | None:
        """Whether some device of the bed has sent nothing for so long."""

    def missing(self, parameter: str, reason: str) -> bool | None:
        """Whether a device says the parameter is missing for this reason."""

    def state(self, name: str) -> bool | None:
        """Whether a device says it is in this state."""


Truth = Callable[[View], bool | None]
Number = Callable[[View], float | None]


class Quantity(NamedTuple):
    """What is known of the unit of a number."""

    unit: str  # of the catalogue
    written: bool = False  # a unit stands in the expression itself, so that it must fit the other side
    difference: bool = False  # between two values: a difference of 1 °F is no temperature


class Node(NamedTuple):
    """A compiled part: what kind of answer it gives, and the function that gives it."""

    kind: Literal["number", "truth"]
    function: Callable[[View], float | bool | None]
    column: int
    constant: float | None = None
    quantity: Quantity | None = None  # None: nothing is known of its unit, and nothing is checked
    scale: tuple[float, float] | None = None  # (number, factor) of a literal in a unit whose zero lies elsewhere
    remembers: bool = False  # it must see every value, so nothing may make it superfluous


def both(left: Truth, right: Truth, always: bool) -> Truth:
    """Three-valued and. `always`: the right side is asked even where the left decides."""

    def evaluate(view: View) -> bool | None:
        first = left(view)
        if first is False and not always:
            return False
        second = right(view)
        if first is False:
            return False
        return second if first or second is False else None

    return evaluate


def either(left: Truth, right: Truth, always: bool) -> Truth:
    """Three-valued or."""

    def evaluate(view: View) -> bool | None:
        first = left(view)
        if first and not always:
            return True
        second = right(view)
        if first:
            return True
        return second if first is False or second else None

    return evaluate


def negation(inner: Truth) -> Truth:
    """Not; unknown stays unknown."""

    def evaluate(view: View) -> bool | None:
        answer = inner(view)
        return None if answer is None else not answer

    return evaluate


def at_least(count: int, conditions: Sequence[Truth]) -> Truth:
    """Whether `count` of the conditions are true, as far as those that are known can say."""

    def evaluate(view: View) -> bool | None:
        answers = [condition(view) for condition in conditions]
        true = answers.count(True)
        if true >= count:
            return True
        return None if true + answers.count(None) >= count else False

    return evaluate


def held(key: str, inner: Truth, duration: int, gap: int) -> Truth:
    """Whether `inner` has held for so long."""
    return lambda view: view.held(key, inner(view), duration, gap)


def comparison(compare: Callable[[float, float], bool], left: Number, right: Number) -> Truth:
    """A comparison of two numbers; unknown where one is."""

    def evaluate(view: View) -> bool | None:
        first, second = left(view), right(view)
        return None if first is None or second is None else compare(first, second)

    return evaluate


def arithmetic(function: Callable[[float, float], float | None], left: Number, right: Number) -> Number:
    """A number made of two; unknown where one is."""

    def evaluate(view: View) -> float | None:
        first, second = left(view), right(view)
        if first is None or second is None:
            return None
        result = function(first, second)
        return None if result is None else round(result, DECIMALS)

    return evaluate


def divide(dividend: float, divisor: float) -> float | None:
    """No quotient is known where the divisor is zero."""
    return dividend / divisor if divisor else None


def constant(value: float) -> Number:
    """The same number always."""
    return lambda _: value


ARITHMETIC: dict[str, Callable[[float, float], float | None]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": divide,
}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
