"""A bad network on loopback: a TCP proxy that delays, throttles, chops, blackholes, resets and cuts, on command.

It stands between a gateway and its broker. Everything can be changed while connections are open.
"""

import asyncio
import contextlib
import socket
import struct
import threading

CHUNK = 4_096


class Proxy:
    """Forwards 127.0.0.1:`port` to 127.0.0.1:`target`; its weather is its attributes."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.target = target
        self.delay_s = 0.0  # before each chunk, each way
        self.bytes_per_s = 0  # 0: as fast as it goes
        self.one_byte = False  # written byte by byte
        self.blackhole = False  # connections stay open and nothing passes
        self.refuse = False  # new connections are reset at once
        self.close_after = 0  # a connection is reset after so many bytes towards the target; 0: never
        self.passed = 0  # bytes towards the target
        self.connections = 0  # ever made
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._run, name="chaos proxy", daemon=True)

    def start(self) -> "Proxy":
        """Listen; returns when connections are taken."""
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def cut(self) -> None:
        """Reset every open connection."""
        asyncio.run_coroutine_threadsafe(self._reset_all(), self._loop).result(10)

    def calm(self) -> None:
        """A good network again, for connections that are open, too."""
        self.delay_s, self.bytes_per_s, self.close_after = 0.0, 0, 0
        self.one_byte = self.blackhole = self.refuse = False

    def stop(self) -> None:
        """Cut everything and stop listening."""
        if self._server is not None:
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
            self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _listen(self) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refuse:
            _reset(writer)
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            _reset(writer)
            return
        self._open |= {writer, far_writer}
        ways = [
            asyncio.ensure_future(self._pump(reader, far_writer, towards=True)),
            asyncio.ensure_future(self._pump(far_reader, writer, towards=False)),
        ]
        try:
            with contextlib.suppress(asyncio.CancelledError):  # only when the proxy itself stops
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            for end in (writer, far_writer):
                self._open.discard(end)
                _reset(end)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, towards: bool) -> None:
        carried = 0
        while True:
            data = await reader.read(min(CHUNK, max(1, self.bytes_per_s // 10)) if self.bytes_per_s else CHUNK)
            if not data:
                return
            while self.blackhole:
                await asyncio.sleep(0.05)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            if towards and self.close_after and carried + len(data) > self.close_after:
                writer.write(data[: self.close_after - carried])
                return
            await self._write(writer, data)
            carried += len(data)
            if towards:
                self.passed += len(data)

    async def _write(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        pieces = [data[at : at + 1] for at in range(len(data))] if self.one_byte else [data]
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            if self.one_byte:
                await asyncio.sleep(0)
        if self.bytes_per_s:
            await asyncio.sleep(len(data) / self.bytes_per_s)

    async def _reset_all(self) -> None:
        for writer in list(self._open):
            _reset(writer)

    async def _end(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._reset_all()
        await asyncio.sleep(0.05)
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST, as a router that forgot the connection does."""
    line = writer.get_extra_info("socket")
    if line is not None and line.fileno() >= 0:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
