"""One command to a hub over MQTT, and its answer."""

from __future__ import annotations

import threading
import uuid
from pathlib import Path
from typing import Any

import msgspec
import paho.mqtt.client as mqtt

from chassis.mqtt import BrokerSettings
from hub.settings import HubSettings
from rules.machine import Refused
from vitals import topics
from vitals.codec import decode, encode
from vitals.commands import COMMANDS, Action, Result
from vitals.errors import LinkError, UsageError, WireError
from wardline.login import new_client

ANSWER_S = 10.0  # the hub answers after its commit, within 100 ms when all is well
ANONYMOUS = "command-line"  # the client name on a broker without logins


def new_request() -> str:
    """A fresh number the answer will repeat."""
    return uuid.uuid4().hex


def ask(broker: BrokerSettings, folder: Path, action: Action, command: msgspec.Struct) -> Result:
    """Send `command` and wait. Raises LinkError when the broker or the hub does not answer."""
    return _Asking(broker, folder, action, command).run()


def carry_out(settings: HubSettings, folder: Path, action: Action, said: dict[str, Any]) -> Result:
    """Have a hub do what was typed, under the console's login: the hub's own may not give commands.

    Raises UsageError for what no command can say, LinkError without an answer, Refused when the answer is no.
    """
    try:
        command = msgspec.convert({**said, "request": new_request()}, COMMANDS[action])
    except msgspec.ValidationError as error:
        raise UsageError(f"this cannot be said to a hub: {error}") from error
    broker, console = settings.broker, settings.console
    if console.username is not None:
        broker = msgspec.structs.replace(broker, username=console.username, password=console.password)
    result = ask(broker, folder, action, command)
    if not result.done:
        raise Refused(result.reason or "the hub refused without a reason")
    return result


class _Asking:
    """Subscribe, then ask: the answer comes once and is not kept."""

    def __init__(self, broker: BrokerSettings, folder: Path, action: Action, command: msgspec.Struct) -> None:
        self._broker = broker
        name = broker.login(folder)[0] or ANONYMOUS
        self._command, self._result = topics.command(name, action), topics.result(name, action)
        self._payload, self._request = encode(command), msgspec.to_builtins(command)["request"]
        self._over = threading.Event()
        self._answer: Result | None = None
        self._error = f"the hub did not answer within {ANSWER_S:g} s; is it running?"
        self._client = new_client(broker, folder, f"ask-{uuid.uuid4().hex[:12]}")
        self._client.on_connect = self._connected
        self._client.on_subscribe = self._subscribed
        self._client.on_message = self._message

    def run(self) -> Result:
        client, broker = self._client, self._broker
        try:
            client.connect(broker.host, broker.port)
        except OSError as error:
            raise LinkError(f"cannot reach the broker {broker.host}:{broker.port}: {error}") from error
        client.loop_start()
        try:
            self._over.wait(ANSWER_S)
        finally:
            client.disconnect()
            client.loop_stop()
        if self._answer is None:
            raise LinkError(self._error)
        return self._answer

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._fail(f"the broker refused the login: {code}")
        else:
            client.subscribe(self._result, 1)

    def _subscribed(self, client: mqtt.Client, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        if codes[0].is_failure:
            self._fail("this user may not give commands; log in as a display or pager (--user, --password)")
        else:
            client.publish(self._command, self._payload, qos=1)

    def _message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            answer = decode(bytes(message.payload), Result)
        except WireError:
            return
        if answer.request == self._request:
            self._answer = answer
            self._over.set()

    def _fail(self, error: str) -> None:
        self._error = error
        self._over.set()
