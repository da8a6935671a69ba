"""What tests of the edge agent share: lines that can be pulled, a small hub, settings, drafts."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
import tty
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge_agent.stamp import Draft
from vitals import topics
from vitals.codec import decode, decode_batch, encode
from vitals.ranges import Ranges
from vitals.sessions import GatewayStatus, Hello, HubStatus, Receipt


@pytest.fixture
def until():
    """`until(condition, seconds)`: poll until it holds, or fail."""

    def wait(condition, seconds=30.0, step_s=0.02):
        deadline = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(step_s)
        return found

    return wait


@pytest.fixture
def draft():
    """A draft with defaults."""

    def make(number=1, **fields):
        defaults = {
            "device": "mon-a",
            "time": 1_800_000_000_000 + number,
            "steady": number,
            "boot": "boot-1",
            "clock": "synced",
            "values": {"hr": 60.0 + number % 60},
        }
        return Draft(**{**defaults, **fields})

    return make


@pytest.fixture
def small_disk(tmp_path):
    """Make disks that are full soon: `small_disk("4m")` is a folder of its own."""
    made = []

    def make(size):
        if os.geteuid() != 0:
            reason = "a small disk can be mounted by root only"
            if os.environ.get("CI") == "true":
                pytest.fail(reason)
            pytest.skip(reason)
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)], check=True)
        made.append(folder)
        return folder

    yield make
    for folder in made:
        subprocess.run(["umount", "-l", str(folder)], check=True)


class Line:
    """A pty behind a stable path, as a USB adapter is: it can be pulled and plugged in again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.master = -1

    def plug(self) -> None:
        master, slave = os.openpty()
        tty.setraw(slave)
        link = self.path.with_name(self.path.name + ".new")
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        link.replace(self.path)
        os.close(slave)
        os.set_blocking(master, False)
        self.master = master

    def pull(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1
        self.path.unlink(missing_ok=True)

    def say(self, data: bytes) -> None:
        while data:
            with contextlib.suppress(BlockingIOError):
                data = data[os.write(self.master, data) :]

    def say_json(self, **values) -> None:
        self.say(json.dumps(values).encode() + b"\r\n")

    def heard(self) -> bytes:
        try:
            return os.read(self.master, 4096)
        except OSError:
            return b""


@pytest.fixture
def line(tmp_path):
    """A plugged-in line."""
    made = Line(tmp_path / "ttyUSB0")
    made.plug()
    yield made
    made.pull()


class SmallHub:
    """Takes batches as the real hub does and answers with receipts, unless told to be quiet."""

    def __init__(self, broker, gateway="gw-1", protocol=mqtt.MQTTv5) -> None:
        self.gateway = gateway
        self._rows = {}
        self.lanes = []  # (channel, first seq, count) per batch
        self.hellos = []
        self.statuses = []
        self.receipts = True
        self.credit = 2000
        self.reject = {}
        self.duplicates = 0
        self._stored = {}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="hub", protocol=protocol)
        self.client.on_connect = lambda *_: self.client.subscribe(topics.ALL_UP, qos=1)
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect_async(broker.host, broker.port, keepalive=15)
        self.client.loop_start()
        self._lock = threading.Lock()

    def _on_message(self, _client, _userdata, message):
        gateway, channel = topics.parse_up(message.topic)
        if channel == "hello":
            self.hellos.append(decode(message.payload, Hello))
            self.send_receipt(self.hellos[-1].epoch)
        elif channel == "status":
            self.statuses.append(decode(message.payload, GatewayStatus))
        elif channel in ("vitals", "backfill"):
            self._take(channel, decode_batch(message.payload, gateway))

    def _take(self, channel, batch):
        self.lanes.append((channel, batch.records[0].seq, len(batch.records)))
        stored = self.stored(batch.epoch)
        refused = [(record.seq, self.reject[record.seq]) for record in batch.records if record.seq in self.reject]
        for record in batch.records:
            if (batch.epoch, record.seq) in self._rows:
                self.duplicates += 1
            elif record.seq not in self.reject:
                self._rows[batch.epoch, record.seq] = record
                stored.add(record.seq)
                if record.gap:
                    for low, high in record.gap.spans():
                        self.stored(record.gap.epoch or batch.epoch).add_range(low, high)
        self.send_receipt(batch.epoch, refused)

    def stored(self, epoch):
        """What is final of an epoch."""
        return self._stored.setdefault(epoch, Ranges())

    def send_receipt(self, epoch, rejected=()):
        if self.receipts:
            committed = list(self._stored.get(epoch, Ranges()))[:32]
            receipt = Receipt(
                epoch=epoch,
                committed=committed,
                rejected=list(rejected),
                credit=self.credit,
                time=time.time_ns() // 1_000_000,
            )
            self.client.publish(topics.receipt(self.gateway), encode(receipt), qos=1)

    def say_started(self, started):
        status = HubStatus(hub="hub", online=True, started=started)
        self.client.publish(topics.hub_status("hub"), encode(status), qos=1, retain=True)

    @property
    def rows(self):
        """(epoch, seq) → record of what came, as of now: more comes while a test looks."""
        return dict(self._rows)

    @rows.setter
    def rows(self, rows):
        self._rows = rows

    def values(self, name="hr"):
        return [record.values.get(name) for _, record in sorted(self.rows.items())]

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def small_hub(broker):
    """A hub at the broker."""
    hub = SmallHub(broker)
    yield hub
    hub.close()


@pytest.fixture
def new_small_hub():
    """Make hubs for other brokers: `new_small_hub(broker, protocol=...)`."""
    made = []

    def make(*arguments, **keywords):
        made.append(SmallHub(*arguments, **keywords))
        return made[-1]

    yield make
    for hub in made:
        hub.close()


class RunningAgent:
    """`wardline edge run` as a process, its settings and its spool."""

    def __init__(self, folder: Path, host: str, port: int, devices: dict[str, Path], extra: str = "") -> None:
        self.folder = folder
        self.config = folder / "edge.yaml"
        self.spool = folder / "spool.db"
        self.log = folder / "edge.log"
        self.process = None
        entries = "".join(
            f"  - id: {name}\n    driver: hobby-lines\n    options: {{settle: 0s}}\n    serial: {{path: {path}}}\n"
            for name, path in devices.items()
        )
        self.config.write_text(
            f"gateway: gw-1\nbroker: {{host: {host}, port: {port}}}\ndevices:\n{entries}"
            + (extra or "spool: {path: spool.db, commit_interval: 50ms}\n")
        )

    def start(self):
        with self.log.open("ab") as log:
            command = [sys.executable, "-m", "wardline", "edge", "run", "--config", str(self.config)]
            self.process = subprocess.Popen(command, stderr=log, stdout=log)
        return self

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=30)

    def _ask(self, query):
        if not self.spool.exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{self.spool}?mode=ro", uri=True, timeout=5)) as database:
            row = database.execute(query).fetchone()
        return row[0] if row else 0

    def accepted(self) -> int:
        return self._ask("SELECT seq FROM sqlite_sequence WHERE name = 'record'")

    def held(self) -> int:
        """Records that wait for a receipt."""
        return self.accepted() - self._ask("SELECT coalesce(sum(high - low + 1), 0) FROM settled")

    def kept(self) -> int:
        """Rows, with those the hub has already."""
        return self._ask("SELECT count(*) FROM record")

    def said(self) -> str:
        return self.log.read_text()


@pytest.fixture
def new_agent(tmp_path, line):
    """Make an agent at `line`: `new_agent(broker, extra=...)`; it is not started."""
    made = []

    def make(broker, extra="", folder=tmp_path):
        made.append(RunningAgent(folder, broker.host, broker.port, {"mon-a": line.path}, extra))
        return made[-1]

    yield make
    for agent in made:
        agent.kill()
