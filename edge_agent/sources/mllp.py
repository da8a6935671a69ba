"""MLLP frames: 0B, a message, 1C 0D. Bytes of a stream become messages and broken pieces."""

from __future__ import annotations

from edge_agent.sources.json_stream import Broken

START = b"\x0b"
END = b"\x1c\r"


class MllpStream:
    """Holds one unfinished message, of `limit` bytes at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held = bytearray()
        self._scanned = 0

    def feed(self, data: bytes) -> list[bytes | Broken]:
        """The messages that are complete now."""
        found: list[bytes | Broken] = []
        held = self._held
        held += data
        while True:
            begin = held.find(START)
            stray = len(held) if begin < 0 else begin
            if stray:
                if held[:stray].strip(b"\r\n"):
                    found.append(Broken("garbage", stray))
                del held[:stray]
                self._scanned = 0
            end = held.find(END, max(1, self._scanned))
            # A frame that begins inside another one: the sender broke off and began anew.
            anew = held.find(START, 1, end if end >= 0 else len(held))
            if anew > 0:
                found.append(Broken("incomplete", anew))
                del held[:anew]
                self._scanned = 0
                continue
            if end < 0:
                break
            whole = end - 1 <= self._limit
            found.append(bytes(held[1:end]) if whole else Broken("oversized", end))
            del held[: end + len(END)]
            self._scanned = 0
        if len(held) > self._limit + 1:
            found.append(Broken("oversized", len(held)))
            held.clear()
        self._scanned = max(0, len(held) - 1)
        return found

    def finish(self) -> list[bytes | Broken]:
        """The stream ended."""
        size = len(self._held)
        self._held.clear()
        self._scanned = 0
        return [Broken("incomplete", size)] if size else []


def frame(message: bytes) -> bytes:
    """A message as it goes out."""
    return START + message + END
