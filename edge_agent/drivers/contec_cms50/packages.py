"""Decoder of the 9-byte protocol: bytes in, packages out, of every type a CMS50 is known to send."""

from __future__ import annotations

import re
from collections.abc import Callable

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.gap import Gap

REAL_TIME = 0x01

# Types by whole length; the undocumented ones were seen in traces.
_TYPES = {
    2: (0x0C,),
    3: (0x0D, 0x0E, 0x10),
    4: (0x06, 0x0A, 0x0B),
    6: (0x09,),
    8: (0x07, 0x08, 0x0F, 0x12),
    9: (REAL_TIME, 0x02, 0x03, 0x04, 0x05, 0x11, 0x13, 0x14, 0x15),
}
LENGTHS = {kind: length for length, kinds in _TYPES.items() for kind in kinds}

_BODY = re.compile(rb"[\x80-\xff]*")
_TYPE = re.compile(rb"[\x00-\x7f]")


class PackageDecoder:
    """Finds packages in a stream of bytes; holds less than one.

    A byte without bit 7 always begins a package, every other byte has bit 7. There is no checksum. So after the line
    opened, and after each fault, a real-time package is believed only if another one stood before it, nothing but whole
    packages came between, and `agree(before, package)`. In a recording the first byte may begin a package.
    """

    def __init__(self, agree: Callable[[bytes, bytes], bool]) -> None:
        self._agree = agree
        self.reset(whole=True)

    def reset(self, *, whole: bool) -> None:
        """Forget everything heard. `whole`: the next byte begins a package; otherwise it may stand inside of one."""
        self._rest = b""
        self._before: bytes | None = None  # the last real-time package, with nothing bad since
        self._trusted = whole
        self._gap = Gap(forgiven=0 if whole else LENGTHS[REAL_TIME] - 1)

    def feed(self, data: bytes) -> list[bytes | BadFrame]:
        """Take the next piece of the stream."""
        found: list[bytes | BadFrame] = []
        buffer, at = self._rest + data, 0
        while at < len(buffer):
            length = LENGTHS.get(buffer[at], 0)
            body = _BODY.match(buffer, at + 1)
            assert body is not None  # it matches nothing at least
            if length and body.end() - at >= length:
                self._take(buffer[at : at + length], found)
                at += length
            elif length and body.end() == len(buffer):
                break
            else:
                end = _next_type(buffer, at)
                self._distrust(end - at, found)
                at = end
        self._rest = buffer[at:]
        return found

    def finish(self) -> list[bytes | BadFrame]:
        """The stream ended. A package cut by the end is no fault."""
        found: list[bytes | BadFrame] = []
        self._close_gap(found)
        self.reset(whole=True)
        return found

    def _take(self, package: bytes, found: list[bytes | BadFrame]) -> None:
        self._close_gap(found)
        if package[0] == REAL_TIME:
            self._trusted = self._trusted or bool(self._before and self._agree(self._before, package))
            self._before = package
        if self._trusted:
            found.append(package)

    def _distrust(self, size: int, found: list[bytes | BadFrame]) -> None:
        self._before, self._trusted = None, False
        self._gap, told = self._gap.widened(size)
        found += told

    def _close_gap(self, found: list[bytes | BadFrame]) -> None:
        found += self._gap.closed()
        self._gap = Gap()


def _next_type(buffer: bytes, at: int) -> int:
    """Where the next byte without bit 7 stands, not counting the one at `at`; the end if there is none."""
    match = _TYPE.search(buffer, at + 1)
    return match.start() if match else len(buffer)
