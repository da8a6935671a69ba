"""Clients, brokers and folders for the tests of the command."""

import asyncio
import contextlib
import threading
import time
import uuid

import paho.mqtt.client as mqtt
import pytest

from wardline.broker import start_broker
from wardline.credentials import Client, read_secret, write_broker_files

CLIENTS = [
    Client("hub", "hub"),
    Client("gw-a", "gateway"),
    Client("gw-b", "gateway"),
    Client("console", "display"),
    Client("pager", "pager"),
]
WAIT_S = 30.0


def wait_until(what, timeout_s=WAIT_S):
    """Poll until `what()` is true; its last value."""
    deadline = time.monotonic() + timeout_s
    while not (value := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
    return value


@pytest.fixture
def until():
    return wait_until


@pytest.fixture
def enrolled(tmp_path):
    """A folder with credentials for one client of each kind and a second gateway."""
    write_broker_files(tmp_path, CLIENTS)
    return tmp_path


@pytest.fixture
def run_broker(tmp_path):
    """Run one of our brokers on a port for as long as the test lasts, in a loop of its own; gives the broker."""
    stack = contextlib.ExitStack()

    def run(kind, folder, port):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()

        def call(coroutine):
            return asyncio.run_coroutine_threadsafe(coroutine, loop).result(WAIT_S)

        def end():
            loop.call_soon_threadsafe(loop.stop)
            thread.join(WAIT_S)
            loop.close()

        stack.callback(end)
        said = []
        running = call(start_broker(kind, folder, port, tmp_path, said.append))
        stack.callback(lambda: call(running.stop()))
        return running, said

    with stack:
        yield run


class Listener:
    """A paho client that remembers what it was sent."""

    def __init__(self, folder, name, port, *, password=None, version=mqtt.MQTTv311, will=None):
        self.received = []
        self.refused = None
        self.granted = {}
        self.version = version
        self._mids = {}
        self.client = mqtt.Client(
            mqtt.CallbackAPIVersion.VERSION2, client_id=f"{name}-{uuid.uuid4().hex[:8]}", protocol=version
        )
        if name:
            self.client.username_pw_set(name, password if password is not None else read_secret(folder, name))
        if will:
            self.client.will_set(will, b"gone", qos=1)
        self._connected = threading.Event()
        self.client.on_connect = self._on_connect
        self.client.on_message = lambda _c, _u, m: self.received.append((m.topic, m.payload.decode()))
        self.client.on_subscribe = lambda _c, _u, mid, codes, _p: self.granted.update({mid: codes})
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._connected.wait(WAIT_S)

    def _on_connect(self, _client, _userdata, _flags, code, _properties):
        self.refused = code if code.is_failure else None
        self._connected.set()
        if self.refused:
            self.client.disconnect()

    def subscribe(self, topic):
        """Subscribe; whether the broker granted it."""
        _, mid = self.client.subscribe(topic, qos=1)
        wait_until(lambda: mid in self.granted)
        return not self.granted[mid][0].is_failure

    def publish(self, topic, payload, retain=False):
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(WAIT_S)

    def vanish(self):
        """Drop the line without a word."""
        self.client.loop_stop()
        if self.client.socket() is not None:
            self.client.socket().close()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture
def listener():
    """Make paho clients that are closed after the test."""
    made = []

    def make(*args, **kwargs):
        made.append(Listener(*args, **kwargs))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def port():
    from socket import socket

    with socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
