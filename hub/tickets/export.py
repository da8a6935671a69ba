"""Tickets as CSV, for the spreadsheets of biomedical engineering."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from hub.console.export import iso
from rules.tickets import Ticket

HEAD = (
    "number,state,gateway,device,ward,bed,fault,message,standing,opened,opened_by,technician,flaps,closed,closed_by,reason"
).split(",")
_STANDING = {True: "yes", False: "no", None: "unknown"}


def tickets_csv(tickets: Iterable[Ticket]) -> str:
    """A head line, then a line per ticket; times are ISO 8601 in UTC, an empty cell is nothing."""
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\r\n")
    lines.writerow(HEAD)
    for one in tickets:
        lines.writerow(
            [
                one.number,
                "open" if one.closed is None else "closed",
                one.gateway,
                one.device,
                one.ward,
                one.bed,
                one.fault,
                plain(one.message),
                _STANDING[one.standing],
                iso(one.opened),
                plain(one.opened_by),
                plain(one.technician),
                one.flaps,
                "" if one.closed is None else iso(one.closed),
                plain(one.closed_by),
                plain(one.reason),
            ]
        )
    return text.getvalue()


def plain(words: str) -> str:
    """Words of people as a cell no spreadsheet takes for a formula."""
    return f"'{words}" if words[:1] in ("=", "+", "-", "@", "\t", "\r") else words
