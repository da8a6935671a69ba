"""The score book: each time the score of a bed becomes another one, a row for the next commit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from hub.journal import Journal, Write
from hub.live import Judged
from hub.ward_round import WardRound
from rules.scores import ScoreResult
from vitals.identity import BedKey

WAITING_ROWS = 20_000  # while the disk takes nothing: past this a change is noted when it takes rows again

_ENTER = 'INSERT INTO score (ward, bed, time, "table", total, complete, risk, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
_NEWEST = (
    'SELECT ward, bed, "table", total, complete, risk, body FROM score'
    ' WHERE id IN (SELECT max(id) FROM score GROUP BY ward, bed, "table")'
)


class ScoreBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a score is made of, as stored in its body."""

    partial: int = 0
    points: dict[str, int] = {}
    missing: tuple[str, ...] = ()
    red: bool = False


class _Said(NamedTuple):
    total: int | None
    complete: int
    risk: str
    body: bytes


_NOTHING = _Said(None, 0, "", msgspec.json.encode(ScoreBody()))


class ScoreBook:
    """Knows the last score written of each bed; goes on where the journal says the last run stopped."""

    def __init__(self, journal: Journal) -> None:
        self._said = {(BedKey(ward, bed), table): _Said(*row) for ward, bed, table, *row in journal.read(_NEWEST)}
        self._tables: dict[BedKey, set[str]] = {}
        for bed, table in self._said:
            self._tables.setdefault(bed, set()).add(table)
        self._seen: dict[tuple[BedKey, str], ScoreResult] = {}
        self._waiting: list[Write] = []

    def judged(self, round_: WardRound, now: int, bed: BedKey) -> Judged:
        """What the ward round says of a bed; its scores are followed."""
        judged = round_.judged(bed, now)
        self.follow(bed, judged.scores, now)
        return judged

    def follow(self, bed: BedKey, results: Sequence[ScoreResult], now: int) -> None:
        """These are all the scores of a bed now; one that it had and has no more is unknown."""
        here = self._tables.get(bed)
        if not results and not here:
            return
        gone = set(here) if here else set()
        for result in results:
            gone.discard(result.table)
            if self._seen.get((bed, result.table)) is not result and self._say(bed, result.table, _said(result), now):
                self._seen[bed, result.table] = result
        for table in gone:
            if self._say(bed, table, _NOTHING, now):
                self._seen.pop((bed, table), None)

    def _say(self, bed: BedKey, table: str, said: _Said, now: int) -> bool:
        """False: not now, there is no room."""
        if self._said.get((bed, table)) == said:
            return True
        if len(self._waiting) >= WAITING_ROWS:
            return False
        self._said[bed, table] = said
        self._tables.setdefault(bed, set()).add(table)
        self._waiting.append(Write(_ENTER, (bed.ward, bed.bed, now, table, *said)))
        return True

    @property
    def waiting(self) -> bool:
        """Whether there are rows to commit."""
        return bool(self._waiting)

    def take(self) -> list[Write]:
        """The rows that wait, in the order they came to be."""
        taken, self._waiting = self._waiting, []
        return taken


def _said(result: ScoreResult) -> _Said:
    body = ScoreBody(partial=result.partial, points=result.points, missing=result.missing, red=result.red)
    return _Said(result.total, int(result.complete), result.risk, msgspec.json.encode(body))
