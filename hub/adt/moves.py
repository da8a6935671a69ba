"""Moves: a patient who comes, goes or changes beds takes limits, entries and open alarms along, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from hub.admissions import Admissions
from hub.adt.stays import Stay
from hub.alarms.acts import known_bed
from hub.books import Books
from hub.deeds import DONE, Act, Done
from hub.entries import Entries
from hub.journal import Write
from hub.live import LivePicture
from rules.beds import Entry
from rules.engine import Engine
from rules.machine import Refused
from vitals.alarms import Alarm, AlarmEvent
from vitals.commands import Admit, Correct, Discharge, Transfer
from vitals.identity import BedKey

DISCHARGED = "the patient was discharged"


class _Taken(NamedTuple):
    """What a patient takes along to another bed."""

    bed: BedKey
    to: BedKey
    entries: dict[str, Entry]
    alarms: list[Alarm]


class Moves:
    """The actions `admit`, `discharge`, `transfer` and `correct`."""

    def __init__(
        self,
        engine: Engine,
        picture: LivePicture,
        beds: Iterable[BedKey],
        admissions: Admissions,
        entries: Entries,
        books: Books,
    ) -> None:
        self._engine = engine
        self._picture = picture
        self._beds = set(beds)
        self._admissions = admissions
        self._entries = entries
        self._books = books
        for bed in self._beds:
            if left := admissions.left(bed):
                picture.vacated(bed, left)

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {
            "admit": self._admit,
            "discharge": self._discharge,
            "transfer": self._transfer,
            "correct": self._correct,
        }

    def _admit(self, command: Admit, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        writes = self._admissions.admit(bed, command, now)
        if command.end is not None:
            self._picture.vacated(bed, self._admissions.left(bed))
            return Done(writes=writes, result=msgspec.structs.replace(DONE, admission=self._admissions.newest()))
        return _done(self._books.renew([bed], now), writes, self._admissions.stay(bed))

    def _discharge(self, command: Discharge, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        stay = self._admissions.stay(bed)
        patient, writes = self._admissions.discharge(bed, command, now)
        events, more = self._gone(bed, patient, command.by, now)
        return _done(events, [*writes, *more], stay)

    def _transfer(self, command: Transfer, now: int) -> Done:
        bed, to = known_bed(self._beds, command.bed), known_bed(self._beds, command.to)
        stays, writes = self._admissions.transfer(bed, to, command, now)
        pairs = [(bed, to), (to, bed)] if command.swap else [(bed, to)]
        events, more = self._along(pairs, command.by, command.reason, now)
        return _done(events, [*writes, *more], stays[0])

    def _correct(self, command: Correct, now: int) -> Done:
        if command.bed is not None:
            known_bed(self._beds, command.bed)
        was, stay, writes = self._admissions.correct(command, now)
        events: list[AlarmEvent] = []
        more: Sequence[Write] = ()
        lay, lies = was.end is None, stay is not None and stay.end is None
        if lay and (stay is None or not lies):
            events, more = self._gone(was.bed, was.patient, command.by, now)
        elif lay and stay is not None:
            if stay.patient != was.patient:
                more = self._books.renamed(was.patient, stay.patient, command.by, command.reason, now)
            if stay.bed != was.bed:
                events, moved = self._along([(was.bed, stay.bed)], command.by, command.reason, now)
                more = [*more, *moved]
            else:
                events = self._books.renew([stay.bed], now)
        elif stay is not None and lies:  # it had ended by mistake
            events = self._books.renew([stay.bed], now)
        for bed in {was.bed, stay.bed if stay is not None else was.bed} & self._beds:
            self._picture.vacated(bed, self._admissions.left(bed))
        return _done(events, [*writes, *more], stay or was)

    def _gone(self, bed: BedKey, patient: str, by: str, now: int) -> tuple[list[AlarmEvent], list[Write]]:
        """A patient has left the hub's beds."""
        writes = self._entries.end(bed, by, DISCHARGED, now)
        events = self._engine.vacate(bed, by, DISCHARGED, now)
        events += self._engine.enter(bed, {}, now)
        due = self._books.discharged(bed, patient, by, now)
        self._picture.vacated(bed, self._admissions.left(bed))
        return [*events, *due.events], [*writes, *due.writes]

    def _along(
        self, pairs: Sequence[tuple[BedKey, BedKey]], by: str, reason: str, now: int
    ) -> tuple[list[AlarmEvent], list[Write]]:
        """Patients have moved from bed to bed: their former beds are cleared first, because two may change places."""
        events: list[AlarmEvent] = []
        writes: list[Write] = []
        taken: list[_Taken] = []
        for bed, to in pairs:
            words = _because(f"the patient was moved to {to}", reason)
            alarms = [one for one in self._engine.alarms(bed) if one.kind == "physiological" and not one.test]
            entries, ended = self._entries.lift(bed, by, words, now)
            writes += ended
            events += self._engine.vacate(bed, by, words, now)
            events += self._engine.enter(bed, {}, now)
            self._picture.vacated(bed, self._admissions.left(bed))
            taken.append(_Taken(bed, to, entries, alarms))
        events += self._books.renew(list(dict.fromkeys(bed for pair in pairs for bed in pair)), now)
        for one in taken:
            words = _because(f"the patient came from {one.bed}", reason)
            writes += self._entries.lay(one.to, one.entries, by, words, now)
            events += self._engine.enter(one.to, self._entries.valid(one.to, now), now)
            for alarm in one.alarms:
                events += self._carry(alarm, one.to, by, words, now)
        return events, writes

    def _carry(self, alarm: Alarm, bed: BedKey, by: str, reason: str, now: int) -> list[AlarmEvent]:
        try:
            return self._engine.carry(alarm, bed, by, reason, now)
        except Refused:  # another profile judges there, without that rule: the end at the former bed is all there is
            return []


def _because(what: str, reason: str) -> str:
    return f"{what}: {reason}" if reason else what


def _done(events: Iterable[AlarmEvent], writes: Iterable[Write], stay: Stay | None) -> Done:
    number = stay.id if stay is not None else None
    return Done(list(events), list(writes), result=msgspec.structs.replace(DONE, admission=number))
