"""From the plug to the ticket: a simulated monitor on a pty, an edge agent, a broker and a hub, all real processes."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from rules.fleet import STALE_MS

pytestmark = [pytest.mark.broker, pytest.mark.system, pytest.mark.timeout(120)]

EDGE = """
gateway: gw-1
broker: {{port: {port}}}
spool: {{path: spool.db}}
devices:
  - {{id: mon-a, driver: nonin, serial: {{path: {folder}/mon-a}}}}
  - {{id: mon-b, driver: nonin, serial: {{path: {folder}/mon-b}}}}
"""
HUB = """
hub: hub-1
broker: {{port: {port}}}
wards: [{{id: icu, beds: [{{id: "1"}}, {{id: "2"}}]}}]
gateways: [{{id: gw-1, devices: [{{id: mon-a, bed: icu/1}}, {{id: mon-b, bed: icu/2}}]}}]
"""


def until(condition, within_s, what):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


class Ward:
    def __init__(self, folder, port):
        self.folder = folder
        self.processes = {}
        (folder / "edge.yaml").write_text(EDGE.format(port=port, folder=folder))
        (folder / "hub.yaml").write_text(HUB.format(port=port))

    def start(self, name):
        words = {
            "hub": ["hub", "run", "--part", "ingest", "--config", str(self.folder / "hub.yaml")],
            "edge": ["edge", "run", "--config", str(self.folder / "edge.yaml")],
        }.get(name, ["sim", "nonin-df2", "--pty", "--link", str(self.folder / name)])
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "wardline", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def unplug(self, name):
        self.processes[name].kill()
        self.processes.pop(name).wait(timeout=30)

    def rows(self, query):
        try:
            with closing(sqlite3.connect(f"file:{self.folder / 'journal.db'}?mode=ro", uri=True)) as db:
                return db.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def states(self):
        newest = (
            "SELECT device, state FROM device_history WHERE id IN (SELECT max(id) FROM device_history GROUP BY device)"
        )
        return dict(self.rows(newest))

    def log(self):
        return "\n".join(f"{path.name}: {path.read_text()[-800:]}" for path in sorted(self.folder.glob("*.log")))


@pytest.fixture
def ward(broker, tmp_path):
    ward = Ward(tmp_path, broker.port)
    for name in ("mon-a", "mon-b", "hub", "edge"):
        ward.start(name)
    yield ward
    for process in ward.processes.values():
        process.terminate()
    for process in ward.processes.values():
        process.wait(timeout=30)


def test_a_monitor_that_is_unplugged_has_a_ticket_within_16_s_and_its_neighbour_has_none(ward):
    until(lambda: ward.states() == {"": "online", "mon-a": "online", "mon-b": "online"}, 60, f"not up: {ward.log()}")
    ward.unplug("mon-a")
    unplugged = time.time()
    tickets = "SELECT number, gateway, device, ward, bed, fault, opened FROM ticket"
    (ticket,) = until(lambda: ward.rows(tickets), 60, f"no ticket: {ward.log()}")
    assert ticket[:6] == (1, "gw-1", "mon-a", "icu", "1", "offline")
    assert ticket[6] / 1_000 - unplugged <= STALE_MS / 1_000 + 1
    ward.start("mon-a")
    until(lambda: ward.states()["mon-a"] == "online", 60, f"it did not come back: {ward.log()}")
    told = "SELECT kind FROM ticket_event ORDER BY id"
    until(lambda: ward.rows(told) == [("opened",), ("recovered",)], 60, f"no recovery: {ward.rows(told)}")
    assert ward.rows("SELECT count(*), sum(standing) FROM ticket") == [(1, 0)]


def test_a_gateway_that_loses_its_power_is_one_ticket_within_16_s(ward):
    until(lambda: ward.states() == {"": "online", "mon-a": "online", "mon-b": "online"}, 60, f"not up: {ward.log()}")
    ward.unplug("edge")
    unplugged = time.time()
    (ticket,) = until(lambda: ward.rows("SELECT gateway, device, opened FROM ticket"), 60, f"no ticket: {ward.log()}")
    assert ticket[:2] == ("gw-1", "")
    assert ticket[2] / 1_000 - unplugged <= STALE_MS / 1_000 + 1
    assert ward.states() == {"": "offline", "mon-a": "unknown", "mon-b": "unknown"}
