"""Cells: values of Python as the text a server's bulk path takes, many thousand a second."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

from hub.projections.sink import PoisonError

_SHORT = 100  # characters; longer words seldom come again
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COPY = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_LITERAL = str.maketrans({"\\": "\\\\", "'": "\\'", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


class Ms(int):
    """A time in UTC epoch milliseconds."""


Cell: TypeAlias = str | float | int | bool | None
"""An Ms is one too."""


class Cells:
    """How one server wants its rows: `row` makes one, or a part of one, and `separator` stands between the parts."""

    separator = ""

    def row(self, values: Iterable[Cell]) -> str:
        """Values as text. Raises PoisonError for a number no table can hold."""
        return self.separator.join([self._cell(value) for value in values])

    def text(self, value: str) -> str:
        """Words; those that come again and again are made once."""
        raise NotImplementedError

    def number(self, value: float) -> str:
        """A measured value, exactly."""
        if not math.isfinite(value):
            raise PoisonError(f"{value} is no number a table can hold")
        return repr(value)

    def time(self, ms: int) -> str:
        """A time, UTC."""
        raise NotImplementedError

    def flag(self, value: bool) -> str:
        """True or false."""
        raise NotImplementedError

    nothing = ""

    def _cell(self, value: Cell) -> str:
        if value is None:
            return self.nothing
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, bool):
            return self.flag(value)
        if isinstance(value, Ms):
            return self.time(value)
        return self.number(value) if isinstance(value, float) else str(value)


class CopyCells(Cells):
    """PostgreSQL's text format of COPY."""

    separator = "\t"
    nothing = "\\N"

    def text(self, value: str) -> str:
        return _copied(value) if len(value) <= _SHORT else value.translate(_COPY)

    def time(self, ms: int) -> str:
        return f"{_utc(ms)}+00"

    def flag(self, value: bool) -> str:
        return "t" if value else "f"


class LiteralCells(Cells):
    """Literals of MariaDB and MySQL, for a session without NO_BACKSLASH_ESCAPES."""

    separator = ","
    nothing = "NULL"

    def text(self, value: str) -> str:
        return _quoted(value) if len(value) <= _SHORT else f"'{value.translate(_LITERAL)}'"

    def time(self, ms: int) -> str:
        return f"'{_utc(ms)}'"

    def flag(self, value: bool) -> str:
        return "1" if value else "0"


@lru_cache(maxsize=8192)
def _copied(text: str) -> str:
    return text.translate(_COPY)


@lru_cache(maxsize=8192)
def _quoted(text: str) -> str:
    return f"'{text.translate(_LITERAL)}'"


@lru_cache(maxsize=1024)
def _utc(ms: int) -> str:
    return str((_EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=None))
