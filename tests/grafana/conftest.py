"""A ward's hour in a real InfluxDB, put there the way the hub does it: journal, projection, influxd."""

import threading
import time

import msgspec
import pytest

from hub.history import RecordBody
from hub.journal import Batch, EventRow, Journal, RecordRow
from hub.projections.copier import Copier, Pace
from hub.projections.influxdb.sink import InfluxSink
from hub.settings import InfluxSettings
from tests.fixtures_influx import TOKEN, influx_server, wait_for  # noqa: F401
from vitals.alarms import Alarm, AlarmEvent
from vitals.parameters import PARAMETERS

MINUTES = 20
STEP_S = 5


def pytest_collection_modifyitems(items):
    for item in items:
        if "ward_in_influx" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.influx)


@pytest.fixture(scope="session")
def ward_in_influx(influx_server, tmp_path_factory):  # noqa: F811
    """(server, database): two beds with every parameter, one with lost probes, and three alarm transitions."""
    folder = tmp_path_factory.mktemp("ward")
    database = influx_server.create("dashboards")
    journal = Journal(folder / "journal.db")
    rows = _records(int(time.time() * 1000))
    batch = Batch()
    batch.records += rows
    batch.events += _events(rows[0].time)
    journal.commit(batch)
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    settings = InfluxSettings(url=influx_server.url, token="file:token", bucket=database)
    halt = threading.Event()
    copier = Copier(InfluxSink(settings, folder), folder / "journal.db", folder / "projections.db", Pace(idle_s=0.02))
    thread = threading.Thread(target=copier.run, args=(halt,))
    thread.start()
    try:
        wait_for(lambda: influx_server.count(database) == len(rows), "the records")
        wait_for(lambda: influx_server.count(database, "rev", "alarm") == 3, "the alarms")
    finally:
        halt.set()
        thread.join(10)
        journal.close()
    return influx_server, database


def _records(now):
    rows = []
    for step in range(MINUTES * 60 // STEP_S):
        when = now - MINUTES * 60_000 + (step + 1) * STEP_S * 1000
        for bed, device in (("1", "mon-a"), ("2", "mon-b")):
            values = {name: _value(parameter, step) for name, parameter in PARAMETERS.items()}
            flags = {}
            if bed == "2" or step % 3 == 0:  # a probe that comes off now and then
                flags = {name: "sensor_off" for name in PARAMETERS if PARAMETERS[name].stale_s <= 60}
                values = {name: value for name, value in values.items() if name not in flags}
            body = msgspec.json.encode(RecordBody(values=values, flags=flags))
            rows.append(RecordRow("gw-1", 1, len(rows) + 1, device, "icu", bed, when, when, 0, body))
    return rows


def _value(parameter, step):
    middle = (max(parameter.low, 0.0) + parameter.high) / 3
    return round(middle + step % 7, parameter.decimals)


def _events(start):
    changes = [
        ("1", "raised", 1, "heart-rate-high"),
        ("2", "raised", 1, "spo2-low"),
        ("1", "cleared", 2, "heart-rate-high"),
    ]
    for bed, change, rev, rule in changes:
        when = start + rev * 60_000
        alarm = Alarm(
            id=f"{rev}{bed}".rjust(16, "0"), rule=rule, ward="icu", bed=bed, kind="physiological", priority="medium",
            state="active", rev=rev, message="Heart rate high", onset=start, raised=start + 10_000, changed=when,
            parameter="hr", value=134.0, limit=130.0, unit="/min",
        )  # fmt: skip
        event = AlarmEvent(change=change, time=when, alarm=alarm, by="nurse-1" if change == "cleared" else "")
        yield EventRow(alarm.id, "icu", bed, rule, change, when, msgspec.json.encode(event))
