"""A monitor that speaks datagrams: each goes to the driver by itself, and the driver's words go back as one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chassis.clock import Clock
from edge_agent.drivers.driver import Driver
from edge_agent.link import LinkState
from edge_agent.sources.driver_line import DriverLine, Observed
from vitals.errors import LinkError

TICK_S = 0.2
RETRY_S = 2.0


class UdpSource:
    """One socket bound to one monitor: datagrams of anybody else never reach us."""

    def __init__(
        self,
        host: str,
        port: int,
        local_port: int,
        build: Callable[[], Driver],
        link: LinkState,
        clock: Clock,
        observed: Observed,
    ) -> None:
        self._host = host
        self._port = port
        self._local_port = local_port
        self._build = build
        self._link = link
        self._clock = clock
        self._observed = observed

    async def run(self) -> None:
        """Talk for ever; a socket that fails is opened again."""
        while True:
            try:
                await self._talk()
            except LinkError as exc:
                self._link.enter("down", str(exc))
            await asyncio.sleep(RETRY_S)

    async def _talk(self) -> None:
        """Raises LinkError when the socket cannot be used."""
        loop = asyncio.get_running_loop()
        where = f"{self._host} port {self._port} (UDP)"
        local = ("0.0.0.0", self._local_port) if self._local_port else None  # noqa: S104 - connected to one monitor
        failed: asyncio.Future[None] = loop.create_future()
        try:
            transport, datagrams = await loop.create_datagram_endpoint(
                lambda: _Datagrams(failed), local_addr=local, remote_addr=(self._host, self._port)
            )
        except OSError as exc:
            raise LinkError(f"cannot reach {where}: {exc.strerror or exc}") from exc
        line = DriverLine(self._build(), self._link, self._clock, self._observed, transport.sendto)
        try:
            datagrams.line = line
            line.start()
            while not failed.done():
                await asyncio.wait([failed], timeout=TICK_S)
                if not failed.done():
                    line.tick()
                if datagrams.refusal:
                    self._link.enter("down", f"{where}: {datagrams.refusal}")
                    datagrams.refusal = ""
            failed.result()
        except OSError as exc:
            raise LinkError(f"{where}: {exc.strerror or exc}") from exc
        finally:
            if failed.done():
                failed.exception()  # seen, whichever way we leave
            else:
                line.close()
                failed.cancel()
            transport.abort()


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, failed: asyncio.Future[None]) -> None:
        self.line: DriverLine | None = None
        self.refusal = ""
        self._failed = failed

    def datagram_received(self, data: bytes, addr: object) -> None:
        if self.line is None or self._failed.done():
            return
        try:
            self.line.feed(data)
        except Exception as exc:  # carried into the task, whose supervisor says what happened
            self._failed.set_exception(exc)

    def error_received(self, exc: Exception) -> None:
        # "Connection refused" only says that nobody listens there yet: the driver asks again.
        self.refusal = getattr(exc, "strerror", None) or str(exc)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._failed.done():
            self._failed.set_exception(exc or OSError("the socket was closed"))
