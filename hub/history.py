"""History: the journal read beside its writer, for screens, exports and projections."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from chassis.database import open_read_only
from vitals.alarms import AlarmEvent
from vitals.readings import ClockQuality, Gap, Record


class RecordBody(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What a record says, as stored in its body."""

    clock: ClockQuality = "synced"
    values: dict[str, float] = {}
    flags: dict[str, str] = {}
    states: tuple[str, ...] = ()
    gap: Gap | None = None


class StoredRecord(NamedTuple):
    """One committed record; `ward` and `bed` are '' where the device stood at no bed."""

    id: int
    gateway: str
    epoch: int
    seq: int
    device: str
    ward: str
    bed: str
    time: int
    received: int
    late: int
    body: bytes

    def read(self) -> RecordBody:
        """The decoded body."""
        return _body.decode(self.body)

    def record(self) -> Record:
        """The record as it was admitted."""
        body = self.read()
        return Record(
            seq=self.seq,
            device=self.device,
            time=self.time,
            clock=body.clock,
            values=body.values,
            flags=body.flags,
            states=body.states,
            gap=body.gap,
        )


_body = msgspec.json.Decoder(RecordBody)
_event = msgspec.json.Decoder(AlarmEvent)
_COLUMNS = "id, gateway, epoch, seq, device, ward, bed, time, received, late, body"


class History:
    """A read-only view of a journal. One object per thread; raises StorageError when the file is not there yet."""

    def __init__(self, path: Path) -> None:
        self._db = open_read_only(path)

    def after(self, position: int, limit: int) -> list[StoredRecord]:
        """Up to `limit` records committed after `position` (a record id; 0 is the beginning), in commit order."""
        rows = self._db.execute(f"SELECT {_COLUMNS} FROM record WHERE id > ? ORDER BY id LIMIT ?", (position, limit))
        return [StoredRecord(*row) for row in rows]

    def latest_position(self) -> int:
        """The id of the newest record, 0 when there is none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM record").fetchone()[0])

    def readings(self, ward: str, bed: str, start: int, end: int) -> Iterator[StoredRecord]:
        """Records of a bed measured in [start, end), by time; both UTC ms. A stream: memory stays flat."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM record WHERE ward = ? AND bed = ? AND time >= ? AND time < ? ORDER BY time, id",
            (ward, bed, start, end),
        )
        return (StoredRecord(*row) for row in rows)

    def judged(self, ward: str, bed: str, start: int, end: int) -> Iterator[StoredRecord]:
        """Records of a bed judged as live and received in [start, end), in the order they were judged."""
        rows = self._db.execute(
            f"SELECT {_COLUMNS} FROM record WHERE ward = ? AND bed = ? AND late = 0 AND received >= ? AND received < ?"
            " ORDER BY id",
            (ward, bed, start, end),
        )
        return (StoredRecord(*row) for row in rows)

    def entered(self, ward: str, bed: str, end: int) -> Iterator[tuple[int, str, float | None, int, int | None]]:
        """What staff entered at a bed before `end`, as it came: (received, name, value, time, until)."""
        rows: Iterator[tuple[int, str, float | None, int, int | None]] = self._db.execute(
            "SELECT received, name, value, time, until FROM entry"
            " WHERE ward = ? AND bed = ? AND received < ? ORDER BY id",
            (ward, bed, end),
        )
        return rows

    def received(self) -> tuple[int, int] | None:
        """When the oldest record was received, and the newest; None of an empty journal."""
        ends = [
            row[0]
            for order in ("ASC", "DESC")
            for row in self._db.execute(f"SELECT received FROM record ORDER BY id {order} LIMIT 1")
        ]
        return (ends[0], ends[1]) if ends else None

    def transitions(self, start: int, end: int, ward: str | None = None) -> Iterator[AlarmEvent]:
        """Transitions in [start, end) in commit order, of one ward or of all. A stream: memory stays flat."""
        where, values = ("AND ward = ?", (start, end, ward)) if ward is not None else ("", (start, end))
        rows = self._db.execute(
            f"SELECT body FROM alarm_event WHERE time >= ? AND time < ? {where} ORDER BY id", values
        )
        return (_event.decode(body) for (body,) in rows)

    def alarm_events(
        self, *, start: int = 0, end: int = 2**62, ward: str | None = None, bed: str | None = None, limit: int = 1000
    ) -> list[tuple[int, AlarmEvent]]:
        """(id, event) of transitions in [start, end), newest first."""
        where, values = ["time >= ?", "time < ?"], [start, end]
        for column, value in (("ward", ward), ("bed", bed)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)  # type: ignore[arg-type]
        query = f"SELECT id, body FROM alarm_event WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"
        return [(number, _event.decode(body)) for number, body in self._db.execute(query, (*values, limit))]

    def alarm_events_after(self, position: int, limit: int) -> list[tuple[int, AlarmEvent]]:
        """(id, event) committed after event id `position`, in order."""
        rows = self._db.execute("SELECT id, body FROM alarm_event WHERE id > ? ORDER BY id LIMIT ?", (position, limit))
        return [(number, _event.decode(body)) for number, body in rows]

    def quarantine(self, limit: int = 100) -> list[dict[str, object]]:
        """The newest refused messages, without their payload."""
        names = ("id", "received", "topic", "gateway", "reason", "records", "size", "sha256")
        rows = self._db.execute(f"SELECT {', '.join(names)} FROM quarantine ORDER BY id DESC LIMIT ?", (limit,))
        return [dict(zip(names, row, strict=True)) for row in rows]

    def select(self, query: str, *values: str | int) -> list[tuple[Any, ...]]:
        """Rows of a query: how the parts of the hub with tables of their own are asked."""
        return list(self._db.execute(query, values))

    def close(self) -> None:
        """Close the view."""
        self._db.close()
