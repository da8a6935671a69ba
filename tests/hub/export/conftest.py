"""A journal with something in every table, and the settings it belongs to."""

import msgspec
import pytest

from hub.history import RecordBody
from hub.journal import Batch, EventRow, Journal, RecordRow, Write
from vitals.alarms import Alarm, AlarmEvent
from vitals.readings import Gap

T0 = 1_763_682_504_000  # 2025-11-20T23:48:24Z
SETTINGS = """
hub: hub-1
journal: {path: journal.db}
wards:
  - {id: icu, beds: [{id: "1"}, {id: "2"}]}
  - {id: west, beds: [{id: "1"}]}
gateways: [{id: gw-1, devices: [{id: mon-1, bed: icu/1}]}]
"""
_STATE = "INSERT INTO device_history (gateway, device, time, state, message, ward, bed) VALUES (?, ?, ?, ?, ?, ?, ?)"
_TICKET = (
    "INSERT INTO ticket (number, gateway, device, ward, bed, fault, message, opened, opened_by, technician, flaps,"
    " closed_by, reason) VALUES (?, ?, ?, ?, ?, ?, '', ?, '', '', 0, '', '')"
)
_TOLD = 'INSERT INTO ticket_event (ticket, time, kind, "by", text) VALUES (?, ?, ?, ?, ?)'


class Archivist:
    """Writes a journal as the hub does."""

    def __init__(self, path) -> None:
        self.path = path
        self.journal = Journal(path)
        self.seq = 0

    def record(self, time, bed="1", *, ward="icu", device="mon-1", late=0, **body) -> None:
        """One record; bed '' stands nowhere."""
        self.records([(time, ward if bed else "", bed, device, late, msgspec.json.encode(RecordBody(**body)))])

    def records(self, rows) -> None:
        batch = Batch()
        for time, ward, bed, device, late, body in rows:
            self.seq += 1
            batch.records.append(RecordRow("gw-1", 1, self.seq, device, ward, bed, time, time + 5, late, body))
            batch.settle("gw-1", 1, self.seq)
        self.journal.commit(batch)

    def event(self, change, rev, *, ward="icu", bed="1", by="", **alarm) -> None:
        given = {"id": "0123456789abcdef", "rule": "spo2-low", "ward": ward, "bed": bed, "kind": "physiological"}
        given |= {"priority": "high", "state": "active", "message": "SpO2 low", "onset": T0, "raised": T0}
        given |= {"rev": rev, "changed": T0 + rev} | alarm
        event = AlarmEvent(change=change, time=given["changed"], alarm=Alarm(**given), by=by)
        batch = Batch()
        batch.events.append(
            EventRow(given["id"], ward, bed, given["rule"], change, event.time, msgspec.json.encode(event))
        )
        self.journal.commit(batch)

    def state(self, time, state, *, device="mon-1", ward="icu", bed="1", message="") -> None:
        self._write(_STATE, ("gw-1", device, time, state, message, ward, bed))

    def ticket(self, number, *told, ward="icu", bed="1") -> None:
        """A ticket with its history: each (time, kind, by, text)."""
        self._write(_TICKET, (number, "gw-1", "mon-1", ward, bed, "offline", told[0][0]))
        for line in told:
            self._write(_TOLD, (number, *line))

    def _write(self, sql, values) -> None:
        batch = Batch()
        batch.writes.append(Write(sql, values))
        self.journal.commit(batch)


@pytest.fixture
def archivist(tmp_path):
    """An empty journal beside `hub.yaml`."""
    (tmp_path / "hub.yaml").write_text(SETTINGS)
    made = Archivist(tmp_path / "journal.db")
    yield made
    made.journal.close()


def fill(archivist) -> None:
    """Something in every table: values, what is missing and why, states, a gap, and words that look like formulas."""
    archivist.record(T0, values={"hr": 72.0, "spo2": 97.0})
    archivist.record(T0 + 1_000, values={"hr": 73.5}, flags={"spo2": "sensor_off"}, states=("low_battery",))
    archivist.record(T0 + 2_000, late=1, clock="holdover", values={"abp_mean": -4.25})
    archivist.record(T0 + 500, "2", device="mon-2", values={"hr": 60.0})
    archivist.record(T0 + 700, "1", ward="west", device="mon-3", values={"hr": 90.0})
    archivist.record(T0 + 600, "", device="spare", values={"temp": 36.8})
    archivist.record(T0 + 800, "", device="gateway", gap=Gap(first=4, last=5, count=2, reason="disk_full"))
    archivist.record(T0 + 900, "2", device="mon-2")
    archivist.event("raised", 1, parameter="spo2", value=84.0, limit=90.0, unit="%")
    archivist.event("acknowledged", 2, by="=HYPERLINK(1)", message='SpO2 "low", see\r\nnext line')
    archivist.event("raised", 1, ward="west", id="0" * 16)
    archivist.state(T0, "online")
    archivist.state(T0 + 50, "error", message="@cmd: probe")
    archivist.state(T0 + 60, "offline", device="", ward="", bed="")
    archivist.ticket(1, (T0, "opened", "", "offline: no answer"), (T0 + 10, "noted", "kim", "-1+2 is the cable"))


@pytest.fixture
def filled(archivist):
    """A journal with something in every table."""
    fill(archivist)
    return archivist
