"""Driver for Masimo pulse oximeters in the output mode ASCII 1: Radical-5, Radical-7, Rad-8, Rad-87."""

from __future__ import annotations

from dataclasses import replace

import msgspec

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.lines import LineDecoder, hear
from edge_agent.drivers.masimo_ascii1.decoder import LONGEST, Ascii2Line, unpack
from edge_agent.drivers.masimo_ascii1.readings import observe
from vitals.readings import Observation

SILENCE_S = 2.5  # a line arrives each second

_WRONG_MODE = Observation(device={"wrong_mode": "ascii2"})


class MasimoOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The driver `masimo-ascii1` has no options."""


class MasimoDriver:
    """One oximeter that sends a line each second, without being asked."""

    silence_s = SILENCE_S

    def __init__(self, options: MasimoOptions) -> None:
        self._decoder = LineDecoder(longest=LONGEST, exact=True)
        self._width: int | None = None  # digits of EXC

    def start(self, now: int) -> bytes:
        """The line opened: the first line is most likely half a line."""
        self._decoder.reset(whole=False)
        self._width = None
        return b""

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per line."""
        return self._heard(self._decoder.feed(data))

    def tick(self, now: int) -> bytes:
        """The device needs no keep-alive."""
        return b""

    def finish(self, now: int) -> Heard:
        """A last line without its end is given up: what it lacks may be the reason not to believe it."""
        return self._heard(self._decoder.finish())

    def _heard(self, lines: list[bytes | BadFrame]) -> Heard:
        heard = hear(lines, self._read)
        # A device in the wrong mode looks alive. Nothing of it can be used, so its link is to count as silent.
        useless = sum(seen is _WRONG_MODE for seen in heard.observations)
        return replace(heard, good=heard.good - useless)

    def _read(self, line: bytes) -> Observation | BadFrame:
        unpacked = unpack(line)
        if isinstance(unpacked, Ascii2Line):
            return _WRONG_MODE
        bad = BadFrame(reason="bad_line", size=len(line))
        if unpacked is None:
            return bad
        width, self._width = self._width, len(unpacked.fields["EXC"])
        # EXC has 3, 6 or 7 digits, and 000820 (sensor off) cut to 000 would read "all is well".
        return observe(unpacked) if width in (None, self._width) else bad


driver = DriverPlugin(
    name="masimo-ascii1",
    title="Masimo pulse oximeters (output mode ASCII 1)",
    options=MasimoOptions,
    line=SerialLine(baud=9600),
    build=MasimoDriver,
)
