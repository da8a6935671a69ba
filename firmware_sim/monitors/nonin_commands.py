"""Commands the Bluetooth models of Nonin take: bytes of the host in, replies out."""

from __future__ import annotations

ACK = b"\x06"
NAK = b"\x15"
START = 0x02
END = 0x03
LENGTH_AT = 2
FRAME_BYTES = 4  # around the data: start, opcode, length, end
LONGEST = 16  # bytes of a command; what grows past it is noise
SERIAL_NUMBER = b"501234567"

SET_FORMAT = 0x70
GET_TIME = 0x72
GET_SERIAL = 0x74


class Replies:
    """Answers wait here until the stream is between two packets."""

    def __init__(self, format_: int) -> None:
        self._format = format_
        self._time = bytes((20, 1, 1, 0, 0, 0))  # year - 2000, month, day, hour, minute, second: plain binary
        self._heard = bytearray()
        self._waiting = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes of the host, in any pieces."""
        for byte in data:
            if not self._heard and byte != START:
                continue
            self._heard.append(byte)
            if len(self._heard) > LENGTH_AT and len(self._heard) == self._heard[LENGTH_AT] + FRAME_BYTES:
                self._obey(bytes(self._heard))
                self._heard.clear()
            elif len(self._heard) > LONGEST:
                self._heard.clear()

    def take(self) -> bytes:
        """The answers so far."""
        waiting = bytes(self._waiting)
        self._waiting.clear()
        return waiting

    def _obey(self, command: bytes) -> None:
        if command[-1] != END:
            return
        opcode, data = command[1], command[3:-1]
        if opcode == SET_FORMAT and len(data) >= 2:
            # The format is fixed here, as by the jumper of a wired module; asking for the one it has is fine.
            self._waiting += ACK if data[1] == self._format else NAK
        elif opcode == GET_TIME and not data:
            self._waiting += bytes((START, 0xF2, 6)) + self._time + bytes((END,))
        elif opcode == GET_TIME and len(data) == 6:
            self._time = data
            self._waiting += ACK
        elif opcode == GET_SERIAL:
            self._waiting += bytes((START, 0xF4, 1 + len(SERIAL_NUMBER), 2)) + SERIAL_NUMBER + bytes((END,))
