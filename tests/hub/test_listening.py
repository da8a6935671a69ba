"""A hub that cannot hear its gateways: it says so, and does not seem to watch."""

import socket
import threading

import pytest

from tests.fixtures_hub import Client, Hub

pytestmark = pytest.mark.system


class Gate:
    """A relay before the broker that lets a listener in only while it is open."""

    def __init__(self, port: int) -> None:
        self.open = threading.Event()
        self._port = port
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def shut(self) -> None:
        """Cut every connection of a listener, and let none in."""
        self.open.clear()
        for end in self._ends:
            end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            first = client.recv(1024)
            listener = b"-listener" in first
            if listener and not self.open.is_set():
                client.close()
                continue
            broker = socket.create_connection(("127.0.0.1", self._port))
            broker.sendall(first)
            if listener:
                self._ends.append(client)
            for pair in ((client, broker), (broker, client)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65_536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for end in (source, target):
                end.close()


@pytest.fixture
def gate(broker):
    gate = Gate(broker.port)
    yield gate
    gate.close()


@pytest.fixture
def client(broker):
    client = Client(broker.port, *(f"wardline/v1/{tree}/#" for tree in ("ward", "down", "hub")))
    yield client
    client.close()


def test_a_hub_that_hears_no_gateway_says_so_and_does_not_seem_to_watch(
    gate, client, tmp_path, settings_text, probe_rules, payload, record
):
    hub = Hub(tmp_path, settings_text(gate.port, probe_rules))
    hub.start()
    try:
        _, event = client.wait_for(lambda topic, _: topic == "hub/hub-test/event")
        assert (event["change"], event["alarm"]["rule"]) == ("raised", "broker-lost")
        assert not [topic for topic, body in client.kept if topic.endswith("/heartbeat") or (body or {}).get("online")]
        gate.open.set()
        client.wait_for(lambda topic, body: topic == "hub/hub-test/status" and body["online"])
        client.wait_for(lambda topic, body: topic == "hub/hub-test/event" and body["change"] == "cleared")
        client.publish("up/gw-a/vitals", payload(record(1)))
        client.wait_for(lambda topic, body: topic == "down/gw-a/receipt" and body["committed"] == [[1, 1]])
        gate.shut()
        client.wait_for(lambda topic, body: topic == "hub/hub-test/event" and body["change"] == "raised")
    finally:
        hub.stop()
