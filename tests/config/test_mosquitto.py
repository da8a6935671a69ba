"""The broker settings we ship, on the real mosquitto: private, bounded, and one identity per client."""

import contextlib
import os
import re
import socket
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from wardline.broker import find_mosquitto
from wardline.credentials import Client, read_secret, write_broker_files

pytestmark = pytest.mark.broker

ROOT = Path(__file__).parents[2]
CONFIGS = {
    "host": ROOT / "config/mosquitto/mosquitto.conf",
    "compose": ROOT / "config/compose/mosquitto.conf",
}
BOUNDS = re.compile(r"^(max_|persistent_|autosave|persistence |per_listener|allow_anonymous|retain|set_tcp|log_)")
CLIENTS = [Client("hub-1", "hub"), Client("gw-01", "gateway"), Client("gw-02", "gateway"), Client("pager-1", "pager")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Session:
    """One MQTT 5 client that remembers what arrived."""

    def __init__(self, port: int, username: str | None, password: str | None) -> None:
        self.arrived: list[tuple[str, bytes]] = []
        self.answer = None
        self._acknowledged: list[str] = []
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self.client.username_pw_set(username, password)
        self.client.on_connect = lambda *args: setattr(self, "answer", args[3])
        self.client.on_message = lambda _client, _data, message: self.arrived.append((message.topic, message.payload))
        self.client.on_publish = lambda *args: self._acknowledged.append(str(args[3]))
        self.client.on_subscribe = lambda *args: self._acknowledged.append("subscribed")
        self.client.connect("127.0.0.1", port)
        self._until(lambda: self.answer is not None)

    def _until(self, done) -> None:
        deadline = time.monotonic() + 30
        while not done():
            assert time.monotonic() < deadline, "the broker did not answer"
            self.client.loop(timeout=0.05)

    def hear(self, topic: str) -> None:
        self._acknowledged.clear()
        self.client.subscribe(topic, qos=1)
        self._until(lambda: self._acknowledged)

    def say(self, topic: str, payload: bytes = b"canary") -> str:
        """Publish and return the broker's word on it."""
        self._acknowledged.clear()
        self.client.publish(topic, payload, qos=1)
        self._until(lambda: self._acknowledged)
        return self._acknowledged[0]

    def flush(self) -> None:
        """Push out what is queued, however the broker takes it."""
        deadline = time.monotonic() + 30
        while self.client.want_write() and time.monotonic() < deadline:
            self.client.loop(timeout=0.05)

    def wait_for(self, topic: str) -> None:
        self._until(lambda: any(name == topic for name, _ in self.arrived))


@pytest.fixture(params=CONFIGS)
def broker(request, tmp_path):
    """The shipped file with its paths moved into a temporary folder; (port, folder of the credentials)."""
    binary = find_mosquitto()
    if binary is None:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("mosquitto is not installed")
    write_broker_files(tmp_path, CLIENTS)
    port = free_port()
    text = CONFIGS[request.param].read_text()
    text = re.sub(r"^password_file .*", f"password_file {tmp_path}/broker/passwd", text, flags=re.M)
    text = re.sub(r"^acl_file .*", f"acl_file {tmp_path}/broker/acl", text, flags=re.M)
    text = re.sub(r"^persistence_location .*", f"persistence_location {tmp_path}/", text, flags=re.M)
    text = re.sub(r"^listener 1883.*", f"listener {port} 127.0.0.1", text, flags=re.M)
    if os.geteuid() == 0:
        text += "user root\n"  # the temporary folder is private to us
    config = tmp_path / "mosquitto.conf"
    config.write_text(text)
    with (tmp_path / "broker.log").open("wb") as log:
        process = subprocess.Popen([binary, "-c", str(config)], stderr=log, stdout=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            assert process.poll() is None, (tmp_path / "broker.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield port, tmp_path
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture
def connect(broker):
    port, folder = broker
    sessions = []

    def login(name: str) -> Session:
        sessions.append(Session(port, name, read_secret(folder, name)))
        assert not sessions[-1].answer.is_failure
        return sessions[-1]

    yield login
    for session in sessions:
        session.client.disconnect()


def test_nobody_gets_in_without_a_secret_of_their_own(broker):
    port, folder = broker
    for name, password in [(None, None), ("gw-01", "guess"), ("nobody", "x"), ("gw-01", read_secret(folder, "gw-02"))]:
        assert Session(port, name, password).answer.is_failure


def test_a_gateway_reaches_the_hub_and_no_other_gateways_topics(connect):
    hub, gateway = connect("hub-1"), connect("gw-01")
    hub.hear("wardline/v1/up/#")
    assert gateway.say("wardline/v1/up/gw-02/vitals") == "Not authorized"
    assert gateway.say("wardline/v1/ward/icu/event") == "Not authorized"
    assert gateway.say("wardline/v1/up/gw-01/vitals") == "Success"
    hub.wait_for("wardline/v1/up/gw-01/vitals")
    assert [topic for topic, _ in hub.arrived] == ["wardline/v1/up/gw-01/vitals"]


def test_a_gateway_that_listens_to_everything_hears_its_own_receipts_alone(connect):
    hub, gateway = connect("hub-1"), connect("gw-01")
    gateway.hear("#")
    hub.say("wardline/v1/down/gw-02/receipt")
    hub.say("wardline/v1/ward/icu/event")
    hub.say("wardline/v1/down/gw-01/receipt")
    gateway.wait_for("wardline/v1/down/gw-01/receipt")
    assert [topic for topic, _ in gateway.arrived] == ["wardline/v1/down/gw-01/receipt"]


def test_a_pager_hears_alarms_and_cannot_forge_one(connect):
    hub, pager = connect("hub-1"), connect("pager-1")
    pager.hear("wardline/v1/ward/+/event")
    assert pager.say("wardline/v1/ward/icu/event") == "Not authorized"
    hub.say("wardline/v1/ward/icu/event")
    pager.wait_for("wardline/v1/ward/icu/event")


def test_a_message_past_the_size_limit_never_passes(connect):
    hub, gateway = connect("hub-1"), connect("gw-01")
    hub.hear("wardline/v1/up/#")
    gateway.client.publish("wardline/v1/up/gw-01/vitals", b"x" * 270_000, qos=1)
    gateway.flush()
    connect("gw-02").say("wardline/v1/up/gw-02/vitals")
    hub.wait_for("wardline/v1/up/gw-02/vitals")
    assert [topic for topic, _ in hub.arrived] == ["wardline/v1/up/gw-02/vitals"]


def test_both_files_set_the_same_bounds():
    bounds = [{line for line in path.read_text().splitlines() if BOUNDS.match(line)} for path in CONFIGS.values()]
    assert bounds[0] == bounds[1]
    assert len(bounds[0]) > 15


@pytest.mark.parametrize("path", CONFIGS.values(), ids=CONFIGS)
def test_every_listener_is_written_out_and_nobody_is_anonymous(path):
    lines = path.read_text().splitlines()
    assert any(line.startswith("listener ") for line in lines)
    assert "allow_anonymous false" in lines
    assert "per_listener_settings false" in lines  # last wills are lost with true before 2.0.13
    assert "max_queued_messages 0" not in lines
