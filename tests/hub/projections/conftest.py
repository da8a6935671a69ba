"""A journal with realistic rows, a hub's settings, and a projection that runs in the test's own loop."""

import asyncio
import contextlib
import itertools
import threading

import msgspec
import pytest

from hub.history import RecordBody
from hub.journal import Batch, EventRow, Journal, RecordRow
from hub.projections.copier import Pace
from hub.projections.run import run_projections
from hub.settings import BedSettings, HubSettings, InfluxSettings, ProjectionSettings, WardSettings
from tests.fixtures_influx import TOKEN, influx_server, stoppable_influx, victoria_server  # noqa: F401
from vitals.alarms import Alarm, AlarmEvent
from vitals.durations import Duration

START = 1_763_682_504_000
DATABASES = itertools.count(1)  # the server lives as long as the session
QUICK = Pace(idle_s=0.02, unhurried_s=0.05, retry_s=(0.02, 0.2), settings_s=(0.05, 0.2))


def pytest_collection_modifyitems(items):
    for item in items:
        names = getattr(item, "fixturenames", ())
        if {"influx_server", "stoppable_influx"} & set(names):
            item.add_marker(pytest.mark.influx)
        if "victoria_server" in names:
            item.add_marker(pytest.mark.victoria)


class Ward:
    """A journal that grows on demand: gap-free seqs for one gateway with two devices, one of them at no bed."""

    def __init__(self, path) -> None:
        self.path = path
        self.journal = Journal(path)
        self._seq = itertools.count(1)
        self.records = 0
        self.epoch = 1

    def add(self, count, *, time=None, **body) -> None:
        """Commit `count` records, one per second, or all in the millisecond `time`."""
        batch = Batch()
        for _ in range(count):
            seq = next(self._seq)
            values = {"hr": 60.0 + seq % 40, "spo2": 97.5} if not body else body.get("values", {})
            flags = {"rr": "lead_off"} if not body else body.get("flags", {})
            device, bed = ("mon-a", "7") if seq % 4 else ("mon-b", "")
            encoded = msgspec.json.encode(RecordBody(values=values, flags=flags))
            when = START + seq * 1000 if time is None else time
            row = RecordRow("gw-1", self.epoch, seq, device, "icu" if bed else "", bed, when, when, 0, encoded)
            batch.records.append(row)
            batch.settle("gw-1", self.epoch, seq)
        self.journal.commit(batch)
        self.records += count

    def add_event(self, change, rev, **alarm) -> None:
        """Commit one transition of one alarm."""
        given = {"id": "0123456789abcdef", "rule": "hr-high", "ward": "icu", "bed": "7", "kind": "physiological"}
        given |= {"priority": "medium", "state": "active", "message": 'HR is "high", 130 /min', "onset": START}
        given |= {"raised": START + 10_000, "changed": START + 10_000 + rev, "rev": rev} | alarm
        event = AlarmEvent(change=change, time=given["changed"], alarm=Alarm(**given))
        batch = Batch()
        body = msgspec.json.encode(event)
        batch.events.append(EventRow(given["id"], "icu", "7", given["rule"], change, event.time, body))
        self.journal.commit(batch)


@pytest.fixture
def ward(tmp_path):
    """A journal in the test's folder, where `settings_for` looks for it."""
    made = Ward(tmp_path / "journal.db")
    yield made
    made.journal.close()


@pytest.fixture
def settings_for(tmp_path):
    """Hub settings that project to an InfluxDB: settings_for(url, bucket); the token is in the file `token`."""

    def make(url, bucket="vitals", **influx):
        token = tmp_path / "token"
        if not token.exists():
            write_token(tmp_path, TOKEN)
        given = {"batch": 500, "timeout": Duration(2000)} | influx
        return HubSettings(
            hub="hub-1",
            wards=[WardSettings(id="icu", beds=[BedSettings(id="7")])],
            projections=ProjectionSettings(
                influxdb=InfluxSettings(url=url, token="file:token", bucket=bucket, **given)
            ),
        )

    return make


def write_token(folder, token):
    path = folder / "token"
    path.write_text(token)
    path.chmod(0o600)


class Projection:
    """run_projections in a loop of its own thread, so that tests stay plain functions."""

    def __init__(self, settings, folder) -> None:
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._run = run_projections(settings, folder, self._stop, pace=QUICK)
        self._thread = threading.Thread(target=self._main)
        self.error = None
        self._thread.start()

    def _main(self) -> None:
        try:
            self._loop.run_until_complete(self._run)
        except Exception as error:
            self.error = error
        finally:
            self._loop.close()

    def stop(self, timeout_s=5.0) -> bool:
        """Ask it to end; whether it did in time."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()


@pytest.fixture
def project(tmp_path):
    """Start projections: project(settings); whatever still runs is stopped at the end."""
    made = []

    def start(settings):
        made.append(Projection(settings, tmp_path))
        return made[-1]

    yield start
    for projection in made:
        assert projection.stop(), "a projection did not stop"
        assert projection.error is None


@pytest.fixture
def new_database(influx_server):  # noqa: F811
    """Databases nobody else uses: new_database()."""

    def make():
        return influx_server.create(f"test-{next(DATABASES)}")

    return make
