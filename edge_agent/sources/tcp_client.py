"""A serial port served over TCP (ser2net, terminal servers): raw bytes both ways, connected again when it breaks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from chassis.clock import Clock
from chassis.tasks import backoff
from edge_agent.drivers.driver import Driver
from edge_agent.link import LinkState
from edge_agent.sources.driver_line import DriverLine, Observed
from vitals.errors import LinkError

CONNECT_TIMEOUT_S = 5.0
TICK_S = 0.2
READ_BYTES = 4_096
WAITS_S = (0.5, 5.0)
UNSENT_LIMIT = 65_536  # bytes the other side has not taken; more, and it is not listening


class TcpClientSource:
    """Keeps one connection; each gets a new driver, so no half frame survives."""

    def __init__(
        self,
        host: str,
        port: int,
        build: Callable[[], Driver],
        link: LinkState,
        clock: Clock,
        observed: Observed,
    ) -> None:
        self._host = host
        self._port = port
        self._build = build
        self._link = link
        self._clock = clock
        self._observed = observed

    async def run(self) -> None:
        """Connect, read until it breaks, and again, for ever."""
        loop = asyncio.get_running_loop()
        waits = backoff(*WAITS_S)
        while True:
            started = loop.time()
            try:
                await self._connection()
            except LinkError as exc:
                self._link.enter("down", str(exc))
            if loop.time() - started > WAITS_S[1]:
                waits = backoff(*WAITS_S)
            await asyncio.sleep(next(waits))

    async def _connection(self) -> None:
        """One connection from dialling to its end. Raises LinkError."""
        where = f"{self._host} port {self._port}"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port, limit=READ_BYTES)
        except TimeoutError as exc:
            raise LinkError(f"{where} does not answer") from exc
        except OSError as exc:
            raise LinkError(f"cannot connect to {where}: {exc.strerror or exc}") from exc
        line = DriverLine(self._build(), self._link, self._clock, self._observed, writer.write)
        ticker = asyncio.create_task(_tick(line, writer), name=f"tick {where}")
        try:
            line.start()
            while True:
                reading = asyncio.ensure_future(reader.read(READ_BYTES))
                await asyncio.wait([reading, ticker], return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    reading.cancel()
                    ticker.result()  # raises what ended it
                data = await reading
                if not data:
                    raise LinkError(f"{where} has closed the connection")
                line.feed(data)
        except OSError as exc:
            raise LinkError(f"the connection to {where} broke: {exc.strerror or exc}") from exc
        finally:
            ticker.cancel()
            await asyncio.gather(ticker, return_exceptions=True)
            line.close()
            writer.transport.abort()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()


async def _tick(line: DriverLine, writer: asyncio.StreamWriter) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        line.tick()
        if writer.transport.get_write_buffer_size() > UNSENT_LIMIT:
            raise LinkError("the other side takes no bytes")
