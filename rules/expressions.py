"""Expressions of rule documents: text in, a checked function with three answers out (true, false, unknown).

or-expression   := and-expression ("or" and-expression)*
and-expression  := negation ("and" negation)*
negation        := "not" negation | comparison
comparison      := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
sum             := product (("+" | "-") product)*
product         := unary (("*" | "/") unary)*
unary           := "-" unary | atom
atom            := number | parameter | function "(" arguments ")" | "(" or-expression ")"
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from vitals.durations import Duration
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

MAX_DEPTH = 40
MAX_LENGTH = 1_000


class View(Protocol):
    """What an expression can ask of a bed. None always means unknown."""

    def number(self, parameter: str) -> float | None:
        """The fresh value of a parameter."""

    def absent(self, parameter: str, duration: int) -> bool | None:
        """Whether a parameter seen before has had no value for so long, though its device is sending."""

    def silent(self, duration: int) -> bool:
        """Whether some device of the bed has sent nothing for so long."""

    def missing(self, parameter: str, reason: str) -> bool | None:
        """Whether a device says the parameter is missing for this reason."""

    def state(self, name: str) -> bool | None:
        """Whether a device says it is in this state."""


Truth = Callable[[View], bool | None]
Number = Callable[[View], float | None]


class ExpressionError(ValueError):
    """The expression cannot be understood; says at which column (from 1)."""

    def __init__(self, column: int, text: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {text}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A compiled expression and everything its answer depends on."""

    text: str
    evaluate: Truth
    parameters: frozenset[str]  # those whose value it reads
    absences: tuple[tuple[str, int], ...]  # (parameter, milliseconds) of each absent()
    silences: tuple[int, ...]  # milliseconds of each silent()
    flags: bool  # whether flag() occurs


def parse(text: str) -> Expression:
    """Compile an expression. Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(MAX_LENGTH, f"longer than {MAX_LENGTH} characters")
    return _Parser(text).expression()


class _Token(NamedTuple):
    kind: Literal["number", "duration", "name", "operator", "end"]
    text: str
    column: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<duration>\d+(?:\.\d+)?(?:ms|s|min|h)\b)"
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator><=|>=|==|!=|[-+*/<>(),])",
    re.ASCII,
)


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(position + 1, _unreadable(text, position))
        if match.lastgroup != "space":
            tokens.append(_Token(match.lastgroup, match[0], position + 1))  # type: ignore[arg-type]
        position = match.end()
    tokens.append(_Token("end", "", len(text) + 1))
    return tokens


def _unreadable(text: str, position: int) -> str:
    character = text[position]
    if character == "=":
        return "'=' compares nothing; write '=='"
    if character in "&|!":
        return f"{character!r} has no meaning here; write and, or, not"
    if character.isascii() and character.isdigit():
        word = re.match(r"[\w.]+", text[position:])
        return f"{word[0] if word else character!r} is no number and no duration"
    return f"{character!r} has no meaning here"


class _Node(NamedTuple):
    """A compiled part: what kind of answer it gives, and the function that gives it."""

    kind: Literal["number", "truth"]
    function: Callable[[View], float | bool | None]
    column: int
    constant: float | None = None


_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_RESERVED = frozenset({"and", "or", "not"})


class _Parser:
    """Recursive descent, one method per line of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = _tokens(text)
        self.position = 0
        self.depth = 0
        self.parameters: set[str] = set()
        self.absences: list[tuple[str, int]] = []
        self.silences: list[int] = []
        self.flags = False

    def expression(self) -> Expression:
        node = self._or()
        if self._now.kind != "end":
            raise ExpressionError(self._now.column, f"expected an operator or the end, got {self._now}")
        self._want("truth", node, "the whole expression")
        if not (self.parameters or self.absences or self.silences or self.flags):
            raise ExpressionError(
                1, "the answer is always the same; name a parameter or use absent(), silent() or flag()"
            )
        return Expression(
            text=self.text,
            evaluate=node.function,  # type: ignore[arg-type]
            parameters=frozenset(self.parameters),
            absences=tuple(self.absences),
            silences=tuple(self.silences),
            flags=self.flags,
        )

    @property
    def _now(self) -> _Token:
        return self.tokens[self.position]

    def _take(self) -> _Token:
        token = self._now
        if token.kind != "end":
            self.position += 1
        return token

    def _accept(self, *texts: str) -> _Token | None:
        return self._take() if self._now.text in texts and self._now.kind in ("operator", "name") else None

    def _expect(self, text: str) -> None:
        if self._accept(text) is None:
            raise ExpressionError(self._now.column, f"expected {text!r}, got {self._now}")

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(self._now.column, f"nested deeper than {MAX_DEPTH}")

    def _or(self) -> _Node:
        self._deeper()
        left = self._and()
        while token := self._accept("or"):
            right = self._and()
            left = _Node("truth", _either(self._truth(left, token), self._truth(right, token)), left.column)
        self.depth -= 1
        return left

    def _and(self) -> _Node:
        left = self._not()
        while token := self._accept("and"):
            right = self._not()
            left = _Node("truth", _both(self._truth(left, token), self._truth(right, token)), left.column)
        return left

    def _not(self) -> _Node:
        token = self._accept("not")
        if token is None:
            return self._comparison()
        self._deeper()
        inner = self._not()
        self.depth -= 1
        return _Node("truth", _negation(self._truth(inner, token)), token.column)

    def _comparison(self) -> _Node:
        left = self._sum()
        token = self._accept(*_COMPARISONS)
        if token is None:
            return left
        right = self._sum()
        compare = _comparison(_COMPARISONS[token.text], self._number(left, token), self._number(right, token))
        if self._now.text in _COMPARISONS:
            raise ExpressionError(self._now.column, "compare two things at a time; join comparisons with and")
        return _Node("truth", compare, left.column)

    def _sum(self) -> _Node:
        left = self._product()
        while token := self._accept("+", "-"):
            right = self._product()
            function = operator.add if token.text == "+" else operator.sub
            left = _Node(
                "number", _arithmetic(function, self._number(left, token), self._number(right, token)), left.column
            )
        return left

    def _product(self) -> _Node:
        left = self._unary()
        while token := self._accept("*", "/"):
            right = self._unary()
            if token.text == "/" and right.constant == 0:
                raise ExpressionError(right.column, "division by zero")
            function = operator.mul if token.text == "*" else _divide
            left = _Node(
                "number", _arithmetic(function, self._number(left, token), self._number(right, token)), left.column
            )
        return left

    def _unary(self) -> _Node:
        token = self._accept("-")
        if token is None:
            return self._atom()
        self._deeper()
        inner = self._unary()
        self.depth -= 1
        return _Node("number", _arithmetic(operator.sub, lambda _: 0.0, self._number(inner, token)), token.column)

    def _atom(self) -> _Node:
        token = self._take()
        if token.kind == "number":
            value = float(token.text)
            return _Node("number", lambda _: value, token.column, value)
        if token.text == "(":
            inner = self._or()
            self._expect(")")
            return inner
        if token.kind == "name" and token.text not in _RESERVED:
            return self._call(token) if self._now.text == "(" else self._parameter_value(token)
        if token.kind == "duration":
            raise ExpressionError(token.column, f"the duration {token.text} stands only in absent() and silent()")
        raise ExpressionError(token.column, f"expected a parameter, a number or a function, got {token}")

    def _parameter_value(self, token: _Token) -> _Node:
        name = _one_of(token, PARAMETERS, "parameter")
        self.parameters.add(name)
        return _Node("number", lambda view: view.number(name), token.column)

    def _call(self, token: _Token) -> _Node:
        calls = {"absent": self._absent, "silent": self._silent, "flag": self._flag}
        if token.text not in calls:
            raise ExpressionError(token.column, f"unknown function {token.text!r}; known: {', '.join(sorted(calls))}")
        self._expect("(")
        node = calls[token.text](token)
        self._expect(")")
        return node

    def _absent(self, token: _Token) -> _Node:
        name = _one_of(self._name("a parameter"), PARAMETERS, "parameter")
        self._expect(",")
        duration = self._duration()
        self.absences.append((name, duration))
        return _Node("truth", lambda view: view.absent(name, duration), token.column)

    def _silent(self, token: _Token) -> _Node:
        duration = self._duration()
        self.silences.append(duration)
        return _Node("truth", lambda view: view.silent(duration), token.column)

    def _flag(self, token: _Token) -> _Node:
        first = self._name("a parameter or a device state")
        self.flags = True
        if self._accept(",") is None:
            state = _one_of(first, DEVICE_STATES, "device state")
            return _Node("truth", lambda view: view.state(state), token.column)
        parameter = _one_of(first, PARAMETERS, "parameter")
        reason = _one_of(self._name("a reason"), MISSING_REASONS, "reason")
        return _Node("truth", lambda view: view.missing(parameter, reason), token.column)

    def _name(self, expected: str) -> _Token:
        token = self._take()
        if token.kind != "name" or token.text in _RESERVED:
            raise ExpressionError(token.column, f"expected {expected}, got {token}")
        return token

    def _duration(self) -> int:
        token = self._take()
        if token.kind != "duration":
            raise ExpressionError(token.column, f"expected a duration such as 20s, got {token}")
        duration = Duration.parse(token.text)
        if duration == 0:
            raise ExpressionError(token.column, "the duration must be longer than zero")
        return duration

    def _truth(self, node: _Node, token: _Token) -> Truth:
        return self._want("truth", node, f"each side of {token.text!r}" if token.text != "not" else "what follows not")

    def _number(self, node: _Node, token: _Token) -> Number:
        return self._want("number", node, f"each side of {token.text!r}")

    def _want(self, kind: str, node: _Node, what: str) -> Truth:
        if node.kind != kind:
            words = {"number": "a number", "truth": "true or false"}
            raise ExpressionError(node.column, f"{what} must be {words[kind]}, this is {words[node.kind]}")
        return node.function  # type: ignore[return-value]


def unknown_name(noun: str, name: str, known: Collection[str]) -> str:
    """The sentence about a name nobody knows, with the nearest known one."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return f"unknown {noun} {name!r}; {hint}"


def _one_of(token: _Token, known: Collection[str], noun: str) -> str:
    if token.text not in known:
        raise ExpressionError(token.column, unknown_name(noun, token.text, known))
    return token.text


def _both(left: Truth, right: Truth) -> Truth:
    def evaluate(view: View) -> bool | None:
        first = left(view)
        if first is False:
            return False
        second = right(view)
        return second if first or second is False else None

    return evaluate


def _either(left: Truth, right: Truth) -> Truth:
    def evaluate(view: View) -> bool | None:
        first = left(view)
        if first:
            return True
        second = right(view)
        return second if first is False or second else None

    return evaluate


def _negation(inner: Truth) -> Truth:
    def evaluate(view: View) -> bool | None:
        answer = inner(view)
        return None if answer is None else not answer

    return evaluate


def _comparison(compare: Callable[[float, float], bool], left: Number, right: Number) -> Truth:
    def evaluate(view: View) -> bool | None:
        first, second = left(view), right(view)
        return None if first is None or second is None else compare(first, second)

    return evaluate


def _arithmetic(function: Callable[[float, float], float | None], left: Number, right: Number) -> Number:
    def evaluate(view: View) -> float | None:
        first, second = left(view), right(view)
        return None if first is None or second is None else function(first, second)

    return evaluate


def _divide(dividend: float, divisor: float) -> float | None:
    """No quotient is known where the divisor is zero."""
    return dividend / divisor if divisor else None
