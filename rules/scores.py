"""Early warning scores: a table and the values of a bed become points, a total if nothing is missing, and a risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreResult:
    """What a table says of a bed. An incomplete score has a partial sum and never a total."""

    table: str
    total: int | None  # None while a parameter is missing
    partial: int
    complete: bool
    points: dict[str, int] = field(default_factory=dict)  # by item, only those known
    missing: tuple[str, ...] = ()  # items without a value
    red: bool = False  # one item alone scores the table's single value (NEWS2: 3)
    risk: str = ""  # of a complete score; empty while it is incomplete
    monitoring: str = ""
    response: str = ""


class ScoreTable:
    """A score as a table."""


def score(table: ScoreTable, inputs: Mapping[str, float]) -> ScoreResult:
    """The points of `inputs`: values by parameter or entry name, only those that are known now."""
    raise NotImplementedError
