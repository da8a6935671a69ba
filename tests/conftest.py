"""Fixtures every tier shares: a real mosquitto that can be stopped, killed and started again."""

import os
import random
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest

START_TIMEOUT_S = 30.0


def pytest_addoption(parser):
    parser.addoption("--vectors", metavar="DIR", help="run the protocol vectors (JSON) of this folder instead of ours")


def pytest_collection_modifyitems(items):
    """Whoever asks for the broker is marked so: `-m "not broker"` runs where there is none."""
    for item in items:
        if "new_broker" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)


class Broker:
    """One mosquitto on a free loopback port, anonymous, with its files in a folder of its own."""

    def __init__(self, binary: str, folder: Path, settings: str = "") -> None:
        self.binary = binary
        self.folder = folder
        self.host = "127.0.0.1"
        self.port = free_port()
        self.config = folder / "mosquitto.conf"
        self.log = folder / "mosquitto.log"
        self.process: subprocess.Popen | None = None
        self.config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\npersistence false\n"
            f"persistence_location {folder}/\nmax_inflight_messages 200\nmax_queued_messages 20000\n"
            f"set_tcp_nodelay true\nuser {'root' if os.geteuid() == 0 else 'mosquitto'}\n{settings}\n"
        )

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.binary, "-c", str(self.config)], stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                socket.create_connection((self.host, self.port), timeout=1).close()
                return
            except OSError:
                assert self.process.poll() is None, f"mosquitto ended: {self.log.read_text()}"
                assert time.monotonic() < deadline, f"mosquitto does not listen: {self.log.read_text()}"
                time.sleep(0.02)

    def stop(self) -> None:
        """End it in an orderly way (SIGTERM)."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)

    def kill(self) -> None:
        """End it at once (SIGKILL)."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(timeout=30)

    def restart(self) -> None:
        """Kill it and start it again on the same port."""
        self.kill()
        self.start()


def free_port() -> int:
    """A port nobody listens on, below the ephemeral range so that no client takes it meanwhile."""
    for port in random.sample(range(20_000, 32_000), 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no free port between 20000 and 32000")


def _mosquitto() -> str:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    binary = shutil.which("mosquitto", path=path)
    if binary is None:
        reason = "the mosquitto binary is not installed (Debian: apt-get install mosquitto)"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    return binary


@pytest.fixture
def new_broker(tmp_path_factory):
    """Make further brokers: `new_broker(settings="...")` with extra lines of mosquitto.conf, started."""
    made = []

    def make(settings: str = "") -> Broker:
        broker = Broker(_mosquitto(), tmp_path_factory.mktemp("broker"), settings)
        made.append(broker)
        broker.start()
        return broker

    yield make
    for broker in made:
        broker.kill()


@pytest.fixture
def broker(new_broker) -> Broker:
    """A running mosquitto: host, port, folder, start(), stop(), kill(), restart()."""
    return new_broker()
