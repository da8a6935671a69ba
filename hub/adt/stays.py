"""Stays: who lay in which bed and from when to when, so that no bed and no patient is in two of them at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from vitals.identity import BedKey

FOREVER = 2**62


class Stay(NamedTuple):
    """One patient in one bed, from `start` to `end` (UTC ms; None: still there). A transfer begins another stay."""

    id: int
    bed: BedKey
    patient: str
    start: int
    end: int | None = None

    def overlaps(self, other: Stay) -> bool:
        """Whether there is a moment in both."""
        return self.start < (other.end or FOREVER) and other.start < (self.end or FOREVER)


class Stays:
    """The stays of a hub: the present ones and as many past ones as were loaded."""

    def __init__(self, stays: Iterable[Stay]) -> None:
        self._all: dict[int, Stay] = {}
        self._at: dict[BedKey, Stay] = {}
        self._of: dict[str, Stay] = {}
        self._ended: dict[BedKey, int] = {}
        for stay in stays:
            self.put(stay)

    def __iter__(self) -> Iterator[Stay]:
        return iter(self._all.values())

    def get(self, number: int) -> Stay:
        """The stay of this id. Raises ValueError."""
        if number not in self._all:
            raise ValueError(f"there is no admission {number}; `wardline adt list` shows them")
        return self._all[number]

    def at(self, bed: BedKey) -> Stay | None:
        """Who lies there now."""
        return self._at.get(bed)

    def of(self, patient: str) -> Stay | None:
        """Where a patient lies now."""
        return self._of.get(patient)

    def ended(self, bed: BedKey) -> int:
        """When the last patient who has left this bed did so; 0: nobody knows of one."""
        return self._ended.get(bed, 0)

    def put(self, stay: Stay) -> None:
        """A new stay, or a known one as it is now."""
        self.drop(stay.id)
        self._all[stay.id] = stay
        if stay.end is None:
            self._at[stay.bed] = self._of[stay.patient] = stay
        else:
            self._ended[stay.bed] = max(stay.end, self.ended(stay.bed))

    def drop(self, number: int) -> None:
        """Forget a stay."""
        stay = self._all.pop(number, None)
        if stay is None:
            return
        if stay.end is None:
            self._at.pop(stay.bed, None)
            self._of.pop(stay.patient, None)
        else:
            left = (other.end for other in self if other.bed == stay.bed and other.end is not None)
            self._ended[stay.bed] = max(left, default=0)

    def check(self, stay: Stay) -> None:
        """Raises ValueError with a sentence where `stay` cannot be true beside the others."""
        if stay.end is not None and stay.end <= stay.start:
            raise ValueError("a stay ends after it has begun; give other times")
        for other in self:
            if other.id == stay.id or not other.overlaps(stay):
                continue
            if other.bed == stay.bed or other.patient == stay.patient:
                raise ValueError(f"patient {other.patient} lay in bed {other.bed} then (admission {other.id})")
