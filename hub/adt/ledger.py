"""The ledger of stays and placements: who lay where and what stood where, read from the journal beside its writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from hub.adt.stays import Stay
from vitals.identity import BedKey

Select = Callable[..., list[tuple[Any, ...]]]
"""Runs a query with values, and gives its rows."""

_STAY = 'id, ward, bed, patient, start, "end", "by", ended_by'


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which stays: all of these must fit; those with a moment in [start, end)."""

    ward: str | None = None
    bed: str | None = None
    patient: str | None = None
    present: bool | None = None
    start: int = 0
    end: int = 2**62
    limit: int = 1_000


class Recorded(NamedTuple):
    """A stay as it stands now, and who recorded its ends."""

    stay: Stay
    by: str
    ended_by: str


class Told(NamedTuple):
    """One change of an admission, as it stood afterwards."""

    time: int
    kind: str
    admission: int
    ward: str
    bed: str
    patient: str
    start: int
    end: int | None
    by: str
    reason: str


class Placed(NamedTuple):
    """A device stood at a bed ('' at none) from `start` on; `end` None: it still does."""

    gateway: str
    device: str
    ward: str
    bed: str
    start: int
    end: int | None
    source: str
    by: str
    reason: str


class AdtLedger:
    """Questions about stays and placements. `select` may raise what its database raises."""

    def __init__(self, select: Select) -> None:
        self._select = select

    def stays(self, asked: Asked) -> list[Recorded]:
        """Newest first."""
        where, values = ['start < ? AND ("end" IS NULL OR "end" > ?)'], [asked.end, asked.start]
        for column in ("ward", "bed", "patient"):
            value = getattr(asked, column)
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        if asked.present is not None:
            where.append(f'"end" IS {"" if asked.present else "NOT "}NULL')
        query = f"SELECT {_STAY} FROM admission WHERE {' AND '.join(where)} ORDER BY start DESC, id DESC LIMIT ?"
        return [_recorded(row) for row in self._select(query, *values, asked.limit)]

    def stay(self, number: int) -> Recorded | None:
        """The stay of that admission."""
        found = self._select(f"SELECT {_STAY} FROM admission WHERE id = ?", number)
        return _recorded(found[0]) if found else None

    def told(self, number: int) -> list[Told]:
        """What became of an admission, oldest first."""
        columns = 'time, kind, admission, ward, bed, patient, start, "end", "by", reason'
        rows = self._select(f"SELECT {columns} FROM admission_event WHERE admission = ? ORDER BY id", number)
        return [Told(*row) for row in rows]

    def placements(self, gateway: str | None = None, device: str | None = None) -> list[Placed]:
        """Where each device stood, by device, oldest first."""
        rows = self._select(
            'SELECT gateway, device, ward, bed, start, source, "by", reason FROM assignment'
            " WHERE (? = '' OR gateway = ?) AND (? = '' OR device = ?) ORDER BY gateway, device, id",
            *(word or "" for word in (gateway, gateway, device, device)),
        )
        found: list[Placed] = []
        for row, after in zip(rows, [*rows[1:], None][: len(rows)], strict=True):
            gateway_, device_, ward, bed, start, source, by, reason = row
            end = after[4] if after is not None and after[:2] == row[:2] else None
            found.append(Placed(gateway_, device_, ward, bed, start, end, source, by, reason))
        return found


def _recorded(row: tuple[Any, ...]) -> Recorded:
    number, ward, bed, patient, start, end, by, ended_by = row
    return Recorded(Stay(number, BedKey(ward, bed), patient, start, end), by, ended_by)
