"""The ward round: what people say of a bed (who lies there, what they saw) becomes what rules and displays see."""

from __future__ import annotations

from hub.admissions import Admissions
from hub.alarms.acts import known_bed
from hub.deeds import Act, Done
from hub.entries import Entries
from hub.journal import Journal
from hub.live import Judged
from hub.registry import Registry
from rules.engine import Engine
from vitals.commands import Admit, Discharge, Observe
from vitals.identity import BedKey


class WardRound:
    """Admissions and entries of every bed, and the actions that change them."""

    def __init__(self, engine: Engine, journal: Journal, registry: Registry) -> None:
        self._engine = engine
        self._beds = registry.bed_titles
        self.admissions = Admissions(journal)
        self.entries = Entries(journal)

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {"admit": self._admit, "discharge": self._discharge, "observe": self._observe}

    def judged(self, bed: BedKey, now: int) -> Judged:
        """What displays show of a bed beside its readings."""
        return Judged(
            alarms=self._engine.alarms(bed),
            entries=self.entries.valid(bed, now),
            patient=self.admissions.patient(bed),
        )

    def _admit(self, command: Admit, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        return Done(writes=self.admissions.admit(bed, command, now))

    def _discharge(self, command: Discharge, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        _, writes = self.admissions.discharge(bed, command, now)
        writes += self.entries.end(bed, command.by, "discharged", now)
        return Done(writes=writes)

    def _observe(self, command: Observe, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        stay = self.admissions.stay(bed)
        return Done(writes=self.entries.observe(bed, command, stay.start if stay else None, now))
