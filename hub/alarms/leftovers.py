"""Leftovers: retained alarms on the broker that no longer stand, from before a restart, are taken back."""

from __future__ import annotations

from collections.abc import Container

from hub.alarms.announcer import Announcer
from rules.engine import Engine
from vitals.identity import BedKey


class Leftovers:
    """Compares what the broker kept with what the engine stands by."""

    def __init__(self, engine: Engine, beds: Container[BedKey], announcer: Announcer) -> None:
        self._engine = engine
        self._beds = beds
        self._announcer = announcer

    def of_bed(self, topic: str, bed: BedKey, rule: str) -> None:
        """The broker has a retained alarm of a bed."""
        standing = self._engine.alarms(bed) if bed in self._beds else []
        if not any(alarm.rule == rule for alarm in standing):
            self._announcer.retract(topic)

    def of_equipment(self, topic: str, subject: str, rule: str) -> None:
        """The broker has a retained alarm of equipment that stands at no bed."""
        if not any(alarm.subject == subject and alarm.rule == rule for alarm in self._engine.alarms()):
            self._announcer.retract(topic)
