"""A console process on a real broker with a hub that says what the test wants, and a journal to read."""

import pytest

from hub.journal import Batch, EventRow, Journal, QuarantineRow, RecordRow
from tests.conftest import Broker, _mosquitto, free_port
from tests.hub.console import rig as _rig
from vitals.alarms import AlarmEvent
from vitals.codec import encode


@pytest.fixture(scope="session")
def rig():
    """The builders: bed(), value(), device(), alarm(), until()."""
    return _rig


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(console, hub) that the tests of a module share: two beds, and a bed the hub never speaks of."""
    broker = Broker(_mosquitto(), tmp_path_factory.mktemp("broker"))
    broker.start()
    beds = {"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"}
    console = _rig.ConsoleProcess(tmp_path_factory.mktemp("console"), free_port(), broker.port, beds=beds)
    hub = _rig.FakeHub(broker.port, beds=[_rig.bed("1"), _rig.bed("2")])
    console.start()
    _rig.until(lambda: console.get("/healthz")[0] == 200, what="the console never got well")
    yield console, hub
    console.stop()
    hub.close()
    broker.kill()


@pytest.fixture
def console(shared):
    return shared[0]


@pytest.fixture
def hub(shared):
    """The fake hub; each test begins with its two beds as they were and no alarm."""
    hub = shared[1]
    hub.refuse, hub.mute = None, False
    for alarm in list(hub.alarms.values()):
        hub.end_alarm(alarm)
    hub.put(_rig.bed("1"), _rig.bed("2"))
    _rig.until(lambda: not shared[0].json("/api/v1/alarms"), what="old alarms stay")
    return hub


@pytest.fixture
def new_console(tmp_path, broker):
    """A console of its own for tests that hurt it."""
    beds = {"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"}
    console = _rig.ConsoleProcess(tmp_path, free_port(), broker.port, beds=beds)
    yield console
    console.kill()


@pytest.fixture(scope="module")
def ward(tmp_path_factory):
    """A console with the real hub behind it, which the tests of a module share."""
    broker = Broker(_mosquitto(), tmp_path_factory.mktemp("broker"))
    broker.start()
    beds = {"1": "Bed 1", "2": "Bed 2", "3": "Bed 3"}
    console = _rig.ConsoleProcess(tmp_path_factory.mktemp("ward"), free_port(), broker.port, beds=beds)
    with _rig.real_hub(console):
        console.start()
        _rig.until(lambda: console.get("/healthz")[0] == 200, within=40, what="the hub is not heard")
        yield console
    console.stop()
    broker.kill()


class Archivist:
    """Writes a journal as the hub does."""

    def __init__(self, folder):
        self.journal = Journal(folder / "journal.db")
        self.seq = 0

    def records(self, *records):
        """Each (time, body JSON) at bed icu/1."""
        batch = Batch()
        for time, body in records:
            self.seq += 1
            late = 1 if b'"late"' in body else 0
            body = body.replace(b'"late":1,', b"")
            batch.records.append(RecordRow("gw-1", 1, self.seq, "mon-1", "icu", "1", time, time + 5, late, body))
        self.journal.commit(batch)

    def events(self, *events):
        batch = Batch()
        for event in events:
            alarm = event.alarm
            row = EventRow(alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, encode(event))
            batch.events.append(row)
        self.journal.commit(batch)

    def refused(self, reason):
        batch = Batch()
        batch.quarantine.append(QuarantineRow(1_000, "wardline/v1/up/x/vitals", "x", reason, 3, 120, "00" * 32, b"{"))
        self.journal.commit(batch)

    def event(self, alarm, change, time, by=""):
        return AlarmEvent(change=change, time=time, alarm=alarm, by=by)


@pytest.fixture(scope="module")
def journal(shared):
    """The journal that the shared console reads."""
    archivist = Archivist(shared[0].folder)
    yield archivist
    archivist.journal.close()
