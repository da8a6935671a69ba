"""Expressions of rule documents: text in, a checked function with three answers out (true, false, unknown).

expression      := or-expression ("until" or-expression)?
or-expression   := and-expression ("or" and-expression)*
and-expression  := negation ("and" negation)*
negation        := "not" negation | lasting
lasting         := comparison ("for" duration)?
comparison      := sum (("<" | "<=" | ">" | ">=" | "==" | "!=") sum)?
sum             := product (("+" | "-") product)*
product         := unary (("*" | "/") unary)*
unary           := "-" unary | atom
atom            := number unit? | parameter | staff-entry | function "(" arguments ")" | "(" or-expression ")"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rules.functions import FUNCTIONS, Uses, duration_of
from rules.nodes import (
    ARITHMETIC,
    COMPARISONS,
    Node,
    Number,
    Quantity,
    Truth,
    arithmetic,
    both,
    comparison,
    constant,
    either,
    held,
    negation,
)
from rules.quantities import fit, literal, product_of, sum_of
from rules.score_documents import shipped_scores
from rules.scores import ScoreTable
from rules.tokens import RESERVED, ExpressionError, Token, one_of, tokenize, unknown_name
from vitals.entries import CHOICES
from vitals.parameters import PARAMETERS

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "Expression", "ExpressionError", "parse", "unknown_name"]

MAX_DEPTH = 40
MAX_LENGTH = 1_000
HEARD_MS = 15_000  # what is not about a value is known for as long as a device's word is


@dataclass(frozen=True, slots=True, kw_only=True)
class Expression:
    """A compiled expression and everything its answer depends on."""

    text: str
    evaluate: Truth
    until: Truth | None  # what must be true for the alarm to clear; None: that `evaluate` is false
    parameters: frozenset[str]  # those whose value it reads
    entries: frozenset[str]  # the staff entries it reads
    absences: tuple[tuple[str, int], ...]  # (parameter, milliseconds) of each absent()
    silences: tuple[int, ...]  # milliseconds of each silent()
    holds: tuple[tuple[str, int], ...]  # (key, milliseconds) of each `for`
    limits: tuple[tuple[str, str, int], ...]  # (parameter, side, column) of each limit()
    flags: bool  # whether flag() occurs
    scored: bool  # whether its answer follows from scores and from nothing else


def parse(text: str, tables: Mapping[str, ScoreTable] | None = None) -> Expression:
    """Compile an expression; score() knows `tables`, or else the shipped ones. Raises ExpressionError."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(MAX_LENGTH, f"longer than {MAX_LENGTH} characters")
    return Parser(text, shipped_scores() if tables is None else tables).expression()


class Parser:
    """Recursive descent, one method per line of the grammar."""

    def __init__(self, text: str, tables: Mapping[str, ScoreTable]) -> None:
        self.text = text
        self.tables = tables
        self.tokens = tokenize(text)
        self.position = 0
        self.depth = 0
        self.uses = Uses()

    def expression(self) -> Expression:
        """The whole text."""
        node = self.any()
        ending = self._until()
        if self.now.kind != "end":
            raise ExpressionError(self.now.column, f"expected an operator or the end, got {self.now}")
        evaluate = self.want("truth", node, "the whole expression" if ending is None else "what stands before until")
        uses = self.uses
        if not (uses.parameters or uses.entries or uses.absences or uses.silences or uses.flags):
            raise ExpressionError(
                1, "the answer is always the same; name a parameter or use absent(), silent() or flag()"
            )
        return Expression(
            text=self.text,
            evaluate=evaluate,
            until=ending,
            parameters=frozenset(uses.parameters),
            entries=frozenset(uses.entries),
            absences=tuple(uses.absences),
            silences=tuple(uses.silences),
            holds=tuple(uses.holds),
            limits=tuple(uses.limits),
            flags=uses.flags,
            scored=uses.scores
            and not (uses.values or uses.absences or uses.silences or uses.holds or uses.limits or uses.flags),
        )

    # Words ---------------------------------------------------------------------------------------------------------

    @property
    def now(self) -> Token:
        """The word that comes next."""
        return self.tokens[self.position]

    def take(self) -> Token:
        """The next word, and go on."""
        token = self.now
        if token.kind != "end":
            self.position += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        """The next word if it is one of these."""
        return self.take() if self.now.text in texts and self.now.kind in ("operator", "name") else None

    def expect(self, text: str) -> None:
        """Go on past `text`, which must come next."""
        if self.accept(text) is None:
            raise ExpressionError(self.now.column, f"expected {text!r}, got {self.now}")

    def name(self, expected: str) -> Token:
        """A name, whichever it is."""
        token = self.take()
        if token.kind != "name" or token.text in RESERVED:
            raise ExpressionError(token.column, f"expected {expected}, got {token}")
        return token

    def parameter(self) -> str:
        """The name of a parameter, as the argument of a function."""
        return one_of(self.name("a parameter"), PARAMETERS, "parameter")

    def want(self, kind: str, node: Node, what: str) -> Truth:
        """The function of a node that must be of this kind."""
        if node.kind != kind:
            words = {"number": "a number", "truth": "true or false"}
            raise ExpressionError(node.column, f"{what} must be {words[kind]}, this is {words[node.kind]}")
        return node.function  # type: ignore[return-value]

    def deeper(self) -> None:
        """Count a level of nesting."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(self.now.column, f"nested deeper than {MAX_DEPTH}")

    # Lines of the grammar ------------------------------------------------------------------------------------------

    def _until(self) -> Truth | None:
        token = self.accept("until")
        if token is None:
            return None
        ending = self.any()
        if self.now.text == "until":
            raise ExpressionError(self.now.column, "an expression has one until; join what must hold with and")
        return self.want("truth", ending, "what follows until")

    def any(self) -> Node:
        """An or-expression, which is everything that may stand in parentheses."""
        self.deeper()
        left = self._and()
        while token := self.accept("or"):
            right = self._and()
            function = either(self._truth(left, token), self._truth(right, token), right.remembers)
            left = Node("truth", function, left.column, remembers=left.remembers or right.remembers)
        self.depth -= 1
        return left

    def _and(self) -> Node:
        left = self._not()
        while token := self.accept("and"):
            right = self._not()
            function = both(self._truth(left, token), self._truth(right, token), right.remembers)
            left = Node("truth", function, left.column, remembers=left.remembers or right.remembers)
        return left

    def _not(self) -> Node:
        token = self.accept("not")
        if token is None:
            return self._lasting()
        self.deeper()
        inner = self._not()
        self.depth -= 1
        return Node("truth", negation(self._truth(inner, token)), token.column, remembers=inner.remembers)

    def _lasting(self) -> Node:
        begins, before = self.position, set(self.uses.parameters)
        self.uses.parameters.clear()
        node = self._comparison()
        parameters = set(self.uses.parameters)
        self.uses.parameters |= before
        words = self.tokens[begins : self.position]
        if self.accept("for") is None:
            return node
        truth = self.want("truth", node, "what stands before for")
        duration = duration_of(self.take())
        gap = max((PARAMETERS[name].stale_s * 1_000 for name in parameters), default=HEARD_MS)
        key = f"{' '.join(word.text for word in words)} for {duration}ms"
        self.uses.holds.append((key, duration))
        return Node("truth", held(key, truth, duration, gap), node.column, remembers=True)

    def _comparison(self) -> Node:
        left = self._sum()
        token = self.accept(*COMPARISONS)
        if token is None:
            return left
        right = self._sum()
        self._number(left, token)
        self._number(right, token)
        left, right = fit(left, right, token)
        compare = comparison(COMPARISONS[token.text], self._number(left, token), self._number(right, token))
        if self.now.text in COMPARISONS:
            raise ExpressionError(self.now.column, "compare two things at a time; join comparisons with and")
        return Node("truth", compare, left.column, remembers=left.remembers or right.remembers)

    def _sum(self) -> Node:
        left = self._product()
        while token := self.accept("+", "-"):
            left = self._joined(left, token, self._product())
        return left

    def _product(self) -> Node:
        left = self._unary()
        while token := self.accept("*", "/"):
            right = self._unary()
            if token.text == "/" and right.constant == 0:
                raise ExpressionError(right.column, "division by zero")
            left = self._joined(left, token, right)
        return left

    def _joined(self, left: Node, token: Token, right: Node) -> Node:
        function = arithmetic(ARITHMETIC[token.text], self._number(left, token), self._number(right, token))
        quantity = (sum_of if token.text in "+-" else product_of)(left, right, token)
        remembers = left.remembers or right.remembers
        return Node("number", function, left.column, quantity=quantity, remembers=remembers)

    def _unary(self) -> Node:
        token = self.accept("-")
        if token is None:
            return self._atom()
        self.deeper()
        inner = self._unary()
        self.depth -= 1
        function = arithmetic(ARITHMETIC["-"], constant(0.0), self._number(inner, token))
        if inner.scale is not None:
            raise ExpressionError(token.column, "a negative temperature is written in Cel")
        return Node("number", function, token.column, quantity=inner.quantity, remembers=inner.remembers)

    def _atom(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return literal(token, self._unit())
        if token.text == "(":
            inner = self.any()
            self.expect(")")
            return inner
        if token.kind == "name" and token.text not in RESERVED:
            return self._call(token) if self.now.text == "(" else self._value(token)
        if token.kind == "duration":
            raise ExpressionError(
                token.column, f"the duration {token.text} stands only in absent(), silent(), windows and after for"
            )
        if token.kind == "unit":
            raise ExpressionError(token.column, f"the unit {token.text!r} stands only after a number")
        raise ExpressionError(token.column, f"expected a parameter, a number or a function, got {token}")

    def _unit(self) -> Token | None:
        token = self.now
        if token.kind == "unit" or (token.kind == "name" and token.text not in RESERVED):
            return self.take()
        return None

    def _value(self, token: Token) -> Node:
        name = one_of(token, [*PARAMETERS, *CHOICES], "parameter")
        self.uses.values = True
        if name in CHOICES:
            self.uses.entries.add(name)
            return Node("number", lambda view: view.entry(name), token.column)
        self.uses.parameters.add(name)
        return Node("number", lambda view: view.number(name), token.column, quantity=Quantity(PARAMETERS[name].unit))

    def _call(self, token: Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            raise ExpressionError(
                token.column, f"unknown function {token.text!r}; known: {', '.join(sorted(FUNCTIONS))}"
            )
        self.expect("(")
        node = function(self, token)
        self.expect(")")
        return node

    def _truth(self, node: Node, token: Token) -> Truth:
        return self.want("truth", node, f"each side of {token.text!r}" if token.text != "not" else "what follows not")

    def _number(self, node: Node, token: Token) -> Number:
        return self.want("number", node, f"each side of {token.text!r}")
