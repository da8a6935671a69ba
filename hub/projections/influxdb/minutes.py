"""The minutes: of each minute that new records touch, everything the journal has of it becomes one point.

A minute is always made from the whole of it, so it comes out the same however often and in whatever order records came.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from hub.history import History, RecordBody, StoredRecord
from hub.projections.influxdb.bucket import Bucket
from hub.projections.influxdb.lines import series
from hub.projections.sink import Entry, PoisonError, Stream
from hub.settings import InfluxSettings
from vitals.errors import StorageError

MINUTES = b"vitals_1m"
MINUTE_MS = 60_000
BATCH = 20_000  # records looked at together: the more, the fewer minutes are made twice
AT_ONCE = 2_000  # points in one request
SPAN = 10  # minutes read together
CLOCKS_MS = 60_000  # how far a gateway's clock may be ahead

_QUERY = (
    "SELECT time, epoch, seq, gateway, device, body FROM record"
    " WHERE ward = ? AND bed = ? AND time >= ? AND time < ? ORDER BY gateway, device, time, epoch, seq"
)
_FIRST_LEFT = (  # where records have left the journal: the time of the first that is left of each gateway's epoch
    "SELECT gone.gateway, (SELECT time FROM record WHERE gateway = gone.gateway AND epoch = gone.epoch"
    " AND seq > gone.last ORDER BY seq LIMIT 1) FROM record_expired AS gone"
)
_body = msgspec.json.Decoder(RecordBody)


class Stretch(NamedTuple):
    """Minutes of one bed, one after the other, that must be made; [start, end), UTC ms."""

    ward: str
    bed: str
    start: int
    end: int


class MinuteSink:
    """The measurement `vitals_1m`; a copy of its own, so that it never holds up the readings."""

    name = "influxdb-1m"
    batch = BATCH
    streams: tuple[Stream, ...] = ("records",)
    unhurried = True

    def __init__(self, settings: InfluxSettings, folder: Path, journal: Path) -> None:
        self._bucket = Bucket(settings, folder)
        self._journal = journal

    def open(self) -> None:
        """Read the token."""
        self._bucket.open()

    def write(self, entries: Sequence[Entry]) -> None:
        """Make every minute that one of these records belongs to."""
        records = [entry for entry in entries if isinstance(entry, StoredRecord)]
        with closing(History(self._journal)) as history:
            try:
                self._write_points(points(history, stretches(records)))
            except sqlite3.Error as error:
                raise StorageError(f"cannot read the journal {self._journal}: {error}") from error

    def _write_points(self, made: Iterator[bytes]) -> None:
        try:
            while some := list(islice(made, AT_ONCE)):
                self._bucket.write(b"\n".join(some))
        except PoisonError as error:
            raise PoisonError(str(error)) from error  # it counts points, and we are given records

    def render(self, entry: Entry) -> bytes:
        """Which record the minute was made for."""
        return repr(entry).encode(errors="replace")

    def close(self) -> None:
        """Drop the connection."""
        self._bucket.close()


def stretches(records: Iterable[StoredRecord]) -> list[Stretch]:
    """The minutes these records belong to, in as few stretches as may be."""
    touched = sorted({(record.ward, record.bed, record.time // MINUTE_MS) for record in records})
    found: list[Stretch] = []
    for ward, bed, minute in touched:
        start = minute * MINUTE_MS
        last = found[-1] if found else None
        joins = last is not None and last[:2] == (ward, bed) and last.end == start
        if last is not None and joins and start - last.start < SPAN * MINUTE_MS:
            found[-1] = last._replace(end=start + MINUTE_MS)
        else:
            found.append(Stretch(ward, bed, start, start + MINUTE_MS))
    return found


def points(history: History, wanted: Iterable[Stretch]) -> Iterator[bytes]:
    """The points of all minutes of `wanted` that the journal has whole. Raises sqlite3.Error."""
    cut = _cut(history)
    for stretch in wanted:
        rows = history.select(_QUERY, *stretch)
        for (gateway, device, minute), group in groupby(rows, lambda row: (row[3], row[4], row[0] // MINUTE_MS)):
            start = minute * MINUTE_MS
            if start > cut.get(gateway, -1):
                fields = _fields(row[5] for row in group)
                if fields:
                    tags = series(MINUTES, stretch.ward, stretch.bed, gateway, device)
                    yield b"%b %b %d" % (tags, fields, start * 1_000_000)


def _cut(history: History) -> dict[str, int]:
    """Up to when minutes of each gateway may lack records that have left the journal.

    Records leave in the order they were received, and none was measured after it was received; so what is as young as
    the oldest one left is whole, whatever a clock that was wrong says of one record.
    """
    gone = history.select(_FIRST_LEFT)
    received = history.received()
    if not gone or received is None:
        return {}
    whole_after = received[0] + CLOCKS_MS
    found: dict[str, int] = {}
    for gateway, time in gone:
        if time is not None:
            found[gateway] = max(found.get(gateway, 0), min(time, whole_after))
    return found


def _fields(bodies: Iterable[bytes]) -> bytes:
    """Count, minimum, maximum, mean and last of each parameter; bodies by time. Nothing if there is nothing to say."""
    values: dict[str, list[float]] = {}
    records = 0
    for raw in bodies:
        try:
            body = _body.decode(raw)
        except msgspec.MsgspecError:
            continue  # the copy of the readings keeps it as a dead letter
        records += 1
        for name, value in body.values.items():
            if name in values:
                values[name].append(value)
            else:
                values[name] = [value]
    parts = [f"records={records}i"] if records else []
    for name, found in values.items():
        parts.append(
            f"{name}_count={len(found)}i,{name}_min={min(found)!r},{name}_max={max(found)!r}"
            f",{name}_mean={sum(found) / len(found)!r},{name}_last={found[-1]!r}"
        )
    return ",".join(parts).encode()
