"""Admissions: who lies in which bed, by opaque id, since when, and what was changed of it."""

from __future__ import annotations

from hub.adt.stays import Stay, Stays
from hub.journal import Journal, Write
from vitals.commands import Admit, Correct, Discharge, Transfer
from vitals.identity import BedKey

AHEAD_MS = 60_000  # as of staff entries
RECALLED = 20_000  # past stays that are known to the hub and may be corrected; older ones are in the journal

_ADMIT = 'INSERT INTO admission (id, ward, bed, patient, start, "by") VALUES (?, ?, ?, ?, ?, ?)'
_PAST = 'INSERT INTO admission (id, ward, bed, patient, start, "by", "end", ended_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
_CORRECT = (
    'UPDATE admission SET ward = ?, bed = ?, patient = ?, start = ?, "end" = ?,'
    " ended_by = CASE WHEN ? IS NULL THEN '' WHEN ? = '' THEN ended_by ELSE ? END WHERE id = ?"
)
_CANCEL = "DELETE FROM admission WHERE id = ?"  # what it said stays in admission_event
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
        if command.end is not None:
            return self._past(bed, command, now)
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

    def transfer(self, bed: BedKey, to: BedKey, command: Transfer, now: int) -> tuple[list[Stay], list[Write]]:
        """A patient moves, or two change places; their new stays. Raises ValueError where that cannot be."""
        time = time_of(command.time, now)
        there, other = self._stays.at(bed), self._stays.at(to)
        if bed == to:
            raise ValueError("the patient lies there already")
        if there is None:
            raise ValueError(f"nobody is admitted to bed {bed}")
        if other is not None and not command.swap:
            raise ValueError(f"bed {to} is taken by patient {other.patient}; discharge that one first, or swap the two")
        if other is None and command.swap:
            raise ValueError(f"nobody lies in bed {to} to change places with; leave `swap` out")
        if time < max(self._stays.ended(to), *(stay.start for stay in (there, other) if stay is not None)):
            raise ValueError("one of these beds got or lost a patient after that time; give a later time")
        leaving = [(there, to), *([(other, bed)] if other is not None else [])]
        writes: list[Write] = []
        for stay, _ in leaving:
            writes += self._end(stay, time, "transferred", command.by, command.reason, now)
        stays = [Stay(self._number(), place, stay.patient, time) for stay, place in leaving]
        for stay in stays:
            writes += self._begin(stay, "transferred", command.by, command.reason, now)
        return stays, writes

    def correct(self, command: Correct, now: int) -> tuple[Stay, Stay | None, list[Write]]:
        """Set a stay right: as it was, as it is now (None: it never was). Raises ValueError where that cannot be."""
        was = self._stays.get(command.admission)
        if not command.reason.strip():
            raise ValueError("say why: an admission is corrected with a reason only")
        if command.cancel:
            self._stays.drop(was.id)
            event = event_row("cancelled", was, command.by, command.reason, now)
            return was, None, [Write(_CANCEL, (was.id,)), event]
        if command.reopen and (was.end is None or command.end is not None):
            raise ValueError(f"admission {was.id} has not ended" if was.end is None else "give an end, or none")
        stay = Stay(
            was.id,
            BedKey.parse(command.bed) if command.bed is not None else was.bed,
            command.patient or was.patient,
            was.start if command.start is None else time_of(command.start, now),
            None if command.reopen else was.end if command.end is None else time_of(command.end, now),
        )
        if stay == was:
            raise ValueError(f"admission {was.id} says that already; nothing was changed")
        self._stays.check(stay)
        self._stays.put(stay)
        place = (stay.bed.ward, stay.bed.bed, stay.patient, stay.start, stay.end)
        by = command.by if was.end is None and stay.end is not None else ""
        row = Write(_CORRECT, (*place, stay.end, by, by, stay.id))
        return was, stay, [row, event_row("corrected", stay, command.by, command.reason, now)]

    def left(self, bed: BedKey) -> int:
        """When the last patient who has left this bed did so, UTC ms; 0: nobody knows of one."""
        return self._stays.ended(bed)

    def lies(self, patient: str) -> Stay | None:
        """Where a patient lies now."""
        return self._stays.of(patient)

    def _past(self, bed: BedKey, command: Admit, now: int) -> list[Write]:
        """A stay that is over and was not recorded."""
        if command.time is None:
            raise ValueError("say when the patient came too: a stay that is over has two times")
        start, end = time_of(command.time, now), time_of(command.end, now)
        stay = Stay(self._number(), bed, command.patient, start, end)
        self._stays.check(stay)
        self._stays.put(stay)
        row = (stay.id, bed.ward, bed.bed, stay.patient, start, command.by, end, command.by)
        return [Write(_PAST, row), event_row("admitted", stay, command.by, command.reason, now)]

    def newest(self) -> int:
        """The number of the admission that was recorded last."""
        return self._last

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
