"""Admissions: who lies in which bed, by opaque id, since when, and what was changed of it."""

from __future__ import annotations

from hub.adt.stays import Stay, Stays
from hub.journal import Journal, Write
from vitals.commands import Admit, Discharge
from vitals.identity import BedKey

AHEAD_MS = 60_000  # as of staff entries
RECALLED = 20_000  # past stays that are known to the hub and may be corrected; older ones are in the journal

_ADMIT = 'INSERT INTO admission (id, ward, bed, patient, start, "by") VALUES (?, ?, ?, ?, ?, ?)'
_END = 'UPDATE admission SET "end" = ?, ended_by = ? WHERE id = ?'
_EVENT = (
    'INSERT INTO admission_event (time, kind, admission, ward, bed, patient, start, "end", "by", reason)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_RECALL = (
    'SELECT id, ward, bed, patient, start, "end" FROM admission'
    ' WHERE "end" IS NULL OR id > (SELECT coalesce(max(id), 0) - ? FROM admission) ORDER BY id'
)
_LAST = "SELECT max(id) FROM (SELECT max(id) AS id FROM admission UNION ALL SELECT max(admission) FROM admission_event)"


class Admissions:
    """The stays of a hub, as the journal keeps them."""

    def __init__(self, journal: Journal) -> None:
        self._stays = Stays(
            Stay(number, BedKey(ward, bed), patient, start, end)
            for number, ward, bed, patient, start, end in journal.read(_RECALL, RECALLED)
        )
        ((last,),) = journal.read(_LAST)
        self._last: int = last or 0

    def stay(self, bed: BedKey) -> Stay | None:
        """Who lies there now."""
        return self._stays.at(bed)

    def patient(self, bed: BedKey) -> str:
        """The id of who lies there now; empty for nobody known."""
        stay = self._stays.at(bed)
        return stay.patient if stay else ""

    def admit(self, bed: BedKey, command: Admit, now: int) -> list[Write]:
        """A patient comes. Raises ValueError with a sentence when bed or patient are taken."""
        there, elsewhere = self._stays.at(bed), self._stays.of(command.patient)
        if there is not None:
            raise ValueError(f"bed {bed} is taken by patient {there.patient}; discharge that one first")
        if elsewhere is not None:
            raise ValueError(f"patient {command.patient} lies in bed {elsewhere.bed}; discharge there first")
        start = time_of(command.time, now)
        if start < self._stays.ended(bed):
            raise ValueError("the last patient left this bed after that time; give a later time")
        stay = Stay(self._number(), bed, command.patient, start)
        self._stays.check(stay)
        return self._begin(stay, "admitted", command.by, command.reason, now)

    def discharge(self, bed: BedKey, command: Discharge, now: int) -> tuple[str, list[Write]]:
        """The patient goes; who it was. Raises ValueError with a sentence when nobody is known to lie there."""
        end = time_of(command.time, now)
        there = self._stays.at(bed)
        if there is None:
            raise ValueError(f"nobody is admitted to bed {bed}")
        if end < there.start:
            raise ValueError("the patient came after that time; give a later time")
        return there.patient, self._end(there, end, "discharged", command.by, command.reason, now)

    def _number(self) -> int:
        self._last += 1
        return self._last

    def _begin(self, stay: Stay, kind: str, by: str, reason: str, now: int) -> list[Write]:
        self._stays.put(stay)
        row = (stay.id, stay.bed.ward, stay.bed.bed, stay.patient, stay.start, by)
        return [Write(_ADMIT, row), event_row(kind, stay, by, reason, now)]

    def _end(self, stay: Stay, end: int, kind: str, by: str, reason: str, now: int) -> list[Write]:
        ended = stay._replace(end=end)
        self._stays.put(ended)
        return [Write(_END, (end, by, stay.id)), event_row(kind, ended, by, reason, now)]


def event_row(kind: str, stay: Stay, by: str, reason: str, now: int) -> Write:
    """The row that says what became of an admission."""
    place = (stay.id, stay.bed.ward, stay.bed.bed, stay.patient, stay.start, stay.end)
    return Write(_EVENT, (now, kind, *place, by, reason))


def time_of(asked: int | None, now: int) -> int:
    """When something happened by what a person says of it. Raises ValueError where that is yet to come."""
    if asked is not None and asked > now + AHEAD_MS:
        raise ValueError("the time is in the future; check the clock of the device you enter it on")
    return now if asked is None else asked
