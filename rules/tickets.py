"""Tickets: states of equipment and the words of people in, work for biomedical engineering out.

A fault that lasts opens one ticket; recovery that lasts closes it. A piece of equipment has at most one open ticket.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import msgspec

from rules.fleet import FAULTS, STALE_MS, Equipment, State, StateChange
from rules.machine import Refused
from vitals.identity import BedKey

OPEN_AFTER_MS = STALE_MS  # a cable plugged anew is no work for anybody
HOLD_MS = 60_000  # online for so long: the fault is over
REOPEN_MS = 3_600_000  # a fault that comes back within this time is the same work
TOLD_MS = 60_000  # a contact that flaps is told once in this time and counted always
NEVER = -(2**62)

Fault = Literal["offline", "error", "reported"]
Kind = Literal["opened", "reopened", "changed", "flapped", "recovered", "assigned", "noted", "closed"]


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """Work on a device, or on a gateway (`device` empty). Opened or closed by nobody: it did so itself."""

    number: int
    gateway: str
    device: str
    ward: str = ""  # where it stood when the ticket was opened
    bed: str = ""
    fault: Fault  # `reported`: a person opened it while the equipment was thought well
    message: str
    opened: int
    opened_by: str = ""
    technician: str = ""
    flaps: int = 0  # how often the fault came back
    standing: bool | None = True  # whether the fault stands; None: nobody knows
    closed: int | None = None
    closed_by: str = ""
    reason: str = ""  # why it was closed

    @property
    def equipment(self) -> Equipment:
        """What the ticket is about."""
        return Equipment(self.gateway, self.device)


class TicketEvent(NamedTuple):
    """What happened to a ticket, and the ticket just after it. `kind` None: it changed without a word."""

    ticket: Ticket
    kind: Kind | None
    time: int
    by: str = ""
    text: str = ""


class _Case:
    """One piece of equipment: its last ticket, and the delays that run."""

    __slots__ = ("changed_at", "fault_since", "message", "online_since", "state", "ticket", "told", "told_at")

    def __init__(self) -> None:
        self.state: State = "unknown"
        self.message = ""
        self.ticket: Ticket | None = None
        self.fault_since: int | None = None
        self.online_since: int | None = None
        self.told: Kind | None = None  # flapped or recovered, whichever was told last
        self.told_at = NEVER  # when a recovery was
        self.changed_at = NEVER

    @property
    def open(self) -> bool:
        return self.ticket is not None and self.ticket.closed is None

    @property
    def dismissed(self) -> bool:
        """Whether a person closed the last ticket over a fault that has not ended since."""
        return self.ticket is not None and self.ticket.closed is not None and self.ticket.standing is not False


class Tickets:
    """All tickets of one hub. `places` lists its equipment; a device at no bed opens no ticket by itself.

    `past` are the open tickets and the newest one of each piece of equipment; `last` is the highest number given.
    """

    def __init__(self, places: Mapping[Equipment, BedKey | None], past: Iterable[Ticket] = (), last: int = 0) -> None:
        self._places = places
        self._last = last
        self._cases: dict[Equipment, _Case] = {equipment: _Case() for equipment in places}
        self._open: dict[int, Equipment] = {}
        self._running: dict[Equipment, None] = {}  # those with a delay that runs
        for ticket in sorted(past, key=lambda ticket: ticket.number):
            # Nobody has looked at the equipment since: whether its fault still stands is not known.
            known = ticket if ticket.standing is False and ticket.closed else _seen(ticket, None)
            self._cases.setdefault(ticket.equipment, _Case()).ticket = known
            if ticket.closed is None:
                self._open[ticket.number] = ticket.equipment

    def open_tickets(self) -> list[Ticket]:
        """Every open ticket, oldest first."""
        found = [self._cases[equipment].ticket for equipment in self._open.values()]
        return sorted((ticket for ticket in found if ticket is not None), key=lambda ticket: ticket.number)

    # What happens by itself.

    def follow(self, change: StateChange, now: int) -> list[TicketEvent]:
        """A piece of equipment has entered a state."""
        case = self._cases.get(change.equipment)
        if case is None:
            return []
        before, case.state, case.message = case.state, change.state, change.message
        if change.state in FAULTS:
            events = self._fault(case, change, before, now)
        elif change.state == "online":
            case.fault_since = None
            case.online_since = now if case.open or case.dismissed else None
            events = self._back(case, now)
        else:
            case.fault_since = case.online_since = None
            events = self._see(case, None, None, now) if case.open else []
        if case.fault_since is not None or case.online_since is not None:
            self._running[change.equipment] = None
        return events + self._due(change.equipment, case, now)

    def advance(self, now: int) -> list[TicketEvent]:
        """Let time pass: faults become tickets, recoveries close them. Cheap while no delay runs."""
        events: list[TicketEvent] = []
        for equipment in list(self._running):
            events += self._due(equipment, self._cases[equipment], now)
        return events

    def _fault(self, case: _Case, change: StateChange, before: State, now: int) -> list[TicketEvent]:
        case.online_since = None
        if before not in FAULTS:
            case.fault_since = change.since
        if not case.open:
            return []
        assert case.ticket is not None
        ticket = _seen(case.ticket, True)
        if before in FAULTS:
            case.ticket = msgspec.structs.replace(ticket, fault=change.state, message=change.message)
            if now - case.changed_at < TOLD_MS:
                return [TicketEvent(case.ticket, None, now)]
            case.changed_at = now
            return [TicketEvent(case.ticket, "changed", now, text=f"{change.state}: {change.message}")]
        if case.ticket.standing is not False:
            return self._see(case, True, None, now)
        case.ticket = msgspec.structs.replace(case.ticket, flaps=case.ticket.flaps + 1)
        return self._see(case, True, "flapped", now, change.message)

    def _back(self, case: _Case, now: int) -> list[TicketEvent]:
        return self._see(case, False, "recovered", now) if case.open else []

    def _see(
        self, case: _Case, standing: bool | None, kind: Kind | None, now: int, text: str = ""
    ) -> list[TicketEvent]:
        """Note on the open ticket whether its fault stands; tell recoveries and flaps in turn, and not too often."""
        assert case.ticket is not None
        case.ticket = _seen(case.ticket, standing)
        if kind == case.told or (kind == "recovered" and now - case.told_at < TOLD_MS):
            kind = None
        if kind is not None:
            case.told = kind
            case.told_at = now if kind == "recovered" else case.told_at
        return [TicketEvent(case.ticket, kind, now, text=text)]

    def _due(self, equipment: Equipment, case: _Case, now: int) -> list[TicketEvent]:
        """End the delays that have run long enough."""
        events: list[TicketEvent] = []
        if case.fault_since is not None and now - case.fault_since >= OPEN_AFTER_MS:
            case.fault_since = None
            events = self._open_or_reopen(equipment, case, now)
        elif case.online_since is not None and now - case.online_since >= HOLD_MS:
            case.online_since = None
            events = self._over(case, now)
        if case.fault_since is None and case.online_since is None:
            self._running.pop(equipment, None)
        return events

    def _open_or_reopen(self, equipment: Equipment, case: _Case, now: int) -> list[TicketEvent]:
        if case.open or case.dismissed or (equipment.device and self._places.get(equipment) is None):
            return []
        last = case.ticket
        if last is not None and last.closed is not None and not last.closed_by and now - last.closed < REOPEN_MS:
            case.ticket = msgspec.structs.replace(
                last,
                fault=case.state,
                message=case.message,
                flaps=last.flaps + 1,
                standing=True,
                closed=None,
                reason="",
            )
            return [self._told(equipment, case, "reopened", now, text=f"{case.state}: {case.message}")]
        case.ticket = self._new(equipment, case, now)
        return [self._told(equipment, case, "opened", now, text=f"{case.state}: {case.message}")]

    def _over(self, case: _Case, now: int) -> list[TicketEvent]:
        """The equipment has been well for long enough."""
        if case.dismissed:
            assert case.ticket is not None
            case.ticket = _seen(case.ticket, False)
            return [TicketEvent(case.ticket, None, now)]
        if not case.open or (case.ticket is not None and case.ticket.opened_by):
            return []  # what a person opened, a person closes
        return [self._close(case, "", f"online for {HOLD_MS // 1_000} s", now)]

    # What people do. Each raises Refused with a sentence that says why not.

    def open(self, equipment: Equipment, note: str, by: str, now: int) -> list[TicketEvent]:
        """A person has found something wrong with a device."""
        case = self._cases.get(equipment)
        if case is None or equipment not in self._places:
            raise Refused(f"there is no {equipment} in the settings of this hub")
        if case.open:
            assert case.ticket is not None
            raise Refused(f"{equipment} has the open ticket {case.ticket.number} already; add a note to it")
        case.ticket = self._new(equipment, case, now, by=by, note=note)
        return [self._told(equipment, case, "opened", now, by, note)]

    def assign(self, number: int, technician: str, by: str, note: str, now: int) -> list[TicketEvent]:
        """Say who works on it; nobody, with an empty name."""
        case = self._at(number)
        assert case.ticket is not None
        case.ticket = msgspec.structs.replace(case.ticket, technician=technician)
        events = [TicketEvent(case.ticket, "assigned", now, by, technician)]
        return events + ([TicketEvent(case.ticket, "noted", now, by, note)] if note else [])

    def note(self, number: int, text: str, by: str, now: int) -> list[TicketEvent]:
        """Write something down."""
        case = self._at(number)
        if not text:
            raise Refused("there is nothing to note; say it in `note`")
        assert case.ticket is not None
        return [TicketEvent(case.ticket, "noted", now, by, text)]

    def close(self, number: int, reason: str, by: str, now: int) -> list[TicketEvent]:
        """The work is done, or there is none. Over a fault that stands it needs a reason, and is not opened again
        until that fault has ended and come back."""
        case = self._at(number)
        assert case.ticket is not None
        if case.ticket.standing is not False and not reason:
            what = "still stands" if case.ticket.standing else "may still stand: nobody can see it now"
            raise Refused(f"the fault of {case.ticket.equipment} {what}; give the reason for closing the ticket")
        return [self._close(case, by, reason, now)]

    # The pieces.

    def _at(self, number: int) -> _Case:
        equipment = self._open.get(number)
        if equipment is None:
            raise Refused(f"there is no open ticket {number}; a closed one is history, open a new one")
        return self._cases[equipment]

    def _new(self, equipment: Equipment, case: _Case, now: int, *, by: str = "", note: str = "") -> Ticket:
        self._last += 1
        place = self._places[equipment]
        fault = case.state if case.state in FAULTS else "reported"
        return Ticket(
            number=self._last,
            gateway=equipment.gateway,
            device=equipment.device,
            ward=place.ward if place else "",
            bed=place.bed if place else "",
            fault=fault,  # type: ignore[arg-type]
            message=note[:200] or (case.message if case.state in FAULTS else ""),
            opened=now,
            opened_by=by,
            standing={"online": False, "unknown": None}.get(case.state, True),
        )

    def _told(
        self, equipment: Equipment, case: _Case, kind: Kind, now: int, by: str = "", text: str = ""
    ) -> TicketEvent:
        assert case.ticket is not None
        self._open[case.ticket.number] = equipment
        case.told, case.told_at, case.changed_at = None, NEVER, NEVER
        return TicketEvent(case.ticket, kind, now, by, text)

    def _close(self, case: _Case, by: str, reason: str, now: int) -> TicketEvent:
        assert case.ticket is not None
        case.ticket = msgspec.structs.replace(case.ticket, closed=now, closed_by=by, reason=reason)
        self._open.pop(case.ticket.number, None)
        return TicketEvent(case.ticket, "closed", now, by, reason)


def _seen(ticket: Ticket, standing: bool | None) -> Ticket:
    return ticket if ticket.standing is standing else msgspec.structs.replace(ticket, standing=standing)
