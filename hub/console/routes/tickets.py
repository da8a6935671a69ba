"""`/api/v1/tickets`: the work on devices and gateways, its history, and what a technician does about it."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from hub.console.answers import Answer, Refusal, says
from hub.console.asked import open_span
from hub.console.console import Console, Here
from hub.console.orders import NAMED, carry_out, signed
from hub.console.printable import printable
from hub.console.rights import Me, Person, needs
from hub.console.ticket_views import (
    TicketCommandView,
    TicketHistoryView,
    TicketView,
    ticket_view,
    told_view,
)
from hub.tickets.export import tickets_csv
from hub.tickets.ledger import Asked, Ledger
from rules.tickets import Ticket
from vitals.commands import Action, TicketCommand

router = APIRouter(tags=["tickets"])


class _Deed(BaseModel):
    """Who does it."""

    model_config = ConfigDict(extra="forbid")

    by: str | None = NAMED


class NewTicket(_Deed):
    """A fault somebody found."""

    device: str = Field(max_length=80, description="gateway/device, or a gateway alone")
    note: str = Field("", max_length=2_000)
    technician: str = Field("", max_length=80)


class Assignment(_Deed):
    """Who works on it; empty: nobody."""

    technician: str = Field(max_length=80)
    note: str = Field("", max_length=2_000)


class Note(_Deed):
    """Something to write down."""

    note: str = Field(min_length=1, max_length=2_000)


class Closing(_Deed):
    """Why it is closed; needed while the fault stands."""

    reason: str = Field("", max_length=200)
    note: str = Field("", max_length=2_000)


_FOUND: dict[int | str, dict[str, Any]] = says(list[TicketView], "Tickets, the newest first, or CSV", 422, 503)
_FOUND[200]["content"]["text/csv"] = {"schema": {"type": "string"}}
_CSV: dict[int | str, dict[str, Any]] = says(list[TicketView], "The same as CSV", 422, 503)
_CSV[200]["content"] = {"text/csv": {"schema": {"type": "string"}}}


class _Filter:
    """The query of both lists."""

    def __init__(
        self,
        state: Literal["open", "closed", "all"] = "open",
        gateway: str | None = None,
        device: str | None = None,
        ward: str | None = None,
        bed: str | None = None,
        technician: str | None = None,
        start: Annotated[str | None, Query(alias="from", description="opened from here on")] = None,
        end: Annotated[str | None, Query(alias="to", description="opened before")] = None,
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    ) -> None:
        low, high = open_span(start, end)
        self.asked = Asked(
            state=state,
            gateway=gateway,
            device=device,
            ward=ward,
            bed=bed,
            technician=technician,
            start=low,
            end=high,
            limit=limit,
        )


@router.get("/api/v1/tickets", dependencies=[needs("view")], responses=_FOUND)
async def tickets(
    here: Here,
    me: Me,
    which: Annotated[_Filter, Depends()],
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """Tickets, the newest first; open ones unless told otherwise."""
    found = await _find(here, me, which)
    return _csv(found) if "text/csv" in accept else Answer([ticket_view(ticket) for ticket in found])


@router.get("/api/v1/tickets.csv", dependencies=[needs("export")], responses=_CSV)
async def tickets_as_csv(here: Here, me: Me, which: Annotated[_Filter, Depends()]) -> Response:
    """The same for a spreadsheet."""
    return _csv(await _find(here, me, which))


@router.get(
    "/api/v1/tickets/{number}",
    dependencies=[needs("view")],
    responses=says(TicketHistoryView, "A ticket and its history", 404, 422, 503),
)
async def ticket(here: Here, me: Me, number: int) -> Response:
    """One ticket with everything that happened to it, oldest first."""

    def ask(ledger: Ledger) -> TicketHistoryView | None:
        found = ledger.ticket(number)
        if found is None:
            return None
        return TicketHistoryView(ticket=ticket_view(found), history=[told_view(one) for one in ledger.told(number)])

    view = await here.archive.query(lambda history: ask(Ledger(history.select)))
    if view is None or not me.sees(view.ticket.ward or ""):
        raise Refusal(404, f"there is no ticket {number}; GET /api/v1/tickets lists them")
    return Answer(view)


_DEED = says(TicketCommandView, "The hub has done it, and it is in the journal", 409, 422, 503, 504)


@router.post("/api/v1/tickets", dependencies=[needs("tickets")], responses=_DEED)
async def open_ticket(here: Here, me: Me, new: NewTicket) -> Response:
    """Say that something is wrong with a device, whatever it says of itself."""
    return await _order(here, me, "open-ticket", new.by, device=new.device, note=new.note, technician=new.technician)


@router.post("/api/v1/tickets/{number}/assign", dependencies=[needs("tickets")], responses=_DEED)
async def assign(here: Here, me: Me, number: int, to: Assignment) -> Response:
    """Say who works on it."""
    return await _order(here, me, "assign-ticket", to.by, ticket=number, technician=to.technician, note=to.note)


@router.post("/api/v1/tickets/{number}/note", dependencies=[needs("tickets")], responses=_DEED)
async def note(here: Here, me: Me, number: int, words: Note) -> Response:
    """Write something down."""
    return await _order(here, me, "note-ticket", words.by, ticket=number, note=words.note)


@router.post("/api/v1/tickets/{number}/close", dependencies=[needs("tickets")], responses=_DEED)
async def close(here: Here, me: Me, number: int, deed: Closing) -> Response:
    """Say that the work is done, or that there is none."""
    return await _order(here, me, "close-ticket", deed.by, ticket=number, note=deed.note, reason=deed.reason)


async def _order(
    here: Console,
    me: Person,
    action: Action,
    by: str | None,
    *,
    ticket: int | None = None,
    device: str = "",
    technician: str = "",
    note: str = "",
    reason: str = "",
) -> Response:
    if ticket is not None and ticket < 1:
        raise Refusal(404, f"there is no ticket {ticket}; GET /api/v1/tickets lists them")
    await _check_ward(here, me, ticket, device)
    command = TicketCommand(
        request=uuid.uuid4().hex,
        by=signed(me, by),
        ticket=ticket,
        device=device,
        technician=printable(technician),
        note=printable(note),
        reason=printable(reason),
    )
    result = await carry_out(here.commands, action, command, look_at="ticket")
    return Answer(TicketCommandView(ticket=result.ticket or ticket or 0, time=result.time))


async def _find(here: Console, me: Person, which: _Filter) -> list[Ticket]:
    found = await here.archive.query(lambda history: Ledger(history.select).tickets(which.asked))
    return [ticket for ticket in found if me.sees(ticket.ward)]


async def _check_ward(here: Console, me: Person, ticket: int | None, device: str) -> None:
    """Work on a device is for the wards it stands in. Raises Refusal; what nobody knows the hub refuses."""
    if me.wards is None:
        return
    if ticket is not None:
        found = await here.archive.query(lambda history: Ledger(history.select).ticket(ticket))
        me.require("tickets", found.ward if found else "")
        return
    gateway, _, name = device.partition("/")
    bed = here.wards.registry.gateways.get(gateway, {}).get(name)
    me.require("tickets", bed.ward if bed else "")


def _csv(found: list[Ticket]) -> Response:
    disposition = {"Content-Disposition": 'attachment; filename="tickets.csv"'}
    return Response(tickets_csv(found), media_type="text/csv; charset=utf-8", headers=disposition)
