"""What people may do about tickets: each action of the command desk a call of the tickets."""

from __future__ import annotations

import msgspec

from hub.deeds import DONE, Act, Done
from hub.tickets.workshop import Workshop
from rules.fleet import Equipment
from vitals.commands import Result, TicketCommand


def ticket_acts(workshop: Workshop) -> dict[str, Act]:
    """The table of actions on tickets."""
    tickets = workshop.tickets

    def open_(command: TicketCommand, now: int) -> Done:
        if command.ticket is not None:
            raise ValueError("a new ticket has no number yet; name the device in `device`, as gateway/device")
        events = tickets.open(Equipment.parse(command.device), _words(command), command.by, now)
        number = events[0].ticket.number
        if command.technician:
            events += tickets.assign(number, command.technician, command.by, "", now)
        return Done(writes=workshop.done(events), result=_result(number))

    def assign(command: TicketCommand, now: int) -> Done:
        number = _number(command)
        events = tickets.assign(number, command.technician, command.by, _words(command), now)
        return Done(writes=workshop.done(events), result=_result(number))

    def note(command: TicketCommand, now: int) -> Done:
        number = _number(command)
        events = tickets.note(number, _words(command), command.by, now)
        return Done(writes=workshop.done(events), result=_result(number))

    def close(command: TicketCommand, now: int) -> Done:
        number = _number(command)
        events = tickets.note(number, command.note, command.by, now) if command.note else []
        events += tickets.close(number, command.reason, command.by, now)
        return Done(writes=workshop.done(events), result=_result(number))

    return {"open-ticket": open_, "assign-ticket": assign, "note-ticket": note, "close-ticket": close}


def _words(command: TicketCommand) -> str:
    return command.note or command.reason


def _number(command: TicketCommand) -> int:
    if command.ticket is None:
        raise ValueError("say which ticket: its number in `ticket`")
    return command.ticket


def _result(number: int) -> Result:
    return msgspec.structs.replace(DONE, ticket=number)
