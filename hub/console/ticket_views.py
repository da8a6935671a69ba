"""What the console says of tickets and of the state of devices, with every field spelled out."""

from __future__ import annotations

import msgspec

from hub.console.printable import printable
from hub.console.times import DAY_MS
from hub.tickets.ledger import Present, Stretch, Told
from rules.fleet import Equipment
from rules.tickets import Ticket
from rules.uptime import Uptime
from vitals.identity import BedKey

SPANS = {"24h": DAY_MS, "7d": 7 * DAY_MS, "30d": 30 * DAY_MS}


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer."""


class TicketView(_View, frozen=True, kw_only=True):
    """One ticket. `standing` null: nobody knows whether its fault still stands."""

    ticket: int
    state: str
    gateway: str
    device: str
    ward: str
    bed: str
    fault: str
    message: str
    standing: bool | None
    opened: int
    opened_by: str
    technician: str
    flaps: int
    closed: int | None
    closed_by: str
    reason: str


class TicketEventView(_View, frozen=True, kw_only=True):
    """One line of a ticket's history; `by` empty: it happened by itself."""

    time: int
    kind: str
    by: str
    text: str


class TicketHistoryView(_View, frozen=True, kw_only=True):
    """A ticket with its whole history, oldest first."""

    ticket: TicketView
    history: list[TicketEventView]


class TicketCommandView(_View, frozen=True, kw_only=True):
    """What the hub did, and to which ticket."""

    ticket: int
    time: int


class UptimeView(_View, frozen=True, kw_only=True):
    """Online time of known time in percent, null when nothing is known. Unknown time counts neither way."""

    percent: float | None
    known_ms: int
    unknown_ms: int


class EquipmentView(_View, frozen=True, kw_only=True):
    """A device, or with an empty `device` a gateway: its state, its uptime by span, and its open ticket if any."""

    gateway: str
    device: str
    ward: str | None
    bed: str | None
    state: str
    message: str
    since: int | None
    uptime: dict[str, UptimeView]
    ticket: int | None


class StretchView(_View, frozen=True, kw_only=True):
    """A state and how long it lasted; `end` null: it still does."""

    start: int
    end: int | None
    state: str
    message: str


def ticket_view(ticket: Ticket) -> TicketView:
    """A ticket with its words made safe to show."""
    return TicketView(
        ticket=ticket.number,
        state="open" if ticket.closed is None else "closed",
        gateway=ticket.gateway,
        device=ticket.device,
        ward=ticket.ward,
        bed=ticket.bed,
        fault=ticket.fault,
        message=printable(ticket.message),
        standing=ticket.standing,
        opened=ticket.opened,
        opened_by=printable(ticket.opened_by),
        technician=printable(ticket.technician),
        flaps=ticket.flaps,
        closed=ticket.closed,
        closed_by=printable(ticket.closed_by),
        reason=printable(ticket.reason),
    )


def told_view(told: Told) -> TicketEventView:
    """A line of history with its words made safe to show."""
    return TicketEventView(time=told.time, kind=told.kind, by=printable(told.by), text=printable(told.text))


def equipment_view(equipment: Equipment, bed: BedKey | None, present: Present, ticket: int | None) -> EquipmentView:
    """A device or gateway as it is now."""
    return EquipmentView(
        gateway=equipment.gateway,
        device=equipment.device,
        ward=bed.ward if bed else None,
        bed=bed.bed if bed else None,
        state=present.state,
        message=printable(present.message),
        since=present.since,
        uptime={name: _uptime(found) for name, found in zip(SPANS, present.uptime, strict=True)},
        ticket=ticket,
    )


def stretch_view(stretch: Stretch) -> StretchView:
    """A stretch of a device's history."""
    return StretchView(start=stretch.start, end=stretch.end, state=stretch.state, message=printable(stretch.message))


def _uptime(found: Uptime) -> UptimeView:
    return UptimeView(percent=found.percent, known_ms=found.known, unknown_ms=found.unknown)
