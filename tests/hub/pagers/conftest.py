"""The paging as a process on a real broker, a journal that says what the test wants, and devices that answer or not."""

import json
import queue
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import paho.mqtt.client as mqtt
import pytest

from hub.journal import Batch, EventRow, Journal
from vitals import topics
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.codec import encode

SETTINGS = """
hub: hub-1
broker: {port: %d}
pagers: {file: pagers.yaml, base_url: "http://192.0.2.1:8080"}
wards:
  - {id: icu, title: Intensive care, beds: [{id: "7", title: Bed 7}, {id: "8"}]}
"""

PLAN = """
format: 1
zone: UTC
recipients:
  - {id: nurse-1, fallback: charge-1}
  - {id: charge-1}
policies:
  - id: any
    steps:
      - {after: 0s, page: [nurse-1]}
      - {after: 2s, page: [charge-1]}
"""


def now_ms():
    return time.time_ns() // 1_000_000


def wait(condition, within=30.0, what="it did not happen"):
    """Poll `condition` until it is true; its value."""
    deadline = time.monotonic() + within
    while not (value := condition()):
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
    return value


class Device:
    """A pager: keeps its pages and, if it is obedient, answers each with a receipt."""

    def __init__(self, port, name, obedient=True):
        self.name, self.obedient = name, obedient
        self.pages = []  # (when heard, page)
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        self.client.on_message = self._page
        ready = threading.Event()
        self.client.on_subscribe = lambda *_: ready.set()
        self.client.on_connect = lambda client, *_: client.subscribe(topics.page(name), qos=1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert ready.wait(5)

    def _page(self, _client, _data, message):
        page = json.loads(message.payload)
        self.pages.append((now_ms(), page))
        if self.obedient:
            self.receipt(page["id"])

    def receipt(self, page):
        body = json.dumps({"page": page, "device": "pager"})
        self.client.publish(topics.page_received(self.name), body, qos=1)

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Scribe:
    """Writes alarm events into a journal as the hub does."""

    def __init__(self, folder):
        self.journal = Journal(folder / "journal.db")

    def tell(self, alarm, change="raised", by=""):
        return self.tell_all([alarm], change, by)

    def tell_all(self, alarms, change="raised", by=""):
        batch = Batch()
        now = now_ms()
        for alarm in alarms:
            event = AlarmEvent(change=change, time=now, alarm=alarm, by=by)
            batch.events.append(
                EventRow(alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, encode(event))
            )
        self.journal.commit(batch)
        return now


def make_alarm(bed="7", rule="spo2-low", **fields):
    onset = fields.pop("onset", now_ms())
    fields = {"kind": "physiological", "priority": "high", "state": "active", "rev": 1, "value": 84.0} | fields
    times = {"onset": onset, "raised": onset, "changed": onset}
    return Alarm(
        id=alarm_id(rule, "icu", bed, onset), rule=rule, ward="icu", bed=bed, message="SpO2 low", **times, **fields
    )


class Paging:
    """`wardline hub run --part pagers` in a folder of its own."""

    def __init__(self, folder, port, plan=PLAN):
        self.folder = folder
        (folder / "hub.yaml").write_text(SETTINGS % port)
        (folder / "pagers.yaml").write_text(plan)
        self.log = folder / "pagers.log"
        self.process = None

    def start(self):
        words = ["hub", "run", "--part", "pagers", "--config", str(self.folder / "hub.yaml")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", "wardline", *words], stdout=log, stderr=log)

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=30)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            return self.process.wait(timeout=30)
        return None


class Receiver:
    """A webhook receiver that answers with `status`, or not at all while it is frozen."""

    def __init__(self, status=204):
        self.status = status
        self.posts = queue.Queue()
        self.thaw = threading.Event()
        self.thaw.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.posts.put((dict(self.headers), body))
                outer.thaw.wait(20)
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/page?to=1"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self.thaw.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def rig():
    """The builders and the waiting."""

    class Rig:
        alarm = staticmethod(make_alarm)
        until = staticmethod(wait)
        now = staticmethod(now_ms)

    return Rig


@pytest.fixture
def scribe(tmp_path):
    scribe = Scribe(tmp_path)
    yield scribe
    scribe.journal.close()


@pytest.fixture
def new_device(broker):
    made = []

    def make(name, **options):
        made.append(Device(broker.port, name, **options))
        return made[-1]

    yield make
    for device in made:
        device.close()


@pytest.fixture
def new_paging(tmp_path, broker):
    """The paging with a plan, started unless asked otherwise; waits until it is on the broker."""
    made = []

    def make(plan=PLAN):
        paging = Paging(tmp_path, broker.port, plan)
        made.append(paging)
        paging.start()
        wait(lambda: "connected" in paging.log.read_text(), what="the paging does not reach the broker")
        return paging

    yield make
    for paging in made:
        paging.kill()


@pytest.fixture
def new_receiver():
    made = []

    def make(**options):
        made.append(Receiver(**options))
        return made[-1]

    yield make
    for receiver in made:
        receiver.close()
