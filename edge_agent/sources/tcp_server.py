"""A bounded TCP server: so many connections, each with an idle timeout, whatever is spoken on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from edge_agent.sources.open_files import allow
from edge_agent.sources.reception import Reception
from vitals.errors import LinkError

SWEEP_S = 1.0
BACKLOG = 1_024
READ_AHEAD = 262_144  # bytes a connection may have waiting to be written before it counts as not reading


class Conversation(Protocol):
    """What is spoken on one connection; pure of sockets."""

    def feed(self, data: bytes) -> bool:
        """Take what arrived; False to hang up."""

    def finish(self) -> bool:
        """The peer has nothing more to say; True to leave the connection open for an answer, and close it then."""

    def close(self) -> None:
        """The connection is gone."""

    @property
    def spoke(self) -> bool:
        """Whether a whole message has arrived since this was asked last."""


class TcpServer:
    """Serves until cancelled. Raises LinkError when the address cannot be listened on."""

    def __init__(
        self,
        host: str,
        port: int,
        reception: Reception,
        converse: Callable[[asyncio.Transport], Conversation],
        *,
        max_connections: int,
        idle_timeout_s: float,
    ) -> None:
        self._host = host
        self._port = port
        self._reception = reception
        self._converse = converse
        self._max_connections = max_connections
        self._idle_timeout_s = idle_timeout_s
        self._open: set[_Connection] = set()

    async def run(self) -> None:
        """Listen, sweep idle connections, and let all go at the end."""
        loop = asyncio.get_running_loop()
        allow(self._max_connections)
        try:
            server = await loop.create_server(self._accept, self._host, self._port, backlog=BACKLOG)
        except OSError as exc:
            why = f"cannot listen on {self._host} port {self._port}: {exc.strerror or exc}"
            self._reception.closed(why)
            raise LinkError(why) from exc
        self._reception.opened(f"listening on {self._host} port {server.sockets[0].getsockname()[1]}")
        try:
            while True:
                await asyncio.sleep(SWEEP_S)
                self._reception.tick()
                self._sweep(loop.time())
        finally:
            server.close()
            for connection in list(self._open):
                connection.hang_up()
            self._reception.stopped()

    def _accept(self) -> _Connection:
        return _Connection(self._open, self._max_connections, self._reception, self._converse)

    def _sweep(self, now: float) -> None:
        for connection in list(self._open):
            if connection.idle_since(now) > self._idle_timeout_s:
                self._reception.refuse("idle")
                connection.hang_up()


class _Connection(asyncio.Protocol):
    def __init__(
        self,
        everyone: set[_Connection],
        most: int,
        reception: Reception,
        converse: Callable[[asyncio.Transport], Conversation],
    ) -> None:
        self._everyone = everyone
        self._most = most
        self._reception = reception
        self._converse = converse
        self._transport: asyncio.Transport | None = None
        self._conversation: Conversation | None = None
        self._spoke_at = asyncio.get_running_loop().time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._everyone) >= self._most:
            self._reception.refuse("too_many_connections")
            transport.abort()
            return
        self._everyone.add(self)
        self._reception.connections = len(self._everyone)
        transport.set_write_buffer_limits(high=READ_AHEAD)
        self._conversation = self._converse(transport)

    def data_received(self, data: bytes) -> None:
        if self._conversation is not None and not self._conversation.feed(data):
            self.hang_up()

    def eof_received(self) -> bool:
        return self._conversation is not None and self._conversation.finish()

    def pause_writing(self) -> None:
        self.hang_up()  # it sends and does not read our answers

    def connection_lost(self, exc: Exception | None) -> None:
        self._everyone.discard(self)
        self._reception.connections = len(self._everyone)
        if self._conversation is not None:
            self._conversation.close()
            self._conversation = None

    def idle_since(self, now: float) -> float:
        """Seconds since the last whole message: bytes that trickle do not count."""
        if self._conversation is not None and self._conversation.spoke:
            self._spoke_at = now
        return now - self._spoke_at

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()
