"""Just enough of MQTT 3.1.1 on the wire to make load cheaply: packets built by hand, replies read in bulk."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

CONNACK, PUBLISH, SUBACK = 0x20, 0x30, 0x90


def _length(size: int) -> bytes:
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw


def connect_packet(client_id: str) -> bytes:
    """A clean CONNECT with keepalive 60 s."""
    body = _text("MQTT") + bytes([4, 2]) + struct.pack("!H", 60) + _text(client_id)
    return b"\x10" + _length(len(body)) + body


def subscribe_packet(topics: list[str]) -> bytes:
    """A SUBSCRIBE at QoS 1."""
    body = struct.pack("!H", 1) + b"".join(_text(topic) + b"\x01" for topic in topics)
    return b"\x82" + _length(len(body)) + body


def publish_packet(topic: bytes, payload: bytes, packet_id: int) -> bytes:
    """A QoS 1 PUBLISH; `topic` is length-prefixed already."""
    size = len(topic) + 2 + len(payload)
    return b"\x32" + _length(size) + topic + packet_id.to_bytes(2, "big") + payload


def prefixed(topic: str) -> bytes:
    """A topic name as `publish_packet` wants it."""
    return _text(topic)


class Wire(asyncio.Protocol):
    """One connection; publishes are passed to `on_publish(topic, payload)` and acknowledged."""

    def __init__(self, on_publish: Callable[[bytes, bytes], None] | None = None) -> None:
        self.ready = asyncio.Event()
        self.subscribed = asyncio.Event()
        self.acknowledged = 0
        self._on_publish = on_publish
        self._buffer = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        start, end = 0, len(buffer)
        acknowledgements = bytearray()
        while end - start >= 2:
            size, shift, at = 0, 0, start + 1
            while at < end:
                byte = buffer[at]
                size |= (byte & 127) << shift
                shift += 7
                at += 1
                if not byte & 128:
                    break
            else:
                break
            if at + size > end:
                break
            kind = buffer[start] & 0xF0
            if kind == PUBLISH:
                acknowledgements += self._publish(buffer, start, at, size)
            elif kind == 0x40:
                self.acknowledged += 1
            elif kind == CONNACK:
                self.ready.set()
            elif kind == SUBACK:
                self.subscribed.set()
            start = at + size
        self._buffer = buffer[start:]
        if acknowledgements:
            assert self.transport is not None
            self.transport.write(bytes(acknowledgements))

    def _publish(self, buffer: bytes, start: int, at: int, size: int) -> bytes:
        qos = buffer[start] & 6
        length = int.from_bytes(buffer[at : at + 2], "big")
        topic = buffer[at + 2 : at + 2 + length]
        body = at + 2 + length
        reply = b""
        if qos:
            reply = b"\x40\x02" + buffer[body : body + 2]
            body += 2
        if self._on_publish is not None:
            self._on_publish(topic, buffer[body : at + size])
        return reply


async def open_wire(
    host: str, port: int, client_id: str, on_publish: Callable[[bytes, bytes], None] | None = None
) -> Wire:
    """Connect and wait for the CONNACK."""
    loop = asyncio.get_running_loop()
    _, wire = await loop.create_connection(lambda: Wire(on_publish), host, port)
    assert wire.transport is not None
    wire.transport.write(connect_packet(client_id))
    async with asyncio.timeout(10):
        await wire.ready.wait()
    return wire
