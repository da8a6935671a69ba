"""A UDP port on loopback: whoever spoke last hears the monitor, and everybody its announcements."""

from __future__ import annotations

import asyncio

from firmware_sim.monitors.monitor import Datagrams
from vitals.errors import UsageError

HOST = "127.0.0.1"
HELD_BYTES = 16_384  # waiting for the kernel; what comes on top is lost
HEARD_BYTES = 16_384  # of what the host sent and the monitor has not taken yet
# Announcements go to the port this far below the monitor's own, as 24005 is below 24105.
ANNOUNCED_BELOW = 100


class UdpLine(asyncio.DatagramProtocol):
    """Made by `await UdpLine.open(port, datagrams)`; port 0 takes a free one."""

    def __init__(self, datagrams: Datagrams) -> None:
        self.address = ""
        self.port = 0
        self.dropped = 0
        self._datagrams = datagrams
        self._heard = bytearray()
        self._host: tuple[str, int] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, port: int, datagrams: Datagrams) -> UdpLine:
        """Listen. Raises UsageError when the port is taken."""
        line = cls(datagrams)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: line, local_addr=(HOST, port))
        except OSError as error:
            raise UsageError(f"cannot listen on port {port}: {error.strerror}; choose another --udp PORT") from error
        line._transport = transport
        line.port = transport.get_extra_info("sockname")[1]
        line.address = f"{HOST}:{line.port}"
        return line

    def write(self, data: bytes) -> None:
        """Send each message as a datagram; one that nobody waits for is lost."""
        for datagram, announcement in self._datagrams.cut(data):
            host = (HOST, self.port - ANNOUNCED_BELOW) if announcement else self._host
            if host is None or self._transport is None or self._is_full(self._transport, len(datagram)):
                self.dropped += len(datagram)
            else:
                self._transport.sendto(datagram, host)

    def read(self) -> bytes:
        """What the host sent since the last call."""
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    def close(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.abort()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._host = addr
        wrapped = self._datagrams.wrap(data)
        if len(self._heard) + len(wrapped) <= HEARD_BYTES:
            self._heard += wrapped

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there: as with a real network, that is not the monitor's trouble."""

    @staticmethod
    def _is_full(transport: asyncio.DatagramTransport, more: int) -> bool:
        size: int = transport.get_write_buffer_size()  # type: ignore[attr-defined]
        return size + more > HELD_BYTES
