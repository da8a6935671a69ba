"""Driver for Nonin pulse oximeters: OEM III, Xpod, iPod, 9560, 3150 and desk units with a printer output."""

from __future__ import annotations

from edge_agent.drivers.driver import DriverPlugin, Heard, SerialLine
from edge_agent.drivers.nonin.commands import get_datetime, set_format
from edge_agent.drivers.nonin.decoder import Format
from edge_agent.drivers.nonin.once_a_second import OnceASecond
from edge_agent.drivers.nonin.options import NoninOptions
from edge_agent.drivers.nonin.packets import Packets
from edge_agent.drivers.nonin.printer import Printer
from edge_agent.drivers.nonin.spot_check import SpotChecks

_NUMBERS = {"df1": 1, "df2": 2, "df7": 7, "df8": 8, "df13": 13}
# A device that did not tell its clock by then will not.
_ASK_CLOCK_TIMES = 3

Stream = Packets | OnceASecond | SpotChecks | Printer


class NoninDriver:
    """One oximeter that sends by itself; a Bluetooth model is first told the format."""

    def __init__(self, options: NoninOptions) -> None:
        self._options = options
        self._stream = _stream(options)
        self._clock_asked = _ASK_CLOCK_TIMES  # nothing is asked before the line is open
        self.silence_s = self._stream.silence_s

    def start(self, now: int) -> bytes:
        """Forget half-read packets; ask a Bluetooth model for the configured format."""
        self._stream.reset()
        if self._options.model == "wired" or self._options.format == "auto":
            return b""
        self._clock_asked = 0
        return set_format(_NUMBERS[self._options.format])

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per packet, line or measurement."""
        return self._stream.feed(data, now)

    def tick(self, now: int) -> bytes:
        """No keep-alive; the clock of a spot check device is asked for, to know how old its measurements are."""
        if not isinstance(self._stream, SpotChecks) or self._stream.knows_clock:
            return b""
        if self._clock_asked >= _ASK_CLOCK_TIMES:
            return b""
        self._clock_asked += 1
        return get_datetime()

    def finish(self, now: int) -> Heard:
        """Whatever the bytes still held."""
        return self._stream.finish(now)


def _stream(options: NoninOptions) -> Stream:
    match options.format:
        case "df1":
            return OnceASecond(1, options.model)
        case "df8":
            return OnceASecond(8, options.model)
        case "df13":
            return SpotChecks()
        case "ascii":
            return Printer()
        case "df2":
            return Packets(frozenset({Format.DF2}), options.model)
        case "df7":
            return Packets(frozenset({Format.DF7}), options.model)
        case "auto":
            return Packets(frozenset({Format.DF2, Format.DF7}), options.model)


driver = DriverPlugin(
    name="nonin",
    title="Nonin pulse oximeters (data formats 1, 2, 7, 8, 13 and printer lines)",
    options=NoninOptions,
    line=SerialLine(baud=9600),
    build=NoninDriver,
)
