"""The broker inside this process: amqtt with the same logins and topic rules as mosquitto, for the demo.

It speaks MQTT 3.1.1 only and keeps nothing on disk. A ward runs mosquitto.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path

from amqtt.broker import Broker
from amqtt.contexts import Action, BaseContext
from amqtt.errors import AMQTTError
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from vitals.errors import LinkError
from wardline.credentials import Access, access, covers, read_clients, read_secret

MAX_CONNECTIONS = 200


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
    """amqtt's broker, without its habit of handing retained messages to whoever connects."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        # On each connect amqtt 0.12.1 calls this for the filters of all clients, not only for the session's own.
        subscribers = self._subscriptions.get(subscription[0], [])
        if any(subscriber is session for subscriber, _ in subscribers):
            await super()._publish_retained_messages_for_subscription(subscription, session)


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
