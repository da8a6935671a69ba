"""JSON objects over TCP: one per connection or many, with or without line ends, become readings."""

from __future__ import annotations

from edge_agent.sources.fieldmap import FieldMap
from edge_agent.sources.json_stream import Broken, JsonStream
from edge_agent.sources.listener_settings import TcpJsonSettings
from edge_agent.sources.messages import Refused, read_json
from edge_agent.sources.reception import Reception
from edge_agent.sources.tcp_server import TcpServer

PATIENCE = 100  # messages refused in a row, and the connection is closed


class TcpJsonListener:
    """The TCP server; it answers nothing, as its senders do not listen."""

    def __init__(self, settings: TcpJsonSettings, fields: FieldMap, reception: Reception) -> None:
        self._server = TcpServer(
            settings.host,
            settings.port,
            reception,
            lambda _: JsonConversation(settings.max_message, fields, reception),
            max_connections=settings.max_connections,
            idle_timeout_s=settings.idle_timeout.seconds,
        )

    async def run(self) -> None:
        """Serve until cancelled. Raises LinkError."""
        await self._server.run()


class JsonConversation:
    """What one sender says on one connection."""

    def __init__(self, limit: int, fields: FieldMap, reception: Reception) -> None:
        self._stream = JsonStream(limit)
        self._fields = fields
        self._reception = reception
        self._refused = 0
        self._spoke = False

    @property
    def spoke(self) -> bool:
        """Whether a usable message has arrived since this was asked last."""
        spoke, self._spoke = self._spoke, False
        return spoke

    def feed(self, data: bytes) -> bool:
        """Take what arrived; False when there is no sense in listening on."""
        taken = [self._take(message) for message in self._stream.feed(data)]
        return all(taken)

    def finish(self) -> bool:
        """The sender is done, perhaps in the middle of an object; nothing is left to be said."""
        for message in self._stream.finish():
            self._take(message)
        return False

    def close(self) -> None:
        """The connection is gone."""
        self.finish()

    def _take(self, message: bytes | Broken) -> bool:
        try:
            if isinstance(message, Broken):
                raise Refused(message.reason, "not a message")
            self._reception.take_message(read_json(message), self._fields)
        except Refused as refused:
            self._reception.refuse(refused.reason)
            self._refused += 1
            return refused.reason != "oversized" and self._refused < PATIENCE
        self._refused = 0
        self._spoke = True
        return True
