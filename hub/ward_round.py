"""The ward round: what people say of a bed (who lies there, what they saw) becomes what rules and displays see."""

from __future__ import annotations

from hub.admissions import Admissions
from hub.alarms.acts import known_bed
from hub.books import Books
from hub.deeds import Act, Done
from hub.entries import Entries
from hub.journal import Journal
from hub.live import Judged
from hub.registry import Registry
from rules.engine import Engine
from rules.score_documents import shipped_scores
from vitals.commands import Admit, Discharge, Observe
from vitals.identity import BedKey
from vitals.live import LivePause

SHOWN_SCORES = ("news2",)
DISCHARGED = "the patient was discharged"


class WardRound:
    """Admissions and entries of every bed, and the actions that change them."""

    def __init__(
        self, engine: Engine, journal: Journal, registry: Registry, admissions: Admissions, books: Books, now: int
    ) -> None:
        self._engine = engine
        self._beds = registry.bed_titles
        self._admissions = admissions
        self._books = books
        self._entries = Entries(journal)
        self._scores = [shipped_scores()[name] for name in SHOWN_SCORES]
        for bed in self._entries.beds():
            if bed in self._beds:
                engine.enter(bed, self._entries.valid(bed, now), now)

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {"admit": self._admit, "discharge": self._discharge, "observe": self._observe}

    def judged(self, bed: BedKey, now: int) -> Judged:
        """What displays show of a bed beside its readings."""
        entries = self._entries.valid(bed, now)
        pause = self._engine.bed_pause(bed)
        return Judged(
            alarms=self._engine.alarms(bed),
            entries=entries,
            # Without a word of staff a score can only be incomplete: it would be noise on every tile.
            scores=tuple(self._engine.score(bed, table, now) for table in self._scores) if entries else (),
            pause=LivePause(until=pause.until, by=pause.by, reason=pause.reason) if pause else None,
            patient=self._admissions.patient(bed),
        )

    def _admit(self, command: Admit, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        writes = self._admissions.admit(bed, command, now)
        return Done(self._books.renew([bed], now), writes)

    def _discharge(self, command: Discharge, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        patient, writes = self._admissions.discharge(bed, command, now)
        writes += self._entries.end(bed, command.by, DISCHARGED, now)
        events = self._engine.vacate(bed, command.by, DISCHARGED, now)
        events += self._engine.enter(bed, {}, now)
        due = self._books.discharged(bed, patient, command.by, now)
        return Done([*events, *due.events], [*writes, *due.writes])

    def _observe(self, command: Observe, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        stay = self._admissions.stay(bed)
        writes = self._entries.observe(bed, command, stay.start if stay else None, now)
        return Done(self._engine.enter(bed, self._entries.valid(bed, now), now), writes)
