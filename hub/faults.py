"""Faults: what the hub knows of gateways, broker, paging, copies, drills, disk and rule files, told to the engine."""

from __future__ import annotations

from collections.abc import Iterable

from hub.drills import MISSED, Drills
from hub.pagers.watch import RULE as PAGER_FAILED
from hub.pagers.watch import PagerWatch
from hub.projections.watch import RULE as PROJECTION_REFUSED
from hub.projections.watch import ProjectionWatch
from rules.engine import Engine
from rules.watch import Fault, Outage, Watch
from vitals.alarms import AlarmEvent
from vitals.identity import BedKey

GRACE_MS = 15_000  # after a start the paging and the projections may not have been heard yet


class Faults:
    """Asks everybody who may know of a fault, and tells the engine what has changed."""

    def __init__(
        self,
        engine: Engine,
        hub: str,
        gateways: Iterable[str],
        watch: Watch,
        paging: PagerWatch,
        drills: Drills,
        now: int,
        copies: ProjectionWatch | None = None,
    ) -> None:
        """After the engine has restored its alarms: those standing are known to have been told."""
        self._engine = engine
        self._hub = BedKey("", f"hub/{hub}")
        self._known_gateways = {f"gateway/{gateway}" for gateway in gateways}
        self._watch = watch
        self._paging = paging
        self._drills = drills
        self._copies = copies
        self._started = now
        self._told: dict[tuple[str, str], str] = {}  # (subject, rule) → message, of what stands
        for alarm in engine.alarms():
            if alarm.subject and not alarm.subject.startswith(("gateway/", "broker/")):
                self._told[alarm.subject, alarm.rule] = alarm.message

    def forgotten(self, now: int) -> list[AlarmEvent]:
        """Ends the alarms of gateways that were taken out of the settings: nobody would ever end them."""
        return [
            event
            for alarm in self._engine.alarms()
            if alarm.subject.startswith("gateway/") and alarm.subject not in self._known_gateways
            for event in self._tell(Fault(BedKey(alarm.ward, alarm.subject), alarm.rule, False), now)
        ]

    def advance(self, now: int, *, connected: bool, refusing: bool, trouble: str) -> list[AlarmEvent]:
        """What has changed. `refusing`: the journal cannot be written; `trouble`: why rule files were not taken."""
        events: list[AlarmEvent] = []
        self._watch.broker(connected, now)
        for news in self._watch.advance(now):
            if isinstance(news, Outage):
                events += self._engine.gateway_down(news.gateway, news.down, now)
            else:
                events += self._tell(news, now)
        standing = self._standing(now, connected=connected, refusing=refusing, trouble=trouble)
        unsure = now - self._started < GRACE_MS
        for (subject, rule), message in list(self._told.items()):
            present = standing.get((subject, rule))
            if present is None and rule in (PAGER_FAILED, PROJECTION_REFUSED) and unsure:
                continue
            if present is None or (present.message != message and rule != MISSED):
                del self._told[subject, rule]
                events += self._tell(Fault(BedKey("", subject), rule, False), now)
        for key, fault in standing.items():
            if key not in self._told:
                self._told[key] = fault.message
                events += self._tell(fault, now)
        return events

    def _standing(self, now: int, *, connected: bool, refusing: bool, trouble: str) -> dict[tuple[str, str], Fault]:
        found: list[Fault] = []
        if refusing:
            found.append(Fault(self._hub, "journal-refuses", True))
        if trouble:
            found.append(Fault(self._hub, "rules-rejected", True, f"New rules were rejected: {trouble}"))
        for subject, reason in self._paging.faults(now, connected=connected).items():
            found.append(Fault(BedKey("", subject), PAGER_FAILED, True, reason))
        reason = self._copies.fault(now, connected=connected) if self._copies is not None else ""
        if reason:
            found.append(Fault(self._hub, PROJECTION_REFUSED, True, reason))
        overdue = [fault for fault in self._drills.faults(now) if fault.holds]
        if overdue:  # one fault of the hub, however many wards
            more = f" (and {len(overdue) - 1} more wards)" if len(overdue) > 1 else ""
            found.append(Fault(self._hub, MISSED, True, overdue[0].message + more))
        return {(fault.subject, fault.rule): fault for fault in found}

    def _tell(self, fault: Fault, now: int) -> list[AlarmEvent]:
        return self._engine.fault(fault.place, fault.subject, fault.rule, fault.holds, now, message=fault.message)
