"""From a reading to a page on a phone and back: hub, paging, console and broker are real."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

import paho.mqtt.client as mqtt
import pytest

from hub.pagers.links import VALID_MS, Links, hash_of
from hub.pagers.store import PageStore
from rules.paging import Changes
from tests.conftest import free_port
from vitals import topics

pytestmark = [pytest.mark.broker, pytest.mark.system]

SETTINGS = """
hub: hub-1
broker: {port: %(broker)d}
console: {port: %(console)d, demo_person: true}
pagers: {file: pagers.yaml, base_url: "http://127.0.0.1:%(console)d"}
rules: [probe.yaml]
wards:
  - {id: icu, title: Intensive care, beds: [{id: "7", title: "Bed <7>"}]}
gateways:
  - {id: gw-a, devices: [{id: mon-a, bed: icu/7}]}
"""

RULES = """
format: 1
id: probe
title: Limits without delay
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 0ms, priority: high, message: SpO2 low}
"""

PLAN = """
format: 1
zone: UTC
recipients:
  - {id: nurse-1, name: Nurse 1}
  - {id: charge-1}
policies:
  - id: any
    priorities: [high]
    steps:
      - {after: 0s, page: [nurse-1]}
      - {after: 4s, page: [charge-1]}
  - {id: rest, priorities: [low, medium], steps: []}
"""


class Whole:
    """`wardline hub run` with all its parts, and a gateway that says what the test wants."""

    def __init__(self, folder, broker_port):
        self.folder, self.port = folder, free_port()
        (folder / "hub.yaml").write_text(SETTINGS % {"broker": broker_port, "console": self.port})
        (folder / "probe.yaml").write_text(RULES)
        (folder / "pagers.yaml").write_text(PLAN)
        self.log = folder / "hub.log"
        self.seq = 0
        with self.log.open("ab") as log:
            words = [sys.executable, "-m", "wardline", "hub", "run", "--config", str(folder / "hub.yaml")]
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        self.gateway = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="gw-a")
        self.gateway.connect("127.0.0.1", broker_port)
        self.gateway.loop_start()

    def reads(self, spo2):
        self.seq += 1
        record = {"seq": self.seq, "device": "mon-a", "time": time.time_ns() // 1_000_000, "values": {"spo2": spo2}}
        body = json.dumps({"epoch": 1, "records": [record]})
        self.gateway.publish(topics.up("gw-a", "vitals"), body, qos=1).wait_for_publish(5)

    def ask(self, method, path, body=None, **headers):
        """(status, headers, text)"""
        url = path if path.startswith("http") else f"http://127.0.0.1:{self.port}{path}"
        request = urllib.request.Request(url, data=body, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def answers(self):
        try:
            return self.ask("GET", "/healthz")[0] == 200
        except OSError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    def stop(self):
        self.gateway.disconnect()
        self.gateway.loop_stop()
        self.process.terminate()
        self.process.wait(timeout=30)


@pytest.fixture
def whole(tmp_path, broker, rig):
    whole = Whole(tmp_path, broker.port)
    rig.until(whole.answers, within=40, what="the console does not answer")
    yield whole
    whole.stop()


def paged(whole, rig, nurse):
    """The first page of an alarm that is raised now."""
    whole.reads(97)
    whole.reads(80)
    return rig.until(lambda: nurse.pages and nurse.pages[0])[1]


def test_a_page_is_answered_on_a_phone_and_nobody_else_is_called(whole, rig, new_device):
    nurse, charge = new_device("nurse-1"), new_device("charge-1")
    page = paged(whole, rig, nurse)
    raised = time.monotonic()
    for _ in range(2):  # a program that looks at links ahead, and the nurse
        status, headers, text = whole.ask("GET", page["link"])
        assert status == 200
        assert "nobody has answered yet" in text
    assert "Bed &lt;7&gt;" in text
    assert "SpO2 low" in text
    assert not re.search(r"\b80\b", text)
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert not re.findall(r'(?:src|href)="(?!/static/)', text)

    body = b"deed=acknowledge"
    foreign = whole.ask("POST", page["link"], body, Origin="http://evil.example")
    assert foreign[0] == 403
    status, _, text = whole.ask("POST", page["link"], body)
    assert (status, "acknowledged as Nurse 1" in text, "<form" in text) == (200, True, False)
    (alarm,) = json.loads(whole.ask("GET", "/api/v1/alarms")[2])
    assert (alarm["state"], alarm["acknowledged_by"]) == ("acknowledged", "Nurse 1")

    rig.until(lambda: "acknowledged by Nurse 1" in whole.ask("GET", page["link"])[2])
    status, _, text = whole.ask("POST", page["link"], body)
    assert "<form" not in text
    (view,) = json.loads(whole.ask("GET", "/api/v1/pages?recipient=nurse-1")[2])
    (call,) = view["alarms"]
    assert (call["state"], call["by"], view["page"], view["name"]) == (
        "acknowledged",
        "Nurse 1",
        page["id"],
        "Nurse 1",
    )
    assert view["received"] >= view["sent"]
    rig.until(lambda: time.monotonic() - raised > 4.5)  # half a second behind the time of the second step
    assert charge.pages == []


def test_the_next_step_comes_while_nobody_answers_the_real_hub(whole, rig, new_device):
    nurse, charge = new_device("nurse-1"), new_device("charge-1")
    page = paged(whole, rig, nurse)
    first = nurse.pages[0][0]
    second, _ = rig.until(lambda: charge.pages and charge.pages[0])
    assert abs(second - first - 4_000) <= 1_000
    path = f"/api/v1/alarms/{page['alarms'][0]['id']}/acknowledge"
    assert whole.ask("POST", path, b'{"by": "AB"}', **{"Content-Type": "application/json"})[0] == 200
    rig.until(lambda: "acknowledged by AB" in whole.ask("GET", page["link"])[2])


def test_a_link_nobody_was_given_opens_nothing_and_one_that_is_old_does_nothing(whole, rig, new_device):
    nurse = new_device("nurse-1")
    page = paged(whole, rig, nurse)
    for path in ("/p/guess", "/p/..%2f..%2fetc", f"/p/{'A' * 24}"):
        assert whole.ask("GET", path)[0] == 404
        assert whole.ask("POST", path, b"x=1")[0] == 404
    key = "old-key"
    links = Links("http://x")
    _, link = links.of(page["id"], rig.now() - VALID_MS - 1)
    store = PageStore(whole.folder / "pages.db")
    saved = store.load()
    store.save(saved.bookmark, Changes(), [], [link._replace(hash=hash_of(key))], rig.now())
    store.close()
    assert "has expired" in whole.ask("GET", f"/p/{key}")[2]
    status, _, text = whole.ask("POST", f"/p/{key}", b"deed=acknowledge")
    assert (status, "has expired" in text) == (409, True)
    (alarm,) = json.loads(whole.ask("GET", "/api/v1/alarms")[2])
    assert alarm["state"] == "active"


def test_the_key_itself_is_not_in_the_database(whole, rig, new_device):
    page = paged(whole, rig, new_device("nurse-1"))
    key = page["link"].rpartition("/")[2]
    assert len(key) >= 24
    for path in whole.folder.glob("pages.db*"):
        assert key.encode() not in path.read_bytes()
