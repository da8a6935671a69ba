"""An asyncio MQTT session on gmqtt: connect, subscribe, stay; end with LinkError when the broker is gone.

Every connection is a clean one: the owner says again, in `on_connect`, whatever the broker must know.
gmqtt acknowledges messages on arrival; what must not be lost is guarded by receipts, not by PUBACKs.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gmqtt
from gmqtt.mqtt.constants import MQTTv50, MQTTv311
from gmqtt.mqtt.handler import MQTTError

from chassis.mqtt import KEEPALIVE_S, BrokerSettings
from chassis.publications import Publications
from vitals.errors import LinkError

CONNECT_TIMEOUT_S = 10.0
QUIET_LIMIT_S = 1.5 * KEEPALIVE_S  # gmqtt asks for a sign of life after 0.8 to 1.3 of it

log = logging.getLogger(__name__)

OnMessage = Callable[[str, bytes, bool], None]
"""(topic, payload, retained); called in the loop for every message, must not block and must not raise."""


class Will(NamedTuple):
    """What the broker says for us, retained, when we vanish."""

    topic: str
    payload: bytes


class Session:
    """One client's life on the broker. `run` is meant for chassis.tasks.supervise."""

    def __init__(
        self,
        broker: BrokerSettings,
        folder: Path,
        *,
        client_id: str,
        subscriptions: Sequence[str],
        on_message: OnMessage,
        on_connect: Callable[[], None] | None = None,
        will: Will | None = None,
    ) -> None:
        self._broker = broker
        self._folder = folder
        self._client_id = client_id
        self._subscriptions = list(subscriptions)
        self._on_message = on_message
        self._on_connect = on_connect
        self._will = will
        self._client: gmqtt.Client | None = None
        self._publications = Publications()
        self.generation = 0  # counts connections

    @property
    def connected(self) -> bool:
        """Whether messages can be published now."""
        return self._client is not None

    @property
    def drained(self) -> bool:
        """Whether the broker has acknowledged all that was published in this connection."""
        return self._client is not None and self.acknowledged == self.said

    @property
    def said(self) -> int:
        """The number of the last message of this connection that the broker is asked to acknowledge."""
        return self._publications.said

    @property
    def acknowledged(self) -> int:
        """The broker has acknowledged all of this connection up to this number."""
        return self._publications.acknowledged

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> bool:
        """Hand a message to the connection; False when there is none, so that the owner says it again on connect."""
        client = self._client
        if client is None:
            return False
        try:
            client.publish(topic, payload, qos=qos, retain=retain)
        except OverflowError:  # gmqtt has no free packet id: the broker has stopped acknowledging
            return False
        return True

    def subscribe(self, topic: str) -> None:
        """Listen to one more topic, from now on and after each connect."""
        if topic not in self._subscriptions:
            self._subscriptions.append(topic)
            if self._client is not None:
                self._client.subscribe(gmqtt.Subscription(topic, qos=1))

    def unsubscribe(self, topic: str) -> None:
        """Listen to it no longer."""
        if topic in self._subscriptions:
            self._subscriptions.remove(topic)
            if self._client is not None:
                self._client.unsubscribe(topic)

    async def run(self) -> None:
        """Connect and serve until the connection is lost. Raises LinkError then, or when it cannot be made."""
        lost = asyncio.Event()
        client = self._new_client(lost)
        username, password = self._broker.login(self._folder)
        if username:
            client.set_auth_credentials(username, password)
        tls = self._broker.tls.context(self._folder) if self._broker.tls else False
        version = MQTTv311 if self._broker.protocol == "3.1.1" else MQTTv50
        client.set_config({"reconnect_retries": 1, "reconnect_delay": 0})  # one: the step down from 5 to 3.1.1
        where = f"{self._broker.host}:{self._broker.port}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                await client.connect(
                    self._broker.host, self._broker.port, ssl=tls, keepalive=KEEPALIVE_S, version=version
                )
        except (OSError, TimeoutError, MQTTError) as error:
            await _abandon(client)
            raise LinkError(f"broker {where} refused {self._client_id}: {error or type(error).__name__}") from error
        client.set_config({"reconnect_retries": 0})
        lost.clear()  # the step down to 3.1.1 has lost a connection of its own
        try:
            if not client.is_connected:
                raise LinkError(f"{self._client_id} lost the broker {where} at once")
            self._enter(client)
            log.info("%s is connected to the broker %s", self._client_id, where)
            await _end(client, lost)
        finally:
            self._client = None
            await _abandon(client)
        raise LinkError(f"{self._client_id} lost the broker {where}")

    def _new_client(self, lost: asyncio.Event) -> gmqtt.Client:
        will = gmqtt.Message(self._will.topic, self._will.payload, qos=1, retain=True) if self._will else None
        self._publications = Publications()
        client = gmqtt.Client(
            self._client_id, clean_session=True, will_message=will, persistent_storage=self._publications
        )
        client.on_message = self._receive
        client.on_disconnect = lambda *_: lost.set()
        return client

    def _receive(self, _client: gmqtt.Client, topic: str, payload: bytes, _qos: int, properties: dict[str, Any]) -> int:
        self._on_message(topic, payload, bool(properties.get("retain")))
        return 0

    def _enter(self, client: gmqtt.Client) -> None:
        if self._subscriptions:
            client.subscribe([gmqtt.Subscription(topic, qos=1) for topic in self._subscriptions])
        self.generation += 1
        self._client = client
        if self._on_connect is not None:
            self._on_connect()


async def _end(client: gmqtt.Client, lost: asyncio.Event) -> None:
    """Wait for the end of the connection. A broker that froze never ends it; gmqtt would wait for 37 s."""
    while not lost.is_set():
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await lost.wait()
        connection = client._connection
        if connection is None or time.monotonic() - connection._last_data_in > QUIET_LIMIT_S:
            return


async def _abandon(client: gmqtt.Client) -> None:
    client.set_config({"reconnect_retries": 0})
    with contextlib.suppress(Exception):
        async with asyncio.timeout(1.0):
            await client.disconnect()
