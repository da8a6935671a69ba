"""One bed with everything real: a simulated monitor on a line, an edge agent, a broker that can go away, a hub."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest

from tests.conftest import free_port

RULES = """
format: 1
id: probe
title: Two limits with short delays
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 2s, off_delay: 1s, hysteresis: 2, priority: high, message: SpO2 low}
  - {id: hr-high, parameter: hr, high: 120, for: 2s, off_delay: 1s, hysteresis: 5, priority: medium, message: HR high}
"""
HUB = """
hub: hub-1
broker: {{port: {port}}}
journal: {{path: hub/journal.db}}
rules: [probe.yaml]
wards: [{{id: icu, beds: [{{id: "7"}}, {{id: "8"}}]}}]
gateways: [{{id: gw-1, devices: [{{id: mon-a, bed: icu/7}}]}}]
{extra}
"""
EDGE = """
gateway: gw-1
broker: {{port: {port}}}
spool: {{path: spool.db, commit_interval: 50ms}}
bedside: {{hub_key: "file:hub/hub.pub", command: [tee, -a, {folder}/buzzer.log]}}
devices:
  - {{id: mon-a, driver: hobby-lines, tcp_client: {{host: 127.0.0.1, port: {line}}}, options: {{settle: 0s}}}}
"""


class Ear:
    """A client that keeps every message with the time it came."""

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: list[tuple[float, str, dict | None]] = []
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        subscribed = threading.Semaphore(0)
        self.client.on_message = self._take
        self.client.on_connect = lambda client, *_: [client.subscribe(f"wardline/v1/{topic}", 1) for topic in topics]
        self.client.on_subscribe = lambda *_: subscribed.release()
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        for _ in topics:
            assert subscribed.acquire(timeout=10), "the broker does not answer"

    def _take(self, _client, _data, message) -> None:
        payload = json.loads(message.payload) if message.payload else None
        self.heard.append((time.time(), message.topic.removeprefix("wardline/v1/"), payload))

    def of(self, ending: str) -> list[dict | None]:
        return [payload for _, topic, payload in self.heard if topic.endswith(ending)]

    def publish(self, topic: str, payload) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(f"wardline/v1/{topic}", body, qos=1).wait_for_publish(5)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Bed:
    """Bed 7 of the ICU."""

    def __init__(self, broker, folder: Path) -> None:
        self.broker = broker
        self.folder = folder
        self.processes: dict[str, subprocess.Popen] = {}
        self.ears: list[Ear] = []
        self.line = free_port()
        (folder / "probe.yaml").write_text(RULES)
        self.settings()

    def settings(self, extra: str = "") -> None:
        """Write both settings files; `extra` belongs to the hub's."""
        (self.folder / "hub.yaml").write_text(HUB.format(port=self.broker.port, extra=extra))
        (self.folder / "edge.yaml").write_text(EDGE.format(port=self.broker.port, folder=self.folder, line=self.line))

    def add_rules(self, text: str) -> None:
        """More of the rule document."""
        (self.folder / "probe.yaml").write_text(RULES + text)

    def ear(self, *topics: str) -> Ear:
        """Listen from now on."""
        self.ears.append(Ear(self.broker.port, *topics))
        return self.ears[-1]

    def run(self, name: str, *words: str) -> None:
        """`wardline WORDS` as a process called `name`."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", "wardline", *words], stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )

    def start_hub(self) -> None:
        self.run("hub", "hub", "run", "--part", "ingest", "--config", str(self.folder / "hub.yaml"))

    def start_edge(self) -> None:
        self.run("edge", "edge", "run", "--config", str(self.folder / "edge.yaml"))

    def patient(self, **numbers: float) -> None:
        """Another patient, or another state of this one: what the monitor shows from now on."""
        self.stop("sim")
        values = ",".join(f"{name}={value}" for name, value in {"hr": 72, "spo2": 97, **numbers}.items())
        self.run("sim", "sim", "hobby-json", "--tcp", str(self.line), "--set", values)

    def start(self) -> None:
        """Everything, in the order of a hospital that has been running for a while."""
        self.start_hub()
        self.until(lambda: (self.folder / "hub/hub.pub").exists())
        self.patient()
        self.start_edge()
        self.until(lambda: self.status().get("rules") and self.records(), 30)

    def kill(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGKILL)
        self.processes[name].wait(timeout=30)

    def freeze(self, name: str) -> None:
        os.kill(self.processes[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        os.kill(self.processes[name].pid, signal.SIGCONT)

    def stop(self, name: str) -> None:
        process = self.processes.pop(name, None)
        if process is not None and process.poll() is None:
            process.terminate()
            process.wait(timeout=30)

    def close(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(timeout=30)
        for ear in self.ears:
            ear.close()

    # What is so

    def until(self, condition, seconds: float = 30.0):
        """Poll until it holds; its answer."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"it did not happen in time\n{self.words()}"
            time.sleep(0.05)
        return found

    def status(self) -> dict:
        """The gateway's last word on itself."""
        if not hasattr(self, "_statuses"):
            self._statuses = self.ear("up/gw-1/status")
        found = self._statuses.of("status")
        return found[-1] if found and found[-1] else {}

    def picture(self) -> dict:
        """What a display at the bed reads."""
        path = self.folder / "bedside.json"
        return json.loads(path.read_text()) if path.exists() else {"silent_since": None, "alarms": []}

    def buzzed(self) -> list[dict]:
        """What the program at the bed was told."""
        path = self.folder / "buzzer.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def rows(self, query: str) -> list:
        """From the hub's journal; nothing while there is none."""
        try:
            with closing(sqlite3.connect(f"file:{self.folder / 'hub/journal.db'}?mode=ro", uri=True, timeout=5)) as db:
                return db.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def records(self) -> int:
        rows = self.rows("SELECT count(*) FROM record")
        return rows[0][0] if rows else 0

    def events(self, rule: str = "spo2-low") -> list[dict]:
        """The journal's events of a rule, oldest first."""
        return [
            json.loads(body) for (body,) in self.rows(f"SELECT body FROM alarm_event WHERE rule = '{rule}' ORDER BY id")
        ]

    def words(self) -> str:
        """The last words of every process, for a failing test."""
        return "\n".join(f"{log.name}: {log.read_text()[-2500:]}" for log in sorted(self.folder.glob("*.log")))


@pytest.fixture
def bed(broker, tmp_path):
    """Bed 7, not started yet."""
    made = Bed(broker, tmp_path)
    yield made
    made.close()
