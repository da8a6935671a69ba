"""The shadow: the hub's own engine over the records of this gateway alone, always warm, and silent by itself.

Pure: `now` is UTC milliseconds on a clock that never steps.
"""

from __future__ import annotations

from edge_agent.bedside.rulebook import Rulebook
from rules.engine import Bed, Engine, SavedAlarm
from rules.machine import Refused
from vitals.alarms import Alarm, AlarmEvent
from vitals.drills import DRILL
from vitals.identity import BedKey
from vitals.readings import Record

HUB_SAW = "the hub was there to show it"


class Shadow:
    """Judges what it is given. Without a rulebook it judges nothing."""

    def __init__(self) -> None:
        self.rulebook: Rulebook | None = None
        self._engine = Engine([], [])
        self._beds: list[Bed] = []
        self._bed_of: dict[str, tuple[BedKey, str]] = {}
        self._saved: dict[tuple[str, str, str], SavedAlarm] = {}
        self._next_phase: int | None = None

    def take(self, rulebook: Rulebook, now: int) -> list[AlarmEvent]:
        """Judge by `rulebook` from now on. Alarms whose rule is gone end; the others go on."""
        books = rulebook.books(now)
        events: list[AlarmEvent] = []
        if rulebook.beds != self._beds:
            self.saved()
            self._engine, self._beds = Engine([], rulebook.beds), rulebook.beds
            self._bed_of = {source.partition("/")[2]: (bed.key, source) for bed in self._beds for source in bed.sources}
            for bed, book in books.items():
                self._engine.rebook(bed, book, now)
            self._engine.restore(self._saved.values(), now)
            events = self._engine.advance(now)
        else:
            for bed, book in books.items():
                events += self._engine.rebook(bed, book, now)
        self.rulebook = rulebook
        self._next_phase = rulebook.next_phase(now)
        return events

    def observe(self, record: Record, now: int) -> list[AlarmEvent]:
        """Judge one record of a device of this gateway, the moment it was made."""
        place = self._bed_of.get(record.device)
        if place is None or DRILL in record.states:
            return []
        return self._engine.observe(place[0], place[1], record, now)

    def advance(self, now: int) -> list[AlarmEvent]:
        """Let time pass: delays end, silence of devices is noticed, overrides expire."""
        events: list[AlarmEvent] = []
        if self.rulebook is not None and self._next_phase is not None and self._next_phase <= now:
            events += self.take(self.rulebook, now)
        return events + self._engine.advance(now)

    def standing(self) -> list[Alarm]:
        """The alarms that stand, most urgent first."""
        return self._engine.alarms()

    def forget_latched(self, now: int) -> None:
        """What is over while the hub is heard is the hub's to keep on the screen, and a person's to reset there."""
        for alarm in self._engine.alarms():
            if alarm.state == "latched":
                try:
                    self._engine.reset(alarm.id, "", HUB_SAW, now)
                except Refused:  # it has begun again in this very moment
                    continue

    def saved(self) -> list[SavedAlarm]:
        """What to keep over a restart."""
        for row in self._engine.unsaved():
            self._saved[row.ward, row.bed, row.rule] = row
        self._saved = {key: row for key, row in self._saved.items() if row.body is not None}
        return list(self._saved.values())

    def restore(self, rows: list[SavedAlarm], now: int) -> None:
        """Go on where `saved` stopped; after `take`."""
        self._saved = {(row.ward, row.bed, row.rule): row for row in rows}
        self._engine.restore(rows, now)
