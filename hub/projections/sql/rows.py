"""Rows: entries of the journal in, rows of the tables out, each once; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from hub.history import StoredRecord
from hub.projections.sink import StoredEvent, StoredScore, StoredState, StoredStay, StoredTicketEvent
from hub.projections.sql.cells import Cell, Cells, Ms
from vitals.drills import DRILL

_OVER = frozenset({"cleared", "reset"})
_UNREAL = frozenset({DRILL, "demo", "test"})  # states of a record that is not of a patient


class Origin(NamedTuple):
    """Where entries come from: numbers of tickets and admissions begin anew in another journal."""

    hub: str
    journal: str


def value_rows(records: Iterable[StoredRecord], cells: Cells) -> list[str]:
    """A row per value and per reason for having none. Raises msgspec.MsgspecError when a body cannot be read."""
    rows: dict[tuple[str, int, int], list[str]] = {}
    separator, nothing = cells.separator, cells.nothing
    for record in records:
        body = record.read()
        common = cells.row(
            (
                *(record.gateway, record.epoch, record.seq, record.device, record.ward, record.bed),
                *(Ms(record.time), Ms(record.received), bool(record.late), body.clock),
                *(" ".join(body.states), not _UNREAL.isdisjoint(body.states)),
            )
        )
        made = [
            f"{common}{separator}{cells.text(name)}{separator}{cells.number(value)}{separator}{nothing}"
            for name, value in body.values.items()
        ]
        made += [
            f"{common}{separator}{cells.text(name)}{separator}{nothing}{separator}{cells.text(reason)}"
            for name, reason in body.flags.items()
        ]
        rows[record.gateway, record.epoch, record.seq] = made
    return [row for made in rows.values() for row in made]


def alarm_rows(entries: Iterable[StoredEvent]) -> list[tuple[Cell, ...]]:
    """The newest revision of each alarm."""
    newest: dict[str, StoredEvent] = {}
    for entry in entries:
        known = newest.get(entry.event.alarm.id)
        if known is None or entry.event.alarm.rev >= known.event.alarm.rev:
            newest[entry.event.alarm.id] = entry
    return [_alarm_row(entry) for entry in newest.values()]


def _alarm_row(entry: StoredEvent) -> tuple[Cell, ...]:
    event, one = entry.event, entry.event.alarm
    return (
        *(one.id, one.rule, one.ward, one.bed, one.subject, one.kind, one.priority, one.state, one.rev, one.message),
        *(Ms(one.onset), Ms(one.raised), Ms(one.changed), event.change, event.change not in _OVER, one.condition),
        *(one.parameter, _float(one.value), _float(one.limit), one.unit, one.device),
        *(one.acknowledged_by, _time(one.acknowledged_at), one.paused_by, one.paused_reason, _time(one.until)),
        *(one.test, one.late, one.bedside),
    )


def transition_rows(entries: Iterable[StoredEvent]) -> list[tuple[Cell, ...]]:
    """Each transition of each alarm."""
    rows: dict[tuple[str, int], tuple[Cell, ...]] = {}
    for _, event in entries:
        one = event.alarm
        rows[one.id, one.rev] = (
            *(one.id, one.rev, one.ward, one.bed, one.rule, Ms(event.time), event.change, one.state, one.priority),
            *(one.condition, _float(one.value), _float(one.limit), one.message, event.by, event.reason, one.test),
        )
    return list(rows.values())


def device_rows(entries: Iterable[StoredState]) -> list[tuple[Cell, ...]]:
    """The newest state of each piece of equipment."""
    newest: dict[tuple[str, str], StoredState] = {}
    for one in entries:
        known = newest.get((one.gateway, one.device))
        if known is None or (one.time, one.id) >= (known.time, known.id):
            newest[one.gateway, one.device] = one
    return [
        (one.gateway, one.device, one.ward, one.bed, one.state, one.message, Ms(one.time), one.id)
        for one in newest.values()
    ]


def history_rows(entries: Iterable[StoredState]) -> list[tuple[Cell, ...]]:
    """Each state of each piece of equipment."""
    rows = {
        (one.gateway, one.device, one.time, one.id): (
            *(one.gateway, one.device, Ms(one.time), one.id, one.ward, one.bed, one.state, one.message),
        )
        for one in entries
    }
    return list(rows.values())


def ticket_event_rows(entries: Iterable[StoredTicketEvent], origin: Origin) -> list[tuple[Cell, ...]]:
    """Each line of the history of tickets."""
    rows = {one.id: (origin.journal, one.id, one.ticket, Ms(one.time), one.kind, one.by, one.text) for one in entries}
    return list(rows.values())


class Line(NamedTuple):
    """A line of a ticket's history, as a database tells it."""

    entry: int
    ticket: int
    time: int
    kind: str
    person: str
    text: str


def ticket_rows(
    entries: Iterable[StoredTicketEvent], history: Sequence[Line], origin: Origin
) -> list[tuple[Cell, ...]]:
    """The tickets that `entries` speak of, as their whole `history`, oldest first, has made them."""
    spoken = {one.ticket: one for one in entries}  # each says where the ticket belongs, and its fault as it is now
    told: dict[int, list[Line]] = {number: [] for number in spoken}
    for line in history:
        told[line.ticket].append(line)
    return [_ticket_row(one, told[number], origin) for number, one in spoken.items()]


def _ticket_row(one: StoredTicketEvent, lines: Sequence[Line], origin: Origin) -> tuple[Cell, ...]:
    state: dict[str, Cell] = dict.fromkeys(("opened_by", "message", "technician", "closed_by", "reason"), "")
    state |= {"opened": None, "closed": None}
    for line in lines:
        state |= _told(line)
    return (
        *(origin.journal, one.ticket, origin.hub, one.gateway, one.device, one.ward, one.bed, one.fault),
        *(state["message"], state["opened"], state["opened_by"], state["technician"]),
        *(state["closed"], state["closed_by"], state["reason"], lines[-1].entry),
    )


def _told(line: Line) -> Mapping[str, Cell]:
    """What a line changes in its ticket."""
    match line.kind:
        case "opened":
            return {"opened": Ms(line.time), "opened_by": line.person, "message": line.text}
        case "reopened":
            return {"message": line.text, "closed": None, "closed_by": "", "reason": ""}
        case "changed":
            return {"message": line.text}
        case "assigned":
            return {"technician": line.text}
        case "closed":
            return {"closed": Ms(line.time), "closed_by": line.person, "reason": line.text}
        case _:
            return {}


def score_rows(entries: Iterable[StoredScore]) -> list[tuple[Cell, ...]]:
    """Each result of each score; `total` None stays unknown."""
    rows = {
        (one.ward, one.bed, one.table, one.time, one.id): (
            *(one.ward, one.bed, one.table, Ms(one.time), one.id),
            *(one.total, one.complete, one.risk, one.body.decode()),
        )
        for one in entries
    }
    return list(rows.values())


def admission_rows(entries: Iterable[StoredStay], origin: Origin) -> list[tuple[Cell, ...]]:
    """Each admission as it stands after its newest change."""
    newest: dict[int, StoredStay] = {}
    for one in entries:
        known = newest.get(one.admission)
        if known is None or (one.time, one.id) >= (known.time, known.id):
            newest[one.admission] = one
    return [
        (
            *(origin.journal, one.admission, origin.hub, one.ward, one.bed, one.patient, Ms(one.start)),
            *(_time(one.end), one.kind == "cancelled", Ms(one.time), one.id),
        )
        for one in newest.values()
    ]


def rendered(entry: NamedTuple) -> bytes:
    """An entry as JSON, whatever is in it."""
    fields = entry._asdict()
    body = fields.pop("body", None)
    if isinstance(body, bytes):
        fields["body"] = body.decode(errors="replace")
    return msgspec.json.encode(fields)


def _time(ms: int | None) -> Ms | None:
    return None if ms is None else Ms(ms)


def _float(value: float | None) -> float | None:
    return None if value is None else float(value)
