"""Every measurement has a point for each entry of the journal, however often and in whatever order they are sent."""

import random
from contextlib import closing

import pytest

from hub.history import History
from hub.journal import Batch, EventRow, Journal, RecordRow
from hub.projections.cursors import Cursors, Request, statuses
from hub.projections.run import make_sinks
from hub.scores import ScoreBook
from hub.tickets import rows
from rules.fleet import Equipment, StateChange
from rules.scores import ScoreResult
from rules.tickets import Tickets
from tests.fixtures_influx import Victoria, find_binary, wait_for
from tests.hub.projections.conftest import START
from vitals.errors import StorageError
from vitals.identity import BedKey

MON, BED = Equipment("gw-1", "mon-a"), BedKey("icu", "7")
FIELDS = {
    "vitals": "seq",
    "vitals_1m": "records",
    "alarm": "rev",
    "alarm_burden": "alarms",
    "device_state": "code",
    "score": "complete",
    "ticket": "ticket",
}
EXPECTED = {"vitals": 500, "vitals_1m": 18, "alarm": 3, "alarm_burden": 1, "device_state": 3, "score": 3, "ticket": 2}


@pytest.fixture
def full(ward):
    """A journal with entries in every stream."""
    ward.add(500)
    for rev, change in enumerate(("raised", "acknowledged", "cleared"), 1):
        ward.add_event(change, rev)
    batch = Batch()
    for state in ("online", "offline", "online"):
        batch.writes.append(rows.change_write(StateChange(MON, state, "", START), BED))
    tickets = Tickets({MON: BED})
    for event in [*tickets.open(MON, "dark", "nurse", START), *tickets.close(1, "done", "nurse", START + 1)]:
        batch.writes += rows.event_writes(event)
    book = ScoreBook(ward.journal)
    for number, total in enumerate((2, None, 7)):
        result = ScoreResult(table="news2", total=total, partial=total or 0, complete=total is not None)
        book.follow(BED, (result,), START + number * 1_000)
    batch.writes += book.take()
    ward.journal.commit(batch)
    return ward


def shuffled(ward, path):
    """The same records and transitions in another journal, committed in another order."""
    journal = Journal(path)
    with closing(History(ward.path)) as history:
        records = [RecordRow(*record[1:]) for record in history.after(0, 10_000)]
        events = history.select("SELECT alarm, ward, bed, rule, change, time, body FROM alarm_event")
    random.Random(7).shuffle(records)
    for start in range(0, len(records), 50):
        batch = Batch()
        batch.records += records[start : start + 50]
        batch.events += [EventRow(*event) for event in events] if not start else []
        for record in batch.records:
            batch.settle(record.gateway, record.epoch, record.seq)
        journal.commit(batch)
    journal.close()


def copied(folder):
    """Whether both sinks have everything, and have done what was asked."""
    try:
        found = {status.sink: status for status in statuses(folder / "projections.db")}
    except StorageError:
        return False
    with closing(Cursors(folder / "projections.db", "influxdb")) as cursors:
        asked = cursors.requests()
    return len(found) == 2 and not asked and all(one.state == "running" and not one.lag for one in found.values())


def points(server, database):
    return {name: server.count(database, field, name) for name, field in FIELDS.items()}


def everything(server, database):
    return [server.query(f'SELECT * FROM "{name}" GROUP BY *', database) for name in ("vitals", "vitals_1m")]


def test_influxdb_has_one_point_for_each_entry_whatever_is_sent_again(
    full, settings_for, project, influx_server, new_database, tmp_path
):
    database = new_database()
    settings = settings_for(influx_server.url, database)
    first = project(settings)
    wait_for(lambda: points(influx_server, database) == EXPECTED, f"all points, not {points(influx_server, database)}")
    wait_for(lambda: copied(tmp_path), "the cursors")
    told = everything(influx_server, database)
    for sink in ("influxdb", "influxdb-1m"):
        with closing(Cursors(tmp_path / "projections.db", sink)) as cursors:
            before = cursors.cursor("records")
            cursors.ask(Request("rewind", 0), 1)
    wait_for(lambda: copied(tmp_path), "a running projection to begin again")
    assert before.position == 500
    assert first.stop()
    for sink in make_sinks(settings, tmp_path):  # the order of entries turned round, and each entry by itself
        sink.open()
        with closing(History(full.path)) as history:
            for record in reversed(history.after(0, 1_000)[::25]):
                sink.write([record])
        sink.close()
    other = tmp_path / "other"
    other.mkdir()
    shuffled(full, other / "journal.db")
    for sink in make_sinks(settings, other):
        object.__setattr__(sink._bucket, "_folder", tmp_path)
        sink.open()
        with closing(History(other / "journal.db")) as history:
            sink.write(history.after(0, 1_000))
        sink.close()
    assert points(influx_server, database) == EXPECTED
    assert everything(influx_server, database) == told


def test_a_rebuild_from_a_time_sends_what_came_since_and_adds_nothing(
    full, settings_for, project, influx_server, new_database, tmp_path
):
    database = new_database()
    project(settings_for(influx_server.url, database))
    wait_for(lambda: points(influx_server, database) == EXPECTED, "all points")
    wait_for(lambda: copied(tmp_path), "the cursors")
    with closing(Cursors(tmp_path / "projections.db", "influxdb")) as cursors:
        cursors.ask(Request("rewind", START + 400_000), 1)
    wait_for(lambda: copied(tmp_path), "the second copy")
    assert points(influx_server, database) == EXPECTED
    (taken,) = [status.copied for status in statuses(tmp_path / "projections.db") if status.sink == "influxdb"]
    assert taken == 511 + 101, "the records since then and nothing else"


@pytest.fixture
def victoria(tmp_path):
    """A victoria-metrics with nothing in it."""
    folder = tmp_path / "victoria"
    folder.mkdir()
    server = Victoria(find_binary("victoria-metrics", "victoria-metrics"), folder)
    server.start()
    yield server
    server.stop()


@pytest.mark.victoria
def test_victoria_metrics_has_one_sample_for_each_entry_whatever_is_sent_again(
    full, settings_for, project, victoria, tmp_path
):
    project(settings_for(victoria.url))
    wait_for(lambda: copied(tmp_path), "the copy")

    def samples(field):
        return sum(len(series["values"]) for series in victoria.export(field))

    expected = {"vitals_spo2": 500, "vitals_1m_records": 18, "alarm_rev": 3, "score_complete": 3}
    assert {field: samples(field) for field in expected} == expected
    with closing(Cursors(tmp_path / "projections.db", "influxdb")) as cursors:
        cursors.ask(Request("rewind", 0), 1)
    wait_for(lambda: copied(tmp_path), "the second copy")
    assert {field: samples(field) for field in expected} == expected
