"""The tables of the lake: those of an export, scores and waves; words that people wrote are left out unless wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hub.export.tables import ALARMS, DEVICES, READINGS, SCORES, TICKETS, WAVES, Row, Table
from hub.projections.sink import Entry, StoredEvent, StoredScore, StoredState, StoredTicketEvent, StoredWave, Stream

WORDS = {"alarms": "reason", "tickets": "text"}  # columns people write into: they may name a patient

STREAMS: dict[Stream, Table] = {
    "records": READINGS,
    "alarm-events": ALARMS,
    "device-states": DEVICES,
    "ticket-events": TICKETS,
    "scores": SCORES,
    "waves": WAVES,
}
"""The table of each stream a lake can take. Admissions name patients, and stay in the hub."""

TABLES: dict[str, Table] = {table.name: table for table in STREAMS.values()}
PARTITIONS = ("ward",)  # columns that stand in the path of a file and not in it


class Source(NamedTuple):
    """The stream of an entry and its table."""

    stream: Stream
    table: Table


def source_of(entry: Entry) -> Source:
    """Where an entry comes from, and where it goes."""
    if isinstance(entry, StoredEvent):
        stream: Stream = "alarm-events"
    elif isinstance(entry, StoredState):
        stream = "device-states"
    elif isinstance(entry, StoredTicketEvent):
        stream = "ticket-events"
    elif isinstance(entry, StoredScore):
        stream = "scores"
    elif isinstance(entry, StoredWave):
        stream = "waves"
    else:
        stream = "records"
    return Source(stream, STREAMS[stream])


def muted(table: Table) -> Callable[[Row], Row]:
    """What takes the words of people out of a row."""
    if table.name not in WORDS:
        return lambda row: row
    index = table.names.index(WORDS[table.name])
    return lambda row: (*row[:index], None, *row[index + 1 :])
