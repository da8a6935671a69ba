"""Rows of tickets and of device states: what is written into the journal, and what a hub reads at its start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hub.journal import Write
from rules.fleet import Equipment, StateChange
from rules.tickets import Ticket, TicketEvent
from vitals.identity import BedKey

COLUMNS = (
    "number, gateway, device, ward, bed, fault, message, opened, opened_by, technician, flaps, standing,"
    " closed, closed_by, reason"
)
OPEN_AND_NEWEST = (
    f"SELECT {COLUMNS} FROM ticket WHERE closed IS NULL"
    f" OR number IN (SELECT max(number) FROM ticket GROUP BY gateway, device)"
)
LAST_NUMBER = "SELECT coalesce(max(number), 0) FROM ticket"
NEWEST_STATES = (
    "SELECT gateway, device, time, state FROM device_history"
    " WHERE id IN (SELECT max(id) FROM device_history GROUP BY gateway, device)"
)
WATCHED_UNTIL = "SELECT value FROM meta WHERE key = 'watched_until'"

# Until somebody looks again, nobody knows whether the fault of an open ticket still stands.
UNSEEN = Write("UPDATE ticket SET standing = NULL WHERE closed IS NULL", ())

_PUT = f"INSERT OR REPLACE INTO ticket ({COLUMNS}) VALUES ({', '.join('?' * 15)})"
_TELL = 'INSERT INTO ticket_event (ticket, time, kind, "by", text) VALUES (?, ?, ?, ?, ?)'
_ENTER = "INSERT INTO device_history (gateway, device, time, state, message, ward, bed) VALUES (?, ?, ?, ?, ?, ?, ?)"


def ticket_of(row: Sequence[Any]) -> Ticket:
    """The ticket of a row of COLUMNS."""
    standing = None if row[11] is None else bool(row[11])
    return Ticket(
        number=row[0],
        gateway=row[1],
        device=row[2],
        ward=row[3],
        bed=row[4],
        fault=row[5],
        message=row[6],
        opened=row[7],
        opened_by=row[8],
        technician=row[9],
        flaps=row[10],
        standing=standing,
        closed=row[12],
        closed_by=row[13],
        reason=row[14],
    )


def event_writes(event: TicketEvent) -> list[Write]:
    """The ticket as it is now and, if there is something to tell, a line of its history."""
    one = event.ticket
    values = (
        one.number,
        one.gateway,
        one.device,
        one.ward,
        one.bed,
        one.fault,
        one.message,
        one.opened,
        one.opened_by,
        one.technician,
        one.flaps,
        None if one.standing is None else int(one.standing),
        one.closed,
        one.closed_by,
        one.reason,
    )
    writes = [Write(_PUT, values)]
    if event.kind is not None:
        writes.append(Write(_TELL, (one.number, event.time, event.kind, event.by, event.text)))
    return writes


def change_write(change: StateChange, place: BedKey | None) -> Write:
    """A new state of a piece of equipment that stands at `place`; the journal lets its oldest ones go."""
    gateway, device = change.equipment
    ward, bed = (place.ward, place.bed) if place is not None else ("", "")
    return Write(_ENTER, (gateway, device, change.since, change.state, change.message, ward, bed))


def unwatched(newest: Sequence[Sequence[Any]], until: int) -> list[StateChange]:
    """What became of the last known states when the hub stopped watching: nobody knows."""
    return [
        StateChange(Equipment(gateway, device), "unknown", "the hub was not running", max(time, until))
        for gateway, device, time, state in newest
        if state != "unknown"
    ]


def watched_until(now: int) -> Write:
    """The hub has watched until `now`."""
    return Write("INSERT OR REPLACE INTO meta VALUES ('watched_until', ?)", (str(now),))
