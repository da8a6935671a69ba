"""The words of an expression: text in, tokens with their columns out, or the mistake at its column."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Literal, NamedTuple


class ExpressionError(ValueError):
    """The expression cannot be understood; says at which column (from 1)."""

    def __init__(self, column: int, text: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {text}")


class Token(NamedTuple):
    """One word. `column` counts from 1."""

    kind: Literal["number", "duration", "unit", "name", "operator", "end"]
    text: str
    column: int

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else repr(self.text)


RESERVED = frozenset({"and", "or", "not", "for", "until"})

# A unit made of letters alone is a name here; that it stands after a number makes it a unit. `/min(` divides by min().
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<duration>\d+(?:\.\d+)?(?:ms|s|min|h)\b)"
    r"|(?P<number>\d+(?:\.\d+)?(?![\w.]))"
    r"|(?P<unit>mmol/L\b|mg/dL\b|mm\[Hg\]|cm\[H2O\]|\[degF\]|°[CF]\b|/min\b(?!\s*\()|%)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator><=|>=|==|!=|[-+*/<>(),])",
    re.ASCII,
)


def tokenize(text: str) -> list[Token]:
    """Every word, and the end. Raises ExpressionError."""
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise ExpressionError(position + 1, _unreadable(text, position))
        if match.lastgroup != "space":
            tokens.append(Token(match.lastgroup, match[0], position + 1))  # type: ignore[arg-type]
        position = match.end()
    tokens.append(Token("end", "", len(text) + 1))
    return tokens


def unknown_name(noun: str, name: str, known: Collection[str]) -> str:
    """The sentence about a name nobody knows, with the nearest known one."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    return f"unknown {noun} {name!r}; {hint}"


def one_of(token: Token, known: Collection[str], noun: str) -> str:
    """The name a token gives, if it is a known one. Raises ExpressionError."""
    if token.text not in known:
        raise ExpressionError(token.column, unknown_name(noun, token.text, known))
    return token.text


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
