"""`wardline topics tail`: print what passes on a broker's topics, also where there is no mosquitto_sub."""

from __future__ import annotations

import argparse
import contextlib
import uuid
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt

from chassis.mqtt import BrokerSettings
from vitals.errors import LinkError, WireError
from vitals.topics import PREFIX, parse_up
from vitals.waves import decode_frames
from wardline.login import add_login_options, new_client, read_login
from wardline.wave_lines import document, summary

FILTERS = (f"{PREFIX}/ward/#", f"{PREFIX}/hub/#")  # what displays and pagers may hear
SHOWN_BYTES = 64  # of a payload that is not text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    tail = actions.add_parser("tail", help="print each message until Ctrl-C")
    add_login_options(tail)
    tail.add_argument("--filter", action="append", help=f"topic filter, repeatable (default: {' and '.join(FILTERS)})")
    tail.add_argument("--count", type=int, metavar="N", help="end after N messages")
    tail.add_argument("--json", action="store_true", help="one JSON object per message")


def run(arguments: argparse.Namespace) -> int:
    broker, folder = read_login(arguments)
    tail = _Tail(arguments.filter or FILTERS, arguments.count, arguments.json)
    with contextlib.suppress(KeyboardInterrupt):
        tail.run(broker, folder)
    return 0


class _Tail:
    """Subscribes, prints, counts."""

    def __init__(self, filters: list[str] | tuple[str, ...], count: int | None, as_json: bool) -> None:
        self._filters = filters
        self._left = count
        self._as_json = as_json
        self._error: str | None = None

    def run(self, broker: BrokerSettings, folder: Path) -> None:
        """Print until the count is reached. Raises LinkError when the broker refuses."""
        client = new_client(broker, folder, f"tail-{uuid.uuid4().hex[:12]}")
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_message = self._message
        try:
            client.connect(broker.host, broker.port)
        except OSError as error:
            raise LinkError(f"cannot reach the broker {broker.host}:{broker.port}: {error}") from error
        client.loop_forever()
        if self._error:
            raise LinkError(self._error)

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._end(client, f"the broker refused the login: {code}")
        else:
            client.subscribe([(topic, 1) for topic in self._filters])

    def _subscribed(self, client: mqtt.Client, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        refused = [topic for topic, code in zip(self._filters, codes, strict=False) if code.is_failure]
        if refused:
            self._end(client, f"the broker refused {', '.join(refused)}: this user may not read all of it")

    def _message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        if self._left == 0:
            return
        print(self._line(message.topic, bytes(message.payload), message.retain), flush=True)
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                client.disconnect()

    def _line(self, topic: str, payload: bytes, retained: bool) -> str:
        up = parse_up(topic)
        if up is not None and up[1] == "wave":
            return self._waves(topic, payload, retained)
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            text = _hex(payload)
        if not self._as_json:
            return f"{topic} {text}"
        return msgspec.json.encode({"topic": topic, "payload": text, "retained": retained}).decode()

    def _waves(self, topic: str, payload: bytes, retained: bool) -> str:
        try:
            frames = decode_frames(payload)
        except WireError as error:
            shown: object = f"{_hex(payload)}: {error.reason}"
            text = str(shown)
        else:
            shown = [document(frame) for frame in frames]
            text = "; ".join(map(summary, frames))
        if not self._as_json:
            return f"{topic} {text}"
        return msgspec.json.encode({"topic": topic, "payload": shown, "retained": retained}).decode()

    def _end(self, client: mqtt.Client, error: str) -> None:
        self._error = error
        client.disconnect()


def _hex(payload: bytes) -> str:
    return f"({len(payload)} bytes) {payload[:SHOWN_BYTES].hex()}"
