"""MQTT packets of a connection that only listens: bytes in, messages and bytes to answer out.

Sans I/O. It speaks MQTT 5 and 3.1.1 and knows what a subscriber needs: CONNECT, SUBSCRIBE, PUBLISH at QoS 0 and 1,
PUBACK, PING and DISCONNECT. It exists because a hub is told tens of thousands of messages a second and a general
client spends more on each than everything the hub does with it (benchmarks/RESULTS.md).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Literal

Version = Literal["5", "3.1.1"]
Heard = Callable[[str, bytes, bool], None]
"""(topic, payload, retained)"""

MAX_PACKET = 1 << 20  # the brokers we set up carry at most 256 kB; whoever sends more is no broker of ours
RECEIVE_MAXIMUM = 65_535
MAX_TOPICS = 100_000  # names remembered, so that a flood of topics cannot fill the memory

CONNACK, PUBLISH, SUBACK, PINGRESP, DISCONNECT = 2, 3, 9, 13, 14
PINGREQ = b"\xc0\x00"
LEAVE = b"\xe0\x00"

_SUBSCRIBE_ID = 1
_REFUSAL = 0x80
_WRONG_VERSION = {"5": {0x01, 0x84}, "3.1.1": {0x01}}
_SERVER_KEEP_ALIVE = 0x13
_WIDTHS = {  # bytes of each CONNACK property; 0: a string, -1: a pair of strings
    0x11: 4, 0x21: 2, 0x24: 1, 0x25: 1, 0x27: 4, 0x12: 0, 0x22: 2, 0x1F: 0, 0x26: -1, 0x28: 1, 0x29: 1, 0x2A: 1,
    0x13: 2, 0x1A: 0, 0x1C: 0, 0x15: 0, 0x16: 0,
}  # fmt: skip


class PacketError(Exception):
    """What came is not MQTT, or not what a subscriber can be sent."""


class RefusedError(Exception):
    """The broker said no. `version` when it would rather speak another MQTT version."""

    def __init__(self, sentence: str, *, version: bool = False) -> None:
        super().__init__(sentence)
        self.version = version


def length(size: int) -> bytes:
    """A number as MQTT writes the length of what follows."""
    out = bytearray()
    while True:
        size, low = divmod(size, 128)
        out.append(low | (0x80 if size else 0))
        if not size:
            return bytes(out)


def connect(version: Version, client_id: str, keepalive_s: int, username: str | None, password: str | None) -> bytes:
    """A clean CONNECT without a will."""
    flags = 0x02 | (0x80 if username is not None else 0) | (0x40 if password is not None else 0)
    body = _text("MQTT") + struct.pack("!BBH", 5 if version == "5" else 4, flags, keepalive_s)
    if version == "5":
        properties = struct.pack("!BHBI", 0x21, RECEIVE_MAXIMUM, 0x27, MAX_PACKET)
        body += length(len(properties)) + properties
    body += _text(client_id)
    for part in (username, password):
        if part is not None:
            body += _text(part)
    return b"\x10" + length(len(body)) + body


def subscribe(version: Version, filters: Sequence[str]) -> bytes:
    """A SUBSCRIBE to all `filters` at QoS 1."""
    body = struct.pack("!H", _SUBSCRIBE_ID) + (b"\x00" if version == "5" else b"")
    body += b"".join(_text(topic) + b"\x01" for topic in filters)
    return b"\x82" + length(len(body)) + body


class Ear:
    """Reads what a broker sends to one connection, however the line splits it."""

    def __init__(self, version: Version, heard: Heard) -> None:
        self.accepted = False  # the broker has let us in
        self.subscribed = False  # and granted every subscription
        self.keepalive_s: int | None = None  # when the broker wants another
        self._version = version
        self._heard = heard
        self._rest = b""
        self._names: dict[bytes, str] = {}

    def feed(self, data: bytes) -> bytes:
        """Take in bytes, tell every message in them; returns what to write back.

        Raises PacketError or RefusedError; the connection is of no use then.
        """
        buffer = self._rest + data if self._rest else data
        at, end = 0, len(buffer)
        answers = bytearray()
        while end - at >= 2:
            size, body = buffer[at + 1], at + 2
            if size > 127:
                found = _long_length(buffer, at + 1, end)
                if found is None:
                    break
                size, body = found
            stop = body + size
            if stop > end:
                break
            head = buffer[at]
            if head >> 4 == PUBLISH:
                self._publish(head, buffer, body, stop, answers)
            else:
                self._control(head >> 4, buffer[body:stop])
            at = stop
        self._rest = buffer[at:]
        return bytes(answers)

    def _publish(self, head: int, buffer: bytes, at: int, stop: int, answers: bytearray) -> None:
        start = at + 2
        at = start + (buffer[at] << 8) + buffer[at + 1] if start <= stop else stop + 1
        name = buffer[start:at]
        qos = head & 6
        if qos:
            if qos != 2:  # two bits: QoS 1 is 2 here
                raise PacketError("a message at QoS 2 or 3, which nobody subscribed to")
            answers += b"\x40\x02"
            answers += buffer[at : at + 2]
            at += 2
        if self._version == "5" and at < stop:
            skip = buffer[at]
            at += 1
            if skip > 127:
                found = _long_length(buffer, at - 1, stop)
                if found is None:
                    raise PacketError("a message ends inside its properties")
                skip, at = found
            at += skip
        if at > stop:
            raise PacketError("a message is shorter than its head")
        self._heard(self._names.get(name) or self._name(name), buffer[at:stop], bool(head & 1))

    def _name(self, raw: bytes) -> str:
        try:
            name = raw.decode()
        except UnicodeDecodeError as exc:
            raise PacketError("a topic is not UTF-8") from exc
        if not name:
            raise PacketError("a message has no topic, and topic aliases were not offered")
        if len(self._names) < MAX_TOPICS:
            self._names[raw] = name
        return name

    def _control(self, kind: int, body: bytes) -> None:
        if kind == CONNACK:
            self._connack(body)
        elif kind == SUBACK:
            self._suback(body)
        elif kind == DISCONNECT:
            raise RefusedError(f"the broker ended the connection, reason 0x{body[0] if body else 0:02x}")
        elif kind != PINGRESP:
            raise PacketError(f"a packet of kind {kind}, which a subscriber is never sent")

    def _connack(self, body: bytes) -> None:
        if len(body) < 2:
            raise PacketError("the answer to CONNECT is too short")
        reason = body[1]
        if reason:
            raise RefusedError(f"reason 0x{reason:02x}", version=reason in _WRONG_VERSION[self._version])
        if self._version == "5":
            self.keepalive_s = _server_keepalive(body[2:])
        self.accepted = True

    def _suback(self, body: bytes) -> None:
        start = 2
        if self._version == "5":
            found = _long_length(body, 2, len(body))
            if found is None:
                raise PacketError("the answer to SUBSCRIBE is too short")
            start = found[1] + found[0]
        refused = [code for code in body[start:] if code >= _REFUSAL]
        if refused or start >= len(body):
            raise RefusedError(f"subscription refused, reason 0x{refused[0] if refused else 0x80:02x}")
        self.subscribed = True


def _server_keepalive(properties: bytes) -> int | None:
    """What the CONNACK says of the keepalive; a property nobody knows ends the search, not the connection."""
    found = _long_length(properties, 0, len(properties))
    if found is None:
        return None
    size, at = found
    end = min(len(properties), at + size)
    while at < end:
        kind = properties[at]
        if kind == _SERVER_KEEP_ALIVE and at + 3 <= end:
            return int.from_bytes(properties[at + 1 : at + 3], "big")
        width = _WIDTHS.get(kind)
        if width is None:
            return None
        at += 1
        for _ in range(2 if width == -1 else 1):
            at += width if width > 0 else 2 + int.from_bytes(properties[at : at + 2], "big")
    return None


def _long_length(buffer: bytes, at: int, end: int) -> tuple[int, int] | None:
    """(size, where it begins); None when more bytes are needed. Raises PacketError past the largest packet."""
    size = shift = 0
    while at < end:
        byte = buffer[at]
        at += 1
        size |= (byte & 127) << shift
        if not byte & 128:
            if size > MAX_PACKET:
                raise PacketError(f"a packet of {size} bytes; at most {MAX_PACKET} are read")
            return size, at
        shift += 7
        if shift > 21:
            raise PacketError("a length of more than four bytes")
    return None


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("!H", len(raw)) + raw
