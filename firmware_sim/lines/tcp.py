"""A TCP server on loopback, as a serial device server: whoever connects hears the monitor from now on."""

from __future__ import annotations

import asyncio

from vitals.errors import UsageError

HOST = "127.0.0.1"
HELD_BYTES = 16_384  # per reader; a reader further behind loses bytes
HEARD_BYTES = 4_096  # of what readers wrote and the monitor has not taken yet


class TcpLine:
    """Made by `await TcpLine.open(port)`; port 0 takes a free one."""

    def __init__(self) -> None:
        self.address = ""
        self.dropped = 0
        self._readers: set[asyncio.Transport] = set()
        self._heard = bytearray()
        self._server: asyncio.Server | None = None

    @classmethod
    async def open(cls, port: int) -> TcpLine:
        """Listen. Raises UsageError when the port is taken."""
        line = cls()
        loop = asyncio.get_running_loop()
        try:
            line._server = await loop.create_server(lambda: _Reader(line), HOST, port)
        except OSError as error:
            raise UsageError(f"cannot listen on port {port}: {error.strerror}; choose another --tcp PORT") from error
        line.address = f"{HOST}:{line._server.sockets[0].getsockname()[1]}"
        return line

    def write(self, data: bytes) -> None:
        """Send to everyone who keeps up."""
        if not self._readers:
            self.dropped += len(data)
        for reader in self._readers:
            if reader.get_write_buffer_size() + len(data) > HELD_BYTES:
                self.dropped += len(data)
            else:
                reader.write(data)

    def read(self) -> bytes:
        """What readers wrote since the last call."""
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    def close(self) -> None:
        """Hang up."""
        if self._server is not None:
            self._server.close()
        for reader in self._readers:
            reader.abort()


class _Reader(asyncio.Protocol):
    def __init__(self, line: TcpLine) -> None:
        self._line = line
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._line._readers.add(transport)

    def data_received(self, data: bytes) -> None:
        room = HEARD_BYTES - len(self._line._heard)
        self._line._heard += data[:room]

    def connection_lost(self, exc: Exception | None) -> None:
        if self._transport is not None:
            self._line._readers.discard(self._transport)
