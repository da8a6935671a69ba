"""The broker inside this process: amqtt with the same logins and topic rules as mosquitto, for the demo.

It speaks MQTT 3.1.1 only and keeps nothing on disk. A ward runs mosquitto.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
from dataclasses import dataclass
from pathlib import Path

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from vitals.errors import LinkError
from wardline.credentials import Access, access, covers, read_clients, read_secret

MAX_CONNECTIONS = 200
CONNECT_TIMEOUT_S = 5.0
MQTT_3_1_1 = 4  # protocol level in CONNECT
WRONG_VERSION = b"\x20\x02\x00\x01"  # CONNACK, unacceptable protocol version: clients step down to 3.1.1


class Logins(BaseAuthPlugin):
    """Lets in who knows the secret of an enrolled client, with a last will on a topic of its own only."""

    @dataclass
    class Config:
        """Where the credentials are."""

        folder: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        folder = Path(self.config.folder)
        self._secrets = {client.name: read_secret(folder, client.name) for client in read_clients(folder)}
        self._rules = _read_rules(folder)

    async def authenticate(self, *, session: Session) -> bool:
        name, password = session.username or "", session.password or ""
        if name not in self._secrets or not hmac.compare_digest(self._secrets[name].encode(), password.encode()):
            return False
        return not session.will_flag or _allowed(self._rules[name].write, session.will_topic)


class TopicRules(BaseTopicPlugin):
    """Publish and receive by the roles' rules; a subscription wider than its client may read is refused whole."""

    @dataclass
    class Config:
        """Where the credentials are."""

        folder: str

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self._rules = _read_rules(Path(self.config.folder))

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: Action | None = None
    ) -> bool:
        rules = self._rules.get(session.username or "") if session else None
        if rules is None:
            return False
        return _allowed(rules.write if action == Action.PUBLISH else rules.read, topic)


class WardBroker(Broker):
    """amqtt's broker with two of its faults mended: what it does with MQTT 5, and with retained messages."""

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        # amqtt 0.12.1 reads an MQTT 5 CONNECT as 3.1.1, and waits for ever when it holds a user name or a will.
        head = b""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            head = await asyncio.wait_for(_connect_head(reader), CONNECT_TIMEOUT_S)
        if head and head[-1] == MQTT_3_1_1:
            await self._client_connected(listener_name, _Reread(head, reader), StreamWriterAdapter(writer))
            return
        if head:
            writer.write(WRONG_VERSION)
        writer.close()

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # On each connect amqtt 0.12.1 calls this for the filters of all clients, not only for the session's own.
        subscribers = self._subscriptions.get(subscription[0], [])
        if any(subscriber is session for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


class _Reread(StreamReaderAdapter):
    """A reader that gives back first what was read of it already."""

    def __init__(self, head: bytes, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._head = head

    async def read(self, n: int = -1) -> bytes:
        if not self._head or n < 0:
            head, self._head = self._head, b""
            return head + await super().read(n)
        head, self._head = self._head[:n], self._head[n:]
        return head if len(head) == n else head + await super().read(n - len(head))


async def _connect_head(reader: asyncio.StreamReader) -> bytes:
    """A CONNECT packet up to and with its protocol level; empty when it is something else."""
    head = await reader.readexactly(2)
    while head[-1] & 0x80 and len(head) < 5:  # the remaining length has one to four bytes
        head += await reader.readexactly(1)
    head += await reader.readexactly(7)
    return head if head[0] == 0x10 and head[-7:-1] == b"\0\x04MQTT" else b""


class EmbeddedBroker:
    """Runs in the loop it is started from."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._broker: Broker | None = None

    async def start(self) -> None:
        """Listen on loopback. Raises LinkError."""
        plugins = {f"{__name__}.{plugin.__name__}": {"folder": str(self._folder)} for plugin in (Logins, TopicRules)}
        listener = {"type": "tcp", "bind": f"127.0.0.1:{self._port}", "max_connections": MAX_CONNECTIONS}
        broker = WardBroker({"listeners": {"default": listener}, "plugins": plugins})
        try:
            await broker.start()
        except AMQTTError as error:
            raise LinkError(f"the embedded broker cannot listen on port {self._port}: {error}") from error
        self._broker = broker

    async def stop(self) -> None:
        """Close every connection."""
        if self._broker is not None:
            await self._broker.shutdown()
            self._broker = None


def _read_rules(folder: Path) -> dict[str, Access]:
    return {client.name: access(client) for client in read_clients(folder)}


def _allowed(rules: tuple[str, ...], topic: str | None) -> bool:
    return topic is not None and any(covers(rule, topic) for rule in rules)
