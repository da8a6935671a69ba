"""A hub that says what a test tells it to, and a console process to say it to. Loaded by the conftests beside."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import paho.mqtt.client as mqtt

from vitals import topics
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.codec import encode
from vitals.commands import Command, Result
from vitals.live import LiveBed, LiveDevice, LiveValue, WardSnapshot
from vitals.sessions import Heartbeat, HubStatus

ROOT = Path(__file__).parents[3]


def now_ms():
    return time.time_ns() // 1_000_000


def until(condition, *, within=20.0, what="it did not happen"):
    """Poll `condition` until it is true; its value."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def value(number=None, reason="", age_ms=300, fresh=True):
    return LiveValue(value=number, reason=reason, time=now_ms() - age_ms, age_ms=age_ms, fresh=fresh)


def device(name="mon-a", gateway="gw-1", link="up", online=True, age_ms=300, states=(), detail=""):
    return LiveDevice(
        device=name, gateway=gateway, gateway_online=online, link=link, detail=detail, states=states, age_ms=age_ms
    )


def bed(name, *, title="", silent=False, values=None, devices=None, alarms=(), **more):
    values = {"hr": value(72), "spo2": value(97)} if values is None else values
    devices = [device(f"mon-{name}")] if devices is None else devices
    return LiveBed(
        bed=name,
        title=title or f"Bed {name}",
        silent=silent,
        values=values,
        devices=devices,
        alarms=list(alarms),
        **more,
    )


def alarm(bed="1", rule="spo2-low", **changes):
    onset = changes.pop("onset", now_ms() - 10_000)
    fields = {
        "id": alarm_id(rule, "icu", bed, onset),
        "rule": rule,
        "ward": "icu",
        "bed": bed,
        "kind": "physiological",
        "priority": "high",
        "state": "active",
        "rev": 1,
        "message": "SpO2 low",
        "onset": onset,
        "raised": onset + 5_000,
        "changed": onset + 5_000,
        "parameter": "spo2",
        "value": 84.0,
        "limit": 90.0,
        "unit": "%",
    }
    return Alarm(**{**fields, **changes})


class FakeHub:
    """Publishes a ward each second and answers commands; `silence()` and `speak()` stop and start the snapshots."""

    def __init__(self, port, *, ward="icu", title="Intensive care", beds=()):
        self.ward, self.title = ward, title
        self.beds = {one.bed: one for one in beds}
        self.alarms = {}
        self.commands = []
        self.refuse = None  # a reason, to answer every command with a refusal
        self.mute = False  # to answer no command at all
        self._number = 0
        self._lock = threading.RLock()
        self._speaking = threading.Event()
        self._speaking.set()
        self._over = threading.Event()
        self._ready = threading.Event()
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="fake-hub", protocol=mqtt.MQTTv5)
        self._client.on_connect = self._connected
        self._client.on_message = self._message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._ready.wait(5), "the fake hub cannot reach the broker"
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._thread.start()

    def _connected(self, client, *_):
        client.subscribe(topics.ALL_COMMANDS, qos=1)
        status = HubStatus(hub="hub-1", online=True, time=now_ms(), version="1.2.3", started=now_ms())
        client.publish(topics.hub_status("hub-1"), encode(status), qos=1, retain=True)
        self._ready.set()

    def _speak(self):
        beat = 0
        while not self._over.wait(1.0):
            if self._speaking.is_set():
                beat += 1
                self.show()
                self._client.publish(
                    topics.heartbeat("hub-1"), encode(Heartbeat(hub="hub-1", time=now_ms(), beat=beat))
                )

    def silence(self):
        self._speaking.clear()

    def speak(self):
        self._speaking.set()
        self.show()

    def put(self, *beds):
        """Change beds and show them at once."""
        with self._lock:
            self.beds.update({one.bed: one for one in beds})
        self.show()

    def show(self):
        with self._lock:
            self._number += 1
            beds = [
                msgspec.structs.replace(
                    one,
                    alarms=[*one.alarms, *(item for (name, _), item in self.alarms.items() if name == one.bed)],
                )
                for one in self.beds.values()
            ]
            snapshot = WardSnapshot(
                ward=self.ward, title=self.title, hub="hub-1", time=now_ms(), number=self._number, beds=beds
            )
            self.publish(topics.live(self.ward), encode(snapshot), qos=0)

    def raise_alarm(self, alarm, change="raised", by=""):
        """Say an alarm as the hub does: the retained state, then the event. The snapshots carry it on."""
        with self._lock:
            self.alarms[alarm.bed, alarm.rule] = alarm
            self.publish(self._topic(alarm), encode(alarm), retain=True)
            event = AlarmEvent(change=change, time=now_ms(), alarm=alarm, by=by)
            self.publish(topics.event(self.ward), encode(event))

    def end_alarm(self, alarm, change="cleared", by=""):
        with self._lock:
            self.alarms.pop((alarm.bed, alarm.rule), None)
            self.publish(self._topic(alarm), b"", retain=True)
            self.publish(topics.event(self.ward), encode(AlarmEvent(change=change, time=now_ms(), alarm=alarm, by=by)))

    def _topic(self, alarm):
        if alarm.subject:
            return topics.equipment_alarm("hub-1", alarm.subject, alarm.rule)
        return topics.alarm(self.ward, alarm.bed, alarm.rule)

    def publish(self, topic, payload, *, qos=1, retain=False):
        self._client.publish(topic, payload, qos=qos, retain=retain)

    def _message(self, _client, _userdata, message):
        levels = topics.split(message.topic)
        client, action = levels[1], levels[2]
        command = json.loads(message.payload)
        if action == "anchor":
            return  # of the audit, which a fake hub has not
        self.commands.append((client, action, Command(**command)))
        if not self.mute:
            self.publish(topics.result(client, action), encode(self._carry_out(action, self.commands[-1][2])))

    def _carry_out(self, action, command):
        found = next((item for item in self.alarms.values() if item.id == command.alarm), None)
        if self.refuse or found is None:
            reason = self.refuse or "there is no such alarm"
            return Result(request=command.request, done=False, reason=reason, alarm=command.alarm, time=now_ms())
        if action == "reset":
            self.end_alarm(found, "reset", command.by)
            return Result(request=command.request, done=True, alarm=found.id, state="inactive", time=now_ms())
        fields = {name: getattr(found, name) for name in found.__struct_fields__}
        fields |= {"state": "acknowledged", "rev": found.rev + 1, "changed": now_ms()}
        fields |= {"acknowledged_by": command.by, "acknowledged_at": now_ms()}
        self.raise_alarm(Alarm(**fields), "acknowledged", command.by)
        return Result(request=command.request, done=True, alarm=found.id, state="acknowledged", time=now_ms())

    def close(self):
        self._over.set()
        self._thread.join(timeout=5)
        self._client.disconnect()
        self._client.loop_stop()


SETTINGS = """\
hub: hub-1
broker:
  port: {broker}
journal:
  path: journal.db
console:
  port: {port}
  demo_person: true
wards:
  - id: icu
    title: {title}
    beds:
{beds}
gateways:
  - id: gw-1
    devices:
      - id: mon-1
        bed: icu/1
      - id: spare
"""


class ConsoleProcess:
    """`wardline hub run --part console` on a free port."""

    def __init__(self, folder, port, broker_port, *, beds, title="Intensive care"):
        self.folder, self.port = folder, port
        self.url = f"http://127.0.0.1:{port}"
        self.config = folder / "hub.yaml"
        lines = "\n".join(f'      - {{id: "{name}", title: {json.dumps(text)}}}' for name, text in beds.items())
        self.config.write_text(SETTINGS.format(broker=broker_port, port=port, beds=lines, title=json.dumps(title)))
        self.log = folder / "console.log"
        self.process = None

    def launch(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wardline", "hub", "run", "--part", "console", "--config", str(self.config)],
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    def start(self):
        """Launch it and wait until it answers."""
        self.launch()
        until(self._answers, within=40, what="the console does not answer")

    def _answers(self):
        assert self.process.poll() is None, f"the console ended: {self.log.read_text()}"
        with contextlib.suppress(OSError):
            return self.get("/healthz")[0] in (200, 503)

    def get(self, path, **headers):
        """(status, headers, body) of a GET."""
        return self.request("GET", path, None, headers)

    def post(self, path, body, **headers):
        """(status, headers, body) of a POST of JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.request("POST", path, data, {"Content-Type": "application/json", **headers})

    def request(self, method, path, data, headers):
        request = urllib.request.Request(self.url + path, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read()

    def json(self, path):
        return json.loads(self.get(path)[2])

    def stop(self):
        """SIGTERM; the seconds it took."""
        started = time.monotonic()
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
        return time.monotonic() - started

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=30)


@contextlib.contextmanager
def real_hub(console):
    """`wardline hub run --part ingest` with the settings of `console`, until the block ends."""
    words = [sys.executable, "-m", "wardline", "hub", "run", "--part", "ingest", "--config", str(console.config)]
    with (console.folder / "hub.log").open("ab") as log:
        process = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=30)
