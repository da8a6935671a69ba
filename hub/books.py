"""Books at beds: commands, expiries, admissions and changed rule files become other rules where they belong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from hub.bundles import Bundles
from hub.deeds import Act, Done
from hub.journal import Write
from hub.limits import Limits
from rules.engine import Engine
from vitals.alarms import AlarmEvent
from vitals.commands import ClearLimit, SetLimit, SetProfile
from vitals.identity import BedKey

REREAD_MS = 1_000


class Due(NamedTuple):
    """What has changed by itself: events to announce and rows to commit."""

    events: list[AlarmEvent]
    writes: list[Write]


class Books:
    """Keeps the engine and the bundles of the gateways at what the limits say."""

    def __init__(self, limits: Limits, engine: Engine, bundles: Bundles, now: int) -> None:
        """Gives every bed its rules; before the engine restores its alarms."""
        self._limits = limits
        self._engine = engine
        self._bundles = bundles
        self._looked = now
        self.renew(limits.chain.beds, now)

    def acts(self) -> dict[str, Act]:
        """The table of its actions."""
        return {"set-limit": self._apply, "clear-limit": self._apply, "set-profile": self._apply}

    def renew(self, beds: Iterable[BedKey], now: int) -> list[AlarmEvent]:
        """Judge `beds` by what is in force there now, and tell their gateways."""
        beds = list(beds)
        self._bundles.touch(beds)
        return [event for bed in beds for event in self._engine.rebook(bed, self._limits.book(bed, now), now)]

    def discharged(self, bed: BedKey, patient: str, by: str, now: int) -> Due:
        """A patient has left: their own limits end."""
        changed = self._limits.discharged(bed, patient, by, now)
        return Due(self.renew(changed.beds, now), list(changed.writes))

    def renamed(self, former: str, patient: str, by: str, reason: str, now: int) -> list[Write]:
        """A patient got another id: their own limits go on under that. For the caller to renew their bed."""
        return self._limits.renamed(former, patient, by, reason, now)

    def advance(self, now: int) -> Due:
        """Let limits expire, and read rule files that have changed. Cheap while nothing happens."""
        changed = self._limits.due(now)
        beds = list(changed.beds)
        if now - self._looked >= REREAD_MS:
            self._looked = now
            beds += self._limits.reread(now)
        return Due(self.renew(beds, now) if beds else [], list(changed.writes))

    @property
    def trouble(self) -> str:
        """Why the rule files as they are on the disk are not in force; empty while they are."""
        return self._limits.trouble

    def _apply(self, command: SetLimit | ClearLimit | SetProfile, now: int) -> Done:
        changed = self._limits.apply(command, now)
        return Done(self.renew(changed.beds, now), changed.writes)
