"""The InfluxDB sink: every stream of the journal but admissions, as lines into one bucket."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from hub.history import StoredRecord
from hub.projections.influxdb.bucket import Bucket
from hub.projections.influxdb.lines import lines
from hub.projections.influxdb.minutes import MinuteSink
from hub.projections.sink import Entry, PoisonError, Sink, StoredEvent, Stream
from hub.settings import HubSettings, InfluxSettings


def sinks(settings: HubSettings, folder: Path) -> list[Sink]:
    """The sinks of the section `projections.influxdb`."""
    influx = settings.projections.influxdb
    if influx is None:
        return []
    return [InfluxSink(influx, folder), MinuteSink(influx, folder, folder / settings.journal.path)]


class InfluxSink:
    """What was measured and what happened, as it is in the journal."""

    name = "influxdb"
    # Admissions name patients, and stay in the hub.
    streams: tuple[Stream, ...] = ("records", "alarm-events", "device-states", "ticket-events", "scores")

    def __init__(self, settings: InfluxSettings, folder: Path) -> None:
        self._bucket = Bucket(settings, folder)
        self.batch = settings.batch

    def open(self) -> None:
        """Read the token."""
        self._bucket.open()

    def write(self, entries: Sequence[Entry]) -> None:
        """Write the lines of all entries in one request."""
        try:
            body = lines(entries)
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            raise PoisonError(f"cannot be written as line protocol: {error}") from error
        try:
            self._bucket.write(body)
        except PoisonError as error:
            if isinstance(entries[0], StoredEvent):
                raise PoisonError(str(error)) from error  # it counts lines, and an event has two
            raise

    def render(self, entry: Entry) -> bytes:
        """The line, or the bytes that could not become one."""
        try:
            return lines([entry])
        except (msgspec.MsgspecError, UnicodeEncodeError):
            return entry.body if isinstance(entry, StoredRecord) else repr(entry).encode(errors="replace")

    def close(self) -> None:
        """Drop the connection."""
        self._bucket.close()
