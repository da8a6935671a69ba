"""The workshop: what the hub hears of gateways and devices becomes states, tickets, and rows for the next commit."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable

from hub.journal import Journal, Write
from hub.registry import Registry
from hub.tickets import rows
from rules.fleet import Equipment, Fleet, StateChange
from rules.tickets import TicketEvent, Tickets
from vitals.identity import BedKey
from vitals.readings import Record
from vitals.sessions import GatewayStatus

WATCHED_MS = 10_000  # how much of a device's time is unknown at most when the hub is killed

log = logging.getLogger(__name__)


class Workshop:
    """Fleet and tickets of one hub; goes on where the journal says the last run stopped."""

    def __init__(self, registry: Registry, journal: Journal, now: int) -> None:
        self._registry = registry
        self._fleet = Fleet(registry.gateways, now)
        past = [rows.ticket_of(row) for row in journal.read(rows.OPEN_AND_NEWEST)]
        ((last,),) = journal.read(rows.LAST_NUMBER)
        self._places = _places(registry)
        self.tickets = Tickets(self._places, past, last)
        self._waiting: list[Write] = [rows.UNSEEN]
        for (until,) in journal.read(rows.WATCHED_UNTIL):
            for change in rows.unwatched(journal.read(rows.NEWEST_STATES), int(until)):
                self._waiting.append(self._row(change))
        self._watched = now - WATCHED_MS

    # What the hub hears.

    def spoke(self, gateway: str, now: int) -> None:
        """Something of a gateway arrived that was not retained: a hello, a wave, old records."""
        self._follow(self._fleet.spoke(gateway, now), now)

    def record(self, gateway: str, record: Record, now: int) -> None:
        """A live record; one of a drill says nothing of its device."""
        if "drill" in record.states:
            self.spoke(gateway, now)
        else:
            self._follow(
                self._fleet.record(gateway, record.device, faulty="device_fault" in record.states, now=now), now
            )

    def status(self, status: GatewayStatus, *, retained: bool, now: int) -> None:
        """A gateway, or its last will, says how it is."""
        self._follow(self._fleet.status(status, retained=retained, now=now), now)

    def advance(self, now: int, *, connected: bool) -> None:
        """Let time pass; `connected`: whether the hub has its broker."""
        self._follow(self._fleet.broker(connected, now), now)
        self._follow(self._fleet.advance(now), now)
        self._keep(self.tickets.advance(now))
        if now - self._watched >= WATCHED_MS:
            self.watched(now)

    def watched(self, now: int) -> None:
        """Write down that the hub has watched until now; also the last thing it does."""
        self._watched = now
        self._waiting.append(rows.watched_until(now))

    def station(self) -> None:
        """A device was moved: what comes of its faults from now on stands there."""
        self._places.update(_places(self._registry))

    # What comes of it.

    @property
    def waiting(self) -> bool:
        """Whether there are rows to commit."""
        return bool(self._waiting)

    def take(self) -> list[Write]:
        """The rows that wait, in the order they came to be."""
        taken, self._waiting = self._waiting, []
        return taken

    def done(self, events: Iterable[TicketEvent]) -> list[Write]:
        """The rows of what a person did; those that waited go first, so that an older one never stands last."""
        self._keep(events)
        return self.take()

    def _follow(self, changes: list[StateChange], now: int) -> None:
        for change in changes:
            self._waiting.append(self._row(change))
            self._keep(self.tickets.follow(change, now))

    def _row(self, change: StateChange) -> Write:
        return rows.change_write(change, self._places.get(change.equipment))

    def _keep(self, events: Iterable[TicketEvent]) -> None:
        for event in events:
            self._waiting += rows.event_writes(event)
            if event.kind in ("opened", "reopened", "closed"):
                # Never the words of people: a note may name a patient.
                log.info("ticket %d for %s is %s", event.ticket.number, event.ticket.equipment, event.kind)


def _places(registry: Registry) -> dict[Equipment, BedKey | None]:
    """Where each piece of equipment stands; a gateway in the ward of most of its devices."""
    places: dict[Equipment, BedKey | None] = {}
    for gateway, devices in registry.gateways.items():
        wards = Counter(bed.ward for bed in devices.values() if bed is not None)
        places[Equipment(gateway)] = BedKey(max(sorted(wards), key=wards.__getitem__, default=""), "")
        places |= {Equipment(gateway, device): bed for device, bed in devices.items()}
    return places
