"""A disk that takes nothing: alarms go on, receipts wait, and nothing is lost when it takes again."""

import contextlib
import os
import resource
import sqlite3
import subprocess
from contextlib import closing

import pytest

from hub.journal_check import verify
from tests.fixtures_hub import Client, Hub

pytestmark = [pytest.mark.system, pytest.mark.timeout(90)]

FAULT = "hub/hub-test/alarm/hub/hub-test/journal-refuses"


@pytest.fixture
def client(broker):
    client = Client(broker.port, *(f"wardline/v1/{tree}/#" for tree in ("ward", "down", "hub")))
    yield client
    client.close()


@pytest.fixture
def start(broker, tmp_path, settings_text, probe_rules, client):
    """Start a hub whose journal is `path`, relative to its settings."""
    hubs = []

    def start(path="journal.db"):
        hub = Hub(tmp_path, f"{settings_text(broker.port, probe_rules)}journal: {{path: {path}}}\n")
        hubs.append(hub)
        hub.start()
        client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
        return hub

    yield start
    for hub in hubs:
        hub.stop()


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB of its own, to be filled."""
    if os.geteuid() != 0:
        reason = "a small disk can be mounted by root only"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def filled(folder):
    """A file that takes all the room there is."""
    filler = folder / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    assert os.statvfs(folder).f_bavail == 0
    return filler


def receipt_for(seq: int):
    return lambda topic, payload: (
        topic == "down/gw-a/receipt" and any(low <= seq <= high for low, high in payload["committed"])
    )


def alarms_and_no_receipts(client, payload, record):
    """While the disk refuses: an alarm is announced, the fault stands, records have no receipt."""
    client.forget()
    for seq in range(2, 40):
        client.publish("up/gw-a/vitals", payload(record(seq, values={"spo2": 85.0})))
    client.wait_for(lambda topic, alarm: topic == "ward/icu/1/alarm/spo2-low" and alarm["state"] == "active")
    _, fault = client.wait_for(lambda topic, alarm: topic == FAULT and alarm is not None)
    assert (fault["priority"], fault["subject"]) == ("high", "hub/hub-test")
    client.publish("up/gw-a/vitals", payload(record(40, device="mon-b", values={"hr": 150.0})))
    client.wait_for(lambda topic, alarm: topic == "ward/icu/2/alarm/hr-high" and alarm["state"] == "active")
    receipts = [body["committed"] for topic, body in client.kept if topic == "down/gw-a/receipt"]
    assert all(high <= 1 for ranges in receipts for _, high in ranges)


def all_back(client, path):
    """When it takes again: receipts, the fault is over, each record once and each event once."""
    client.wait_for(receipt_for(40), 30)
    client.wait_for(lambda topic, alarm: topic == FAULT and alarm is None)
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*), count(DISTINCT seq), max(seq) FROM record").fetchall() == [(40, 40, 40)]
        raised = "SELECT rule, count(*) FROM alarm_event WHERE change = 'raised' AND ward <> '' GROUP BY rule"
        assert db.execute(raised).fetchall() == [("hr-high", 1), ("spo2-low", 1)]
    report = verify(path)
    assert report.sound, report


def test_a_disk_whose_writes_fail_costs_no_alarm_and_no_reading(start, client, payload, record, tmp_path):
    hub = start()
    client.publish("up/gw-a/vitals", payload(record(1)))
    client.wait_for(receipt_for(1))
    most = resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (1, most))  # each write is an I/O error
    alarms_and_no_receipts(client, payload, record)
    resource.prlimit(hub.process.pid, resource.RLIMIT_FSIZE, (most, most))
    all_back(client, tmp_path / "journal.db")


def test_a_full_disk_costs_no_alarm_and_no_reading(small_disk, start, client, payload, record):
    start("disk/journal.db")
    client.publish("up/gw-a/vitals", payload(record(1)))
    client.wait_for(receipt_for(1))
    filler = filled(small_disk)
    alarms_and_no_receipts(client, payload, record)
    filler.unlink()
    all_back(client, small_disk / "journal.db")


def test_a_hub_killed_on_a_full_disk_has_promised_nothing_it_does_not_have(small_disk, start, client, payload, record):
    hub = start("disk/journal.db")
    client.publish("up/gw-a/vitals", payload(record(1)))
    client.wait_for(receipt_for(1))
    filler = filled(small_disk)
    alarms_and_no_receipts(client, payload, record)
    hub.kill()
    filler.unlink()
    client.forget()
    hub.start()
    client.wait_for(lambda topic, payload: topic == "hub/hub-test/status" and payload["online"])
    client.publish("up/gw-a/backfill", payload(*(record(seq, values={"spo2": 85.0}) for seq in range(1, 40))))
    client.publish("up/gw-a/backfill", payload(record(40, device="mon-b", values={"hr": 150.0})))
    client.wait_for(receipt_for(40))
    with closing(sqlite3.connect(f"file:{small_disk / 'journal.db'}?mode=ro", uri=True)) as db:
        assert db.execute("SELECT count(*), count(DISTINCT seq) FROM record").fetchall() == [(40, 40)]
    assert verify(small_disk / "journal.db").sound
