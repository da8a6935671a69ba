"""Tickets of a real hub: opened by what it hears, worked on by people, still there after kill -9."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from itertools import pairwise

import paho.mqtt.client as mqtt
import pytest

from tests.conftest import free_port
from vitals import topics
from vitals.codec import encode
from vitals.readings import Batch, Record
from vitals.sessions import DeviceStatus, GatewayStatus

pytestmark = [pytest.mark.broker, pytest.mark.system]

SETTINGS = """
hub: hub-1
broker: {{port: {broker}}}
console: {{port: {console}, demo_person: true}}
wards: [{{id: icu, beds: [{{id: "1"}}, {{id: "2"}}]}}]
gateways:
  - {{id: gw-1, devices: [{{id: mon-a, bed: icu/1}}, {{id: mon-b, bed: icu/2}}, {{id: spare}}]}}
"""


def until(condition, within_s=40.0, what="it did not happen"):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


class Place:
    """A hub and a console as processes, and a gateway that says what a test wants."""

    def __init__(self, folder, broker_port):
        self.folder, self.port = folder, free_port()
        self.config = folder / "hub.yaml"
        self.config.write_text(SETTINGS.format(broker=broker_port, console=self.port))
        self.processes = {}
        self.seq = 0
        self.gateway = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gw-1")
        self.gateway.connect("127.0.0.1", broker_port)
        self.gateway.loop_start()

    def start(self, part):
        words = ["hub", "run", "--part", part, "--config", str(self.config)]
        with (self.folder / f"{part}.log").open("ab") as log:
            self.processes[part] = subprocess.Popen([sys.executable, "-m", "wardline", *words], stdout=log, stderr=log)

    def kill(self, part):
        self.processes[part].send_signal(signal.SIGKILL)
        self.processes.pop(part).wait(timeout=30)

    def close(self):
        self.gateway.disconnect()
        self.gateway.loop_stop()
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=30)

    def say(self, **links):
        """The gateway's status, with the link of each device."""
        devices = [
            DeviceStatus(id=name.replace("_", "-"), driver="nonin", link=link, since=1) for name, link in links.items()
        ]
        self._publish("status", GatewayStatus(gateway="gw-1", online=True, devices=devices))

    def measure(self, device="mon-a", states=()):
        self.seq += 1
        record = Record(seq=self.seq, device=device, time=time.time_ns() // 1_000_000, values={"hr": 72}, states=states)
        self._publish("vitals", Batch(epoch=1, records=[record]))

    def _publish(self, channel, payload):
        self.gateway.publish(topics.up("gw-1", channel), encode(payload), qos=1).wait_for_publish(5)

    def request(self, method, path, body=None, **headers):
        """(status, text) of a request to the console."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def get(self, path):
        """The JSON of an answer; None while there is none."""
        status, text = self.request("GET", path)
        return json.loads(text) if status == 200 else None

    def post(self, path, **body):
        status, text = self.request("POST", path, {"by": "tech-1", **body})
        return status, json.loads(text)

    def state(self, device):
        found = self.get("/api/v1/devices") or []
        return next((one["state"] for one in found if one["device"] == device), None)

    def command(self, *words):
        """`wardline tickets …`: (exit code, standard output, standard error)."""
        line = [sys.executable, "-m", "wardline", "tickets", *words, "--config", str(self.config)]
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "TZ": "UTC"}
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def place(broker, tmp_path):
    place = Place(tmp_path, broker.port)
    place.start("ingest")
    place.start("console")

    def known():
        place.say(mon_a="up", mon_b="up")
        return place.state("mon-a") == "online"

    until(known, what="the hub never knew the device")
    yield place
    place.close()


def test_a_ticket_is_opened_worked_on_and_closed_over_http(place):
    assert place.get("/api/v1/tickets") == []
    assert place.post("/api/v1/tickets", device="gw-1/mon-x")[0] == 409
    status, answer = place.post("/api/v1/tickets", device="gw-1/mon-a", note="the clip\u202e is broken")
    assert (status, answer["ticket"]) == (200, 1)
    assert place.post("/api/v1/tickets", device="gw-1/mon-a")[1]["error"] == (
        "gw-1/mon-a has the open ticket 1 already; add a note to it"
    )
    assert place.post("/api/v1/tickets/1/assign", technician="tech-1")[0] == 200
    assert place.post("/api/v1/tickets/1/note", note="=1+1")[0] == 200
    (ticket,) = place.get("/api/v1/tickets?gateway=gw-1&technician=tech-1")
    assert (ticket["fault"], ticket["message"], ticket["ward"], ticket["bed"], ticket["standing"]) == (
        "reported",
        "the clip is broken",
        "icu",
        "1",
        False,
    )
    assert next(one["ticket"] for one in place.get("/api/v1/devices") if one["device"] == "mon-a") == 1
    assert place.post("/api/v1/tickets/1/close", note="new clip")[0] == 200
    assert place.get("/api/v1/tickets") == []
    whole = place.get("/api/v1/tickets/1")
    assert [(line["kind"], line["by"], line["text"]) for line in whole["history"]] == [
        ("opened", "tech-1", "the clip is broken"),
        ("assigned", "tech-1", "tech-1"),
        ("noted", "tech-1", "=1+1"),
        ("noted", "tech-1", "new clip"),
        ("closed", "tech-1", ""),
    ]
    assert whole["ticket"]["closed_by"] == "tech-1"
    assert place.request("GET", "/api/v1/tickets/7")[0] == 404
    assert place.post("/api/v1/tickets/1/note", note="too late")[0] == 409
    assert place.post("/api/v1/tickets/1/note", note="")[0] == 422
    assert place.request("GET", "/api/v1/tickets?from=2026-01-02&to=2026-01-01")[0] == 422


def test_the_list_is_csv_for_a_spreadsheet_that_runs_no_formula(place):
    place.post("/api/v1/tickets", device="gw-1/spare", note='=HYPERLINK("http://x"),"a')
    for path, headers in (("/api/v1/tickets.csv", {}), ("/api/v1/tickets", {"Accept": "text/csv"})):
        status, text = place.request("GET", path, **headers)
        head, row = csv.reader(io.StringIO(text))
        found = dict(zip(head, row, strict=True))
        assert status == 200
        assert (found["number"], found["device"], found["state"], found["bed"]) == ("1", "spare", "open", "")
        assert found["message"].startswith("'=HYPERLINK")
        assert found["closed"] == ""


def test_a_device_that_reports_its_own_fault_is_in_error_and_its_history_says_since_when(place):
    place.measure(states=("device_fault",))
    until(lambda: place.state("mon-a") == "error")
    place.measure()
    until(lambda: place.state("mon-a") == "online")
    history = place.get("/api/v1/devices/gw-1/mon-a/history")
    states = [stretch["state"] for stretch in history]
    assert states[-3:] == ["online", "error", "online"]
    assert history[-1]["end"] is None
    assert all(one["end"] == following["start"] for one, following in pairwise(history))
    assert place.request("GET", "/api/v1/devices/gw-1/mon-x/history")[0] == 404
    assert [one["state"] for one in place.get("/api/v1/gateways/gw-1/history")] == ["online"]


def test_a_hub_killed_in_the_middle_of_a_ticket_goes_on_with_it_and_does_not_count_the_time_it_was_away(place):
    place.say(mon_a="down", mon_b="up")
    until(lambda: place.state("mon-a") == "offline")
    assert place.post("/api/v1/tickets", device="gw-1/mon-a", technician="tech-1")[0] == 200
    place.kill("ingest")
    place.start("ingest")

    def seen():
        place.say(mon_a="down", mon_b="up")
        return len(place.get("/api/v1/devices/gw-1/mon-b/history")) == 3 and place.state("mon-a") == "offline"

    until(seen)
    (ticket,) = place.get("/api/v1/tickets?state=all")
    assert (ticket["ticket"], ticket["technician"], ticket["flaps"], ticket["fault"]) == (1, "tech-1", 0, "offline")
    until(lambda: place.get("/api/v1/tickets")[0]["standing"] is True)
    history = place.get("/api/v1/devices/gw-1/mon-b/history")
    assert [stretch["state"] for stretch in history] == ["online", "unknown", "online"]
    uptime = next(one["uptime"]["24h"] for one in place.get("/api/v1/devices") if one["device"] == "mon-b")
    assert uptime["percent"] == 100.0
    assert uptime["known_ms"] + uptime["unknown_ms"] == 86_400_000


def test_the_command_lists_shows_and_changes_tickets(place):
    assert place.command("list") == (0, "no open tickets\n", "")
    code, out, _ = place.command("open", "gw-1/mon-a", "--by", "nurse-1", "--note", "screen is dark")
    assert (code, out) == (0, "ticket 1: done\n")
    assert place.command("assign", "1", "--to", "tech-1", "--by", "tech-1")[0] == 0
    assert place.command("note", "1", "fuse ordered", "--by", "tech-1")[0] == 0
    code, out, _ = place.command("list", "--technician", "tech-1")
    assert code == 0
    assert [word for word in ("1", "gw-1/mon-a", "icu/1", "screen is dark", "tech-1") if word not in out] == []
    code, out, _ = place.command("show", "1")
    assert "nurse-1" in out
    assert "fuse ordered" in out
    code, out, _ = place.command("show", "1", "--json")
    assert [line["kind"] for line in json.loads(out)["history"]] == ["opened", "assigned", "noted"]
    code, _, err = place.command("close", "7", "--by", "tech-1")
    assert (code, err) == (1, "wardline: there is no open ticket 7; a closed one is history, open a new one\n")
    assert place.command("close", "1", "--by", "tech-1", "--reason", "new fuse")[0] == 0
    code, out, _ = place.command("export", "--state", "all")
    (row,) = csv.DictReader(io.StringIO(out))
    assert (row["number"], row["reason"], row["closed_by"]) == ("1", "new fuse", "tech-1")
    code, _, err = place.command("show", "9")
    assert (code, err) == (1, "wardline: there is no ticket 9; `wardline tickets list --state all` shows them\n")
