"""IntelliVue on the wire: messages in serial frames with a CRC, and the same messages as datagrams."""

from __future__ import annotations

START, END, ESCAPE = 0xC0, 0xC1, 0x7D
ESCAPED_BIT = 0x20
HEADER = b"\x11\x01"  # protocol and message type; the length follows
HEADER_BYTES = 4
CRC_BYTES = 2
CRC_POLYNOMIAL = 0x8408
LONGEST_FRAME = 4_096
CONNECT_INDICATION = b"\x00\x00\x01\x00"  # nomenclature; no other message begins so


def encode_frame(message: bytes) -> bytes:
    """The frame of a message."""
    body = HEADER + len(message).to_bytes(2, "big") + message
    out = bytearray((START,))
    for byte in body + crc16(body).to_bytes(CRC_BYTES, "little"):
        out += bytes((ESCAPE, byte ^ ESCAPED_BIT)) if byte in (START, END, ESCAPE) else bytes((byte,))
    out.append(END)
    return bytes(out)


def crc16(data: bytes) -> int:
    """CRC-16/X-25."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFF


class Unframer:
    """Frames in any pieces in, messages out. Noise, aborted and damaged frames are ignored."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None
        self._escaped = False

    def feed(self, data: bytes) -> list[bytes]:
        """The messages whose frames end in `data`."""
        messages = []
        for byte in data:
            if byte == START:
                self._frame, self._escaped = bytearray(), False
            elif self._frame is None:
                continue
            elif byte == END:
                message = None if self._escaped else _message(bytes(self._frame))
                self._frame = None
                if message is not None:
                    messages.append(message)
            elif byte == ESCAPE:
                self._escaped = True
            else:
                self._frame.append(byte ^ ESCAPED_BIT if self._escaped else byte)
                self._escaped = False
                if len(self._frame) > LONGEST_FRAME:
                    self._frame = None
        return messages


class IntelliVueDatagrams:
    """The conversation of the serial port carried over UDP: one message a datagram, without its frame."""

    def __init__(self) -> None:
        self._unframer = Unframer()

    def cut(self, data: bytes) -> list[tuple[bytes, bool]]:
        """The datagrams in what a monitor sends, and whether each is an announcement to all."""
        return [(message, message.startswith(CONNECT_INDICATION)) for message in self._unframer.feed(data)]

    def wrap(self, datagram: bytes) -> bytes:
        """What a monitor hears of a datagram."""
        return encode_frame(datagram) if len(datagram) < LONGEST_FRAME else b""


def _message(frame: bytes) -> bytes | None:
    body, crc = frame[:-CRC_BYTES], frame[-CRC_BYTES:]
    if len(body) < HEADER_BYTES or crc16(body) != int.from_bytes(crc, "little") or not body.startswith(HEADER):
        return None
    message = body[HEADER_BYTES:]
    return message if len(message) == int.from_bytes(body[2:HEADER_BYTES], "big") else None


def _crc_of(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ CRC_POLYNOMIAL if byte & 1 else byte >> 1
    return byte


_CRC = [_crc_of(byte) for byte in range(256)]
