"""The ward round: what people saw at a bed, and who lies there, becomes what rules and displays see."""

from __future__ import annotations

from hub.admissions import Admissions
from hub.alarms.acts import known_bed
from hub.deeds import Act, Done
from hub.entries import Entries
from hub.journal import Journal
from hub.live import Judged
from hub.registry import Registry
from rules.engine import Engine
from rules.score_documents import shipped_scores
from vitals.commands import Observe
from vitals.identity import BedKey
from vitals.live import LivePause

SHOWN_SCORES = ("news2",)


class WardRound:
    """The entries of every bed, and what is shown of it beside its readings."""

    def __init__(self, engine: Engine, journal: Journal, registry: Registry, admissions: Admissions, now: int) -> None:
        self._engine = engine
        self._beds = registry.bed_titles
        self._admissions = admissions
        self.entries = Entries(journal)
        self._scores = [shipped_scores()[name] for name in SHOWN_SCORES]
        for bed in self.entries.beds():
            if bed in self._beds:
                engine.enter(bed, self.entries.valid(bed, now), now)

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {"observe": self._observe}

    def judged(self, bed: BedKey, now: int) -> Judged:
        """What displays show of a bed beside its readings."""
        entries = self.entries.valid(bed, now)
        pause, stay = self._engine.bed_pause(bed), self._admissions.stay(bed)
        return Judged(
            alarms=self._engine.alarms(bed),
            entries=entries,
            # Without a word of staff a score can only be incomplete: it would be noise on every tile.
            scores=tuple(self._engine.score(bed, table, now) for table in self._scores) if entries else (),
            pause=LivePause(until=pause.until, by=pause.by, reason=pause.reason) if pause else None,
            patient=stay.patient if stay else "",
            patient_since=stay.start if stay else None,
        )

    def _observe(self, command: Observe, now: int) -> Done:
        bed = known_bed(self._beds, command.bed)
        stay = self._admissions.stay(bed)
        writes = self.entries.observe(bed, command, stay.start if stay else None, now)
        return Done(self._engine.enter(bed, self.entries.valid(bed, now), now), writes)
