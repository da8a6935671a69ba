"""A hub in a process of its own, and a client that keeps what it hears: for tests on a real broker."""

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from queue import Empty, Queue

import paho.mqtt.client as mqtt

TIMEOUT_S = 40.0

# A hub whose clock is ahead: what the time between two runs of a hub does to its alarms.
_AHEAD = """
import asyncio, sys
from pathlib import Path
from chassis.clock import SystemClock
from chassis.logs import set_up
from chassis.settings import read_settings
from chassis.tasks import stop_on_signals
from hub.hub import Hub
from hub.settings import HubSettings

class Ahead(SystemClock):
    def wall_ms(self):
        return super().wall_ms() + int(sys.argv[2])

async def main():
    path = Path(sys.argv[1])
    await Hub(read_settings(path, HubSettings), path.parent, "test", Ahead()).run(stop_on_signals())

set_up("INFO")
asyncio.run(main())
"""


class Client:
    """A paho client that keeps what it hears."""

    def __init__(self, port: int, *topics: str) -> None:
        self.heard: Queue[mqtt.MQTTMessage] = Queue()
        self.kept: list[tuple[str, dict | None]] = []
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
        self.client.on_message = lambda _client, _data, message: self.heard.put(message)
        self.client.on_connect = lambda client, *_: [client.subscribe(topic, qos=1) for topic in topics]
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def publish(self, topic: str, payload, **options) -> None:
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.client.publish(f"wardline/v1/{topic}", body, qos=1, **options).wait_for_publish(5)

    def wait_for(self, fits, timeout_s: float = TIMEOUT_S):
        """Take the first message `fits(topic, decoded payload)` is true for; the others stay for later."""
        deadline = time.monotonic() + timeout_s
        for index, (topic, payload) in enumerate(self.kept):
            if fits(topic, payload):
                return self.kept.pop(index)
        while (left := deadline - time.monotonic()) > 0:
            try:
                message = self.heard.get(timeout=left)
            except Empty:
                break
            topic = message.topic.removeprefix("wardline/v1/")
            payload = json.loads(message.payload) if message.payload else None
            if fits(topic, payload):
                return topic, payload
            self.kept.append((topic, payload))
        raise AssertionError(f"nothing fitted; heard: {self.kept[-10:]}")

    def forget(self) -> None:
        """What was heard until now no longer counts."""
        self.kept.clear()
        while not self.heard.empty():
            self.heard.get()

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


class Hub:
    """`wardline hub run --part ingest` in a folder of its own."""

    def __init__(self, folder, settings: str) -> None:
        self.folder = folder
        (folder / "hub.yaml").write_text(settings)
        self.process: subprocess.Popen | None = None

    def start(self, ahead_ms: int = 0) -> None:
        """Start it; with `ahead_ms` its clock is ahead of ours by so much."""
        config = str(self.folder / "hub.yaml")
        words = ["-m", "wardline", "hub", "run", "--part", "ingest", "--config", config]
        if ahead_ms:
            words = ["-c", _AHEAD, config, str(ahead_ms)]
        self.process = subprocess.Popen([sys.executable, *words])

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(timeout=30)

    def rows(self, query: str):
        with closing(sqlite3.connect(f"file:{self.folder / 'journal.db'}?mode=ro", uri=True)) as db:
            return db.execute(query).fetchall()
