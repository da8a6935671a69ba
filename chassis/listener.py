"""A connection that only listens, for what arrives tens of thousands of times a second.

It stands beside a `Session` of the same process, which publishes and takes part in everything else. Messages are
acknowledged on arrival, as the session's are: what must not be lost is guarded by receipts.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from chassis.mqtt import KEEPALIVE_S, BrokerSettings
from chassis.packets import LEAVE, PINGREQ, Ear, Heard, PacketError, RefusedError, Version, connect, subscribe
from vitals.errors import LinkError

ANSWER_TIMEOUT_S = 10.0
QUIET_KEEPALIVES = 1.5  # nothing for so many keepalives, pings unanswered too: the broker is frozen or gone

log = logging.getLogger(__name__)


class Listener:
    """One subscriber's life on the broker. `run` is meant for chassis.tasks.supervise."""

    def __init__(
        self,
        broker: BrokerSettings,
        folder: Path,
        *,
        client_id: str,
        subscriptions: Sequence[str],
        on_message: Heard,
        on_connect: Callable[[], None] | None = None,
    ) -> None:
        self._broker = broker
        self._folder = folder
        self._client_id = client_id
        self._subscriptions = subscriptions
        self._on_message = on_message
        self._on_connect = on_connect
        self._version: Version = "3.1.1" if broker.protocol == "3.1.1" else "5"
        self.connected = False
        self.passed_over = 0  # messages that nobody foresaw

    async def run(self) -> None:
        """Connect and listen until the connection is lost. Raises LinkError then, or when it cannot be made."""
        try:
            await self._listen()
        except RefusedError as error:
            if not (error.version and self._version == "5" and self._broker.protocol == "auto"):
                raise LinkError(f"broker {self._where} refused {self._client_id}: {error}") from error
            self._version = "3.1.1"  # it knows no better, and will not learn it
            await self.run()

    @property
    def _where(self) -> str:
        return f"{self._broker.host}:{self._broker.port}"

    async def _listen(self) -> None:
        username, password = self._broker.login(self._folder)
        tls = self._broker.tls.context(self._folder) if self._broker.tls else None
        loop = asyncio.get_running_loop()
        ear = Ear(self._version, self._hear)
        line: _Line | None = None
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                _, line = await loop.create_connection(
                    lambda: _Line(ear, loop), self._broker.host, self._broker.port, ssl=tls
                )
                line.write(connect(self._version, self._client_id, KEEPALIVE_S, username, password))
                await line.until(lambda: ear.accepted)
                line.write(subscribe(self._version, self._subscriptions))
                await line.until(lambda: ear.subscribed)
        except (OSError, PacketError) as error:
            raise LinkError(f"broker {self._where} refused {self._client_id}: {error or 'no answer'}") from error
        finally:
            if not ear.subscribed and line is not None:
                line.leave()
        self.connected = True
        try:
            log.info("%s listens at the broker %s", self._client_id, self._where)
            if self._on_connect is not None:
                self._on_connect()
            why = await line.stay(ear.keepalive_s or KEEPALIVE_S)
        finally:
            self.connected = False
            line.leave()
        raise LinkError(f"{self._client_id} lost the broker {self._where}" + (f": {why}" if why else "")) from why

    def _hear(self, topic: str, payload: bytes, retained: bool) -> None:
        try:
            self._on_message(topic, payload, retained)
        except Exception:  # a message nobody foresaw must not take along those that came with it
            self.passed_over += 1
            log.exception("a message on %s was passed over", topic)


class _Line(asyncio.Protocol):
    """The bytes between the ear and the broker."""

    def __init__(self, ear: Ear, loop: asyncio.AbstractEventLoop) -> None:
        self._ear = ear
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._news = asyncio.Event()
        self._ended: asyncio.Future[Exception | None] = loop.create_future()
        self._heard_at = loop.time()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._heard_at = self._loop.time()
        try:
            answers = self._ear.feed(data)
        except (PacketError, RefusedError) as error:
            self._end(error)
            return
        if answers and self._transport is not None:
            self._transport.write(answers)
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(exc)

    def write(self, data: bytes) -> None:
        """Hand bytes to the connection."""
        if self._transport is not None:
            self._transport.write(data)

    async def until(self, answered: Callable[[], bool]) -> None:
        """Wait for an answer. Raises RefusedError, PacketError, or OSError when the connection ended."""
        while not answered():
            if self._ended.done():
                raise self._ended.result() or ConnectionResetError("the broker closed the connection")
            self._news.clear()
            await self._news.wait()

    async def stay(self, keepalive_s: float) -> Exception | None:
        """Until the connection ends, and why: ping, and notice when nothing comes back."""
        while not self._ended.done():
            quiet = self._loop.time() - self._heard_at
            if quiet > keepalive_s * QUIET_KEEPALIVES:
                return TimeoutError(f"nothing heard from the broker for {quiet:.0f} s")
            self.write(PINGREQ)
            await asyncio.wait([self._ended], timeout=keepalive_s / 2)
        return self._ended.result()

    def leave(self) -> None:
        """Say goodbye; what was not written yet is dropped."""
        if self._transport is not None and not self._ended.done():
            self._transport.write(LEAVE)
            self._transport.close()

    def _end(self, why: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_result(why)
        self._news.set()
        if self._transport is not None:
            self._transport.abort()
