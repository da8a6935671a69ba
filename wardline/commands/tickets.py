"""`wardline tickets`: the work on devices and gateways, read from the journal and changed through the hub."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from chassis.settings import read_settings
from hub.console.export import iso
from hub.console.printable import printable
from hub.console.ticket_views import TicketHistoryView, ticket_view, told_view
from hub.console.times import parse_time
from hub.settings import HubSettings
from hub.tickets.export import tickets_csv
from hub.tickets.ledger import Asked, Ledger
from rules.fleet import Equipment
from rules.machine import Refused
from rules.tickets import Ticket
from vitals.commands import Action
from vitals.errors import UsageError
from wardline.asking import carry_out
from wardline.columns import columns
from wardline.journal_questions import ask_journal

_T = TypeVar("_T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline tickets`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="list tickets, the newest first")
    export = actions.add_parser("export", help="the same as CSV")
    for sub in (listing, export):
        sub.add_argument("--state", choices=("open", "closed", "all"), default="open", help="default: open")
        sub.add_argument("--device", metavar="DEVICE", help="gateway/device, or a gateway with all its devices")
        sub.add_argument("--ward", help="only of this ward")
        sub.add_argument("--technician", metavar="NAME", help="only those this person works on")
        sub.add_argument("--from", dest="start", metavar="TIME", help="opened from here on, ISO 8601 or epoch ms")
        sub.add_argument("--to", dest="end", metavar="TIME", help="opened before")
        sub.add_argument("--limit", type=int, default=1_000, metavar="N", help="at most so many (default: 1000)")
    listing.set_defaults(act=_list)
    export.set_defaults(act=_export)
    show = actions.add_parser("show", help="one ticket with its history")
    show.set_defaults(act=_show)
    opening = actions.add_parser("open", help="say that something is wrong with a device")
    opening.add_argument("device", metavar="DEVICE", help="gateway/device, or a gateway alone")
    opening.add_argument("--note", default="", metavar="TEXT", help="what is wrong")
    opening.add_argument("--to", dest="technician", default="", metavar="NAME", help="who works on it")
    opening.set_defaults(act=_change, action="open-ticket")
    assign = actions.add_parser("assign", help="say who works on a ticket")
    note = actions.add_parser("note", help="write something down")
    close = actions.add_parser("close", help="say that the work is done, or that there is none")
    for sub in (show, assign, note, close):
        sub.add_argument("ticket", type=int, metavar="NUMBER")
    assign.add_argument("--to", dest="technician", required=True, metavar="NAME", help="who; '' gives it back")
    assign.set_defaults(act=_change, action="assign-ticket")
    note.add_argument("note", metavar="TEXT")
    note.set_defaults(act=_change, action="note-ticket")
    close.add_argument("--reason", default="", metavar="TEXT", help="why; needed while the fault stands")
    close.set_defaults(act=_change, action="close-ticket")
    for sub in (opening, assign, note, close):
        sub.add_argument("--by", required=True, metavar="NAME", help="who you are: a name or initials")
    for sub in (listing, show):
        sub.add_argument("--json", action="store_true", help="print one JSON document")
    for sub in actions.choices.values():
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")


def run(arguments: argparse.Namespace) -> int:
    """Read or change; 0 if that could be done."""
    settings = read_settings(arguments.config, HubSettings)
    return int(arguments.act(arguments, settings, arguments.config.resolve().parent))


def _list(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    found = _find(arguments, settings, folder)
    if arguments.json:
        print(msgspec.json.encode([ticket_view(ticket) for ticket in found]).decode())
    elif not found:
        print("no tickets" if arguments.state == "all" else f"no {arguments.state} tickets")
    else:
        print(_table(found))
    return 0


def _export(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    sys.stdout.buffer.write(tickets_csv(_find(arguments, settings, folder)).encode())
    sys.stdout.buffer.flush()
    return 0


def _show(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    number: int = arguments.ticket
    ticket = _read(settings, folder, lambda ledger: ledger.ticket(number))
    if ticket is None:
        raise Refused(f"there is no ticket {number}; `wardline tickets list --state all` shows them")
    told = _read(settings, folder, lambda ledger: ledger.told(number))
    view = TicketHistoryView(ticket=ticket_view(ticket), history=[told_view(line) for line in told])
    if arguments.json:
        print(msgspec.json.encode(view).decode())
        return 0
    print(_table([ticket]))
    for line in view.history:
        print(f"  {iso(line.time)}  {line.kind:<9}  {line.by or '(itself)':<12}  {line.text}".rstrip())
    return 0


def _change(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> int:
    action: Action = arguments.action
    words = vars(arguments)
    said: dict[str, Any] = {"by": printable(arguments.by)}
    said |= {name: printable(words[name]) for name in ("technician", "note", "reason", "device") if name in words}
    if "ticket" in words:
        said["ticket"] = words["ticket"]
    result = carry_out(settings, folder, action, said)
    print(f"ticket {result.ticket}: done")
    return 0


def _find(arguments: argparse.Namespace, settings: HubSettings, folder: Path) -> list[Ticket]:
    try:
        equipment = Equipment.parse(arguments.device) if arguments.device is not None else None
        start = parse_time("--from", arguments.start) if arguments.start is not None else 0
        end = parse_time("--to", arguments.end) if arguments.end is not None else 2**62
    except ValueError as error:
        raise UsageError(str(error)) from error
    if arguments.limit < 1:
        raise UsageError(f"--limit {arguments.limit}: expected 1 or more")
    asked = Asked(
        state=arguments.state,
        gateway=equipment.gateway if equipment else None,
        device=equipment.device or None if equipment else None,
        ward=arguments.ward,
        technician=arguments.technician,
        start=start,
        end=end,
        limit=arguments.limit,
    )
    return _read(settings, folder, lambda ledger: ledger.tickets(asked))


def _read(settings: HubSettings, folder: Path, question: Callable[[Ledger], _T]) -> _T:
    return ask_journal(settings, folder, "tickets", lambda history: question(Ledger(history.select)))


def _table(tickets: list[Ticket]) -> str:
    rows = [("NUMBER", "OPENED", "DEVICE", "BED", "FAULT", "STANDS", "TECHNICIAN", "FLAPS", "CLOSED", "MESSAGE")]
    for ticket in tickets:
        stands = {True: "yes", False: "no", None: "?"}[ticket.standing]
        closed = "" if ticket.closed is None else iso(ticket.closed)[:16]
        bed = f"{ticket.ward}/{ticket.bed}".strip("/")
        words = (printable(ticket.technician), str(ticket.flaps), closed, printable(ticket.message))
        rows.append(
            (str(ticket.number), iso(ticket.opened)[:16], str(ticket.equipment), bed, ticket.fault, stands, *words)
        )
    return "\n".join(columns(rows))
