"""One ward whose parts are forked children, so that each can be killed at any place of its code, hundreds of times."""

import contextlib
import json
import signal
import sqlite3
import threading
import time
from pathlib import Path

import paho.mqtt.client as mqtt

from tests.chaos import oracle
from tests.chaos.feeder import Feeder
from tests.chaos.forks import Forks
from tests.chaos.script import Script
from tests.conftest import free_port
from vitals import topics

PULSE_S = 0.1  # the script says again what has no answer
DEATH_S = 25.0

RULES = """
format: 1
id: probe
title: One limit without delays
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 0ms, off_delay: 0ms, hysteresis: 0, priority: low, message: SpO2 low}
"""
HUB = """
hub: hub-1
broker: {{port: {port}}}
journal: {{path: journal.db}}
rules: [probe.yaml]
pagers: {{file: pagers.yaml}}
wards: [{{id: icu, beds: [{{id: e}}, {{id: s-1}}, {{id: s-2}}, {{id: s-3}}, {{id: s-4}}, {{id: s-5}}]}}]
gateways:
  - {{id: gw-e, devices: [{{id: mon-e, bed: icu/e}}]}}
  - {{id: gw-s, devices: [{beds}]}}
"""
EDGE = """
gateway: gw-e
broker: {{port: {port}}}
spool: {{path: spool.db, commit_interval: 20ms}}
devices:
  - {{id: mon-e, driver: hobby-lines, tcp_client: {{host: 127.0.0.1, port: {feeder}}}, options: {{settle: 0s}}}}
"""
PAGERS = """
format: 1
zone: UTC
recipients: [{id: nurse-1}]
policies: [{id: any, steps: [{after: 0s, page: [nurse-1]}]}]
"""
WORDS = {
    "hub": ["hub", "run", "--part", "ingest", "--config", "hub.yaml"],
    "pagers": ["hub", "run", "--part", "pagers", "--config", "hub.yaml"],
    "edge": ["edge", "run", "--config", "edge.yaml"],
}


class Ward:
    """hub, pagers and edge by their names; `script` is its second gateway."""

    def __init__(self, forks: Forks, port: int, folder: Path) -> None:
        self.forks = forks
        self.folder = folder
        self.journal = folder / "journal.db"
        self.feeder = Feeder(free_port(), 20.0).start()
        self.pids: dict[str, int] = {}
        self.kills = 0
        beds = ", ".join(f"{{id: s-{number}, bed: icu/s-{number}}}" for number in range(1, 6))
        for name, text in (
            ("probe.yaml", RULES),
            ("hub.yaml", HUB.format(port=port, beds=beds)),
            ("pagers.yaml", PAGERS),
            ("edge.yaml", EDGE.format(port=port, feeder=self.feeder.port)),
        ):
            (folder / name).write_text(text)
        self.port = port
        self.script = Script(port, "gw-s")
        self.pager = Pager(port)

    def start(self, name: str, trap: str = "") -> None:
        """Start one, or start it anew, with a trap set in it or not."""
        if name in self.pids:
            with contextlib.suppress(ProcessLookupError):
                self.forks.kill(self.pids[name])
        *words, config = WORDS[name]
        self.pids[name] = self.forks.wardline(
            *words, str(self.folder / config), log=self.folder / f"{name}.log", trap=trap
        )

    def dies(self, name: str, stimulate) -> bool:
        """Stimulate until it has died at its trap; False if it did not in time."""
        deadline = time.monotonic() + DEATH_S
        while time.monotonic() < deadline:
            stimulate()
            self.script.pump()
            if (code := self.forks.wait(self.pids[name], PULSE_S)) is not None:
                del self.pids[name]
                assert code == -signal.SIGKILL, f"{name} ended with {code}\n{self.words()}"
                self.kills += 1
                return True
        return False

    def until(self, condition, seconds: float = 30.0):
        """Pump until it holds; its answer."""
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, f"it did not happen in time\n{self.script.open}\n{self.words()}"
            self.script.pump()
            time.sleep(PULSE_S)
        return found

    def rows(self, query: str) -> list:
        """From the hub's journal; nothing while there is none."""
        try:
            with contextlib.closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True, timeout=10)) as db:
                return db.execute(query).fetchall()
        except sqlite3.OperationalError:
            return []

    def waiting(self) -> int:
        """Records of the real gateway without a receipt."""
        return len(oracle.read_spool(self.folder / "spool.db")[2])

    def events(self) -> list[dict]:
        """The alarms of patients in the journal, oldest first."""
        found = self.rows("SELECT body FROM alarm_event WHERE rule = 'spo2-low' ORDER BY id")
        return [json.loads(body) for (body,) in found]

    def retained(self) -> set[str]:
        """The alarms of patients that whoever subscribes now is told of."""
        heard: dict[str, bytes] = {}
        ready = threading.Event()
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        client.on_message = lambda _client, _data, message: heard.__setitem__(message.topic, message.payload)
        client.on_connect = lambda client, *_: client.subscribe(
            [("wardline/v1/ward/icu/+/alarm/spo2-low", 1), ("wardline/v1/hub/hub-1/status", 1)]
        )
        client.on_subscribe = lambda *_: ready.set()
        client.connect("127.0.0.1", self.port)
        client.loop_start()
        # The hub's retained status is sent after the alarms, since it was subscribed to after them.
        assert ready.wait(10)
        deadline = time.monotonic() + 30
        while not any(topic.endswith("/status") for topic in heard):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        client.disconnect()
        client.loop_stop()
        return {json.loads(body)["id"] for topic, body in heard.items() if body and "/alarm/" in topic}

    def words(self) -> str:
        """The last words of every process, for a failing test."""
        return "\n".join(f"{log.name}: {log.read_text()[-2000:]}" for log in sorted(self.folder.glob("*.log")))

    def close(self) -> None:
        """End whatever still runs."""
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                self.forks.kill(pid)
        self.script.close()
        self.pager.close()
        self.feeder.stop()


class Pager:
    """The device of nurse-1: keeps its pages and says that it has them."""

    def __init__(self, port: int) -> None:
        self.pages: list[dict] = []
        self._client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="nurse-1", protocol=mqtt.MQTTv5)
        self._client.on_message = self._take
        self._client.on_connect = lambda client, *_: client.subscribe(topics.page("nurse-1"), qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def numbers(self, alarm: str) -> set[str]:
        """The ids of the pages that told of an alarm."""
        return {page["id"] for page in self.pages if any(one["id"] == alarm for one in page["alarms"])}

    def close(self) -> None:
        """Hang up."""
        self._client.disconnect()
        self._client.loop_stop()

    def _take(self, _client, _data, message) -> None:
        page = json.loads(message.payload)
        self.pages.append(page)
        body = json.dumps({"page": page["id"], "device": "pager"})
        self._client.publish(topics.page_received("nurse-1"), body, qos=1)
