"""Tables: entries of the journal in, flat rows out; the one schema of exports and of the data lake.

Described in docs/how-to/data-lake.md. A cell without anything to say is None: no number is ever made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, NamedTuple, TypeAlias

from hub.history import StoredRecord
from hub.projections.sink import Entry, StoredEvent, StoredScore, StoredState, StoredTicketEvent, StoredWave
from vitals.parameters import PARAMETERS

Kind = Literal["text", "whole", "number", "time", "truth", "samples"]
Row: TypeAlias = tuple[Any, ...]

_UNITS = {name: parameter.unit for name, parameter in PARAMETERS.items()}


class Column(NamedTuple):
    """One column. In a row a `time` is UTC milliseconds, `samples` are the bytes of little-endian int16."""

    name: str
    kind: Kind = "text"


class Table(NamedTuple):
    """What one stream of the journal becomes. `key` are the columns that tell an entry from every other."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: Callable[[Any], Iterable[Row]]  # of one entry: at least one row

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


def _columns(words: str) -> tuple[Column, ...]:
    """Columns of words such as `epoch:whole`; without a kind it is text."""
    return tuple(Column(*word.split(":")) for word in words.split())  # type: ignore[arg-type]


def _readings(record: StoredRecord) -> list[Row]:
    """A row for each value, each missing value, each state of the device; one row if it says nothing at all."""
    body = record.read()
    where = (record.time, record.ward or None, record.bed or None, record.gateway, record.device)
    how = (record.late == 1, body.clock, record.received, record.epoch, record.seq)
    rows: list[Row] = [(*where, name, value, _UNITS.get(name), None, *how) for name, value in body.values.items()]
    rows += [(*where, name, None, _UNITS.get(name), reason, *how) for name, reason in body.flags.items()]
    rows += [(*where, None, None, None, state, *how) for state in body.states]
    if body.gap is not None:
        rows.append((*where, None, None, None, f"gap/{body.gap.reason}", *how))
    return rows or [(*where, None, None, None, None, *how)]


def unreadable(record: StoredRecord) -> list[Row]:
    """The row of a record whose body nobody can read."""
    where = (record.time, record.ward or None, record.bed or None, record.gateway, record.device)
    how = (record.late == 1, None, record.received, record.epoch, record.seq)
    return [(*where, None, None, None, "unreadable", *how)]


def _alarms(entry: StoredEvent) -> list[Row]:
    event, alarm = entry.event, entry.event.alarm
    return [
        (
            event.time,
            alarm.ward or None,
            alarm.bed or None,
            alarm.subject or None,
            alarm.device or None,
            alarm.id,
            alarm.rev,
            alarm.rule,
            event.change,
            alarm.state,
            alarm.priority,
            alarm.kind,
            alarm.message,
            alarm.parameter,
            None if alarm.value is None else float(alarm.value),
            None if alarm.limit is None else float(alarm.limit),
            alarm.unit or None,
            alarm.onset,
            alarm.raised,
            event.by or None,
            event.reason or None,
            alarm.late,
            alarm.test,
        )
    ]


def _devices(entry: StoredState) -> list[Row]:
    place = (entry.ward or None, entry.bed or None)
    return [(entry.time, *place, entry.gateway, entry.device or None, entry.state, entry.message or None)]


def _tickets(entry: StoredTicketEvent) -> list[Row]:
    place = (entry.ward or None, entry.bed or None, entry.gateway, entry.device or None)
    return [(entry.time, *place, entry.ticket, entry.fault, entry.kind, entry.by or None, entry.text or None)]


def _scores(entry: StoredScore) -> list[Row]:
    said = (entry.table, entry.total, entry.complete, entry.risk or None, entry.body.decode(errors="replace"))
    return [(entry.time, entry.ward or None, entry.bed or None, *said)]


def _waves(frame: StoredWave) -> list[Row]:
    where = (frame.time, frame.ward or None, frame.bed or None, frame.gateway, frame.device, frame.channel)
    how = (frame.rate, frame.unit or None, frame.scale, frame.offset, frame.samples)
    return [(*where, *how, frame.clock, frame.received, frame.epoch, frame.seq)]


READINGS = Table(
    "readings",
    _columns(
        "time:time ward bed gateway device parameter value:number unit reason late:truth clock received:time"
        " epoch:whole seq:whole"
    ),
    ("gateway", "epoch", "seq"),
    _readings,
)
ALARMS = Table(
    "alarms",
    _columns(
        "time:time ward bed subject device alarm rev:whole rule change state priority kind message parameter"
        " value:number limit:number unit onset:time raised:time by reason late:truth test:truth"
    ),
    ("alarm", "rev", "change"),
    _alarms,
)
DEVICES = Table(
    "devices",
    _columns("time:time ward bed gateway device state message"),
    ("gateway", "device", "time", "state"),
    _devices,
)
TICKETS = Table(
    "tickets",
    _columns("time:time ward bed gateway device ticket:whole fault change by text"),
    ("ticket", "time", "change", "by", "text"),
    _tickets,
)
SCORES = Table(
    "scores",
    _columns("time:time ward bed table total:whole complete:truth risk parts"),
    ("ward", "bed", "time", "table", "total", "complete", "risk", "parts"),
    _scores,
)

WAVES = Table(
    "waves",
    _columns(
        "time:time ward bed gateway device channel rate:number unit scale:number offset:number samples:samples clock"
        " received:time epoch:whole seq:whole"
    ),
    ("gateway", "epoch", "seq"),
    _waves,
)

EXPORTS: dict[str, Table] = {table.name: table for table in (READINGS, ALARMS, DEVICES, TICKETS)}
"""What can be exported, by the name people give it."""


def rows_of(table: Table, entries: Iterable[Entry]) -> list[Row]:
    """The rows of entries, in their order."""
    return [row for entry in entries for row in table.rows(entry)]
