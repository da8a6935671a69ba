"""Admissions: who lies in which bed, by opaque id, and since when."""

from __future__ import annotations

from typing import NamedTuple

from hub.journal import Journal, Write
from vitals.commands import Admit, Discharge
from vitals.identity import BedKey

AHEAD_MS = 60_000  # as of staff entries

_ADMIT = 'INSERT INTO admission (ward, bed, patient, start, "by") VALUES (?, ?, ?, ?, ?)'
_END = 'UPDATE admission SET "end" = ?, ended_by = ? WHERE ward = ? AND bed = ? AND "end" IS NULL'
_OPEN = 'SELECT ward, bed, patient, start FROM admission WHERE "end" IS NULL'
_LAST = 'SELECT ward, bed, max("end") FROM admission WHERE "end" IS NOT NULL GROUP BY ward, bed'


class Stay(NamedTuple):
    """A patient in a bed, from `start` (UTC ms) on."""

    patient: str
    start: int


class Admissions:
    """The present stays; the past ones are in the journal."""

    def __init__(self, journal: Journal) -> None:
        self._stays = {BedKey(ward, bed): Stay(patient, start) for ward, bed, patient, start in journal.read(_OPEN)}
        self._ended = {BedKey(ward, bed): end for ward, bed, end in journal.read(_LAST)}

    def stay(self, bed: BedKey) -> Stay | None:
        """Who lies there now."""
        return self._stays.get(bed)

    def patient(self, bed: BedKey) -> str:
        """The id of who lies there now; empty for nobody known."""
        stay = self._stays.get(bed)
        return stay.patient if stay else ""

    def admit(self, bed: BedKey, command: Admit, now: int) -> list[Write]:
        """A patient comes. Raises ValueError with a sentence when bed or patient are taken."""
        start = _time(command.time, now)
        there = self._stays.get(bed)
        if there is not None:
            raise ValueError(f"bed {bed} is taken by patient {there.patient}; discharge that one first")
        for other, stay in self._stays.items():
            if stay.patient == command.patient:
                raise ValueError(f"patient {command.patient} lies in bed {other}; discharge there first")
        if start < self._ended.get(bed, 0):
            raise ValueError("the last patient left this bed after that time; give a later time")
        self._stays[bed] = Stay(command.patient, start)
        return [Write(_ADMIT, (bed.ward, bed.bed, command.patient, start, command.by))]

    def discharge(self, bed: BedKey, command: Discharge, now: int) -> tuple[str, list[Write]]:
        """The patient goes; who it was. Raises ValueError with a sentence when nobody is known to lie there."""
        end = _time(command.time, now)
        there = self._stays.get(bed)
        if there is None:
            raise ValueError(f"nobody is admitted to bed {bed}")
        if end < there.start:
            raise ValueError("the patient came after that time; give a later time")
        del self._stays[bed]
        self._ended[bed] = max(end, self._ended.get(bed, 0))
        return there.patient, [Write(_END, (end, command.by, bed.ward, bed.bed))]


def _time(asked: int | None, now: int) -> int:
    if asked is not None and asked > now + AHEAD_MS:
        raise ValueError("the time is in the future; check the clock of the device you enter it on")
    return now if asked is None else asked
