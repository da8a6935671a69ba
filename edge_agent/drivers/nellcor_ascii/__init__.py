"""Driver for Nellcor pulse oximeters that print a line each two seconds: N-395, N-560, N-595, N-600, NPB-190 to 295."""

from __future__ import annotations

import msgspec

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.lines import LineDecoder, hear
from edge_agent.drivers.nellcor_ascii.decoder import DOCUMENTED, LONGEST, Caption, Title, unpack
from edge_agent.drivers.nellcor_ascii.readings import introduce, observe
from vitals.readings import Observation

SILENCE_S = 5.0  # two lines and a margin


class NellcorOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The driver `nellcor-ascii` has no options."""


class NellcorDriver:
    """One oximeter that sends a line each two seconds, without being asked."""

    silence_s = SILENCE_S

    def __init__(self, options: NellcorOptions) -> None:
        self._decoder = LineDecoder(longest=LONGEST, exact=True)
        self._columns: tuple[int, int, int] | None = None  # of the last data line; None: whatever comes first

    def start(self, now: int) -> bytes:
        """The line opened: the first line is most likely half a line."""
        self._decoder.reset(whole=False)
        self._columns = DOCUMENTED
        return b""

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per data line and per title of a heading."""
        return hear(self._decoder.feed(data), self._read)

    def tick(self, now: int) -> bytes:
        """The device needs no keep-alive."""
        return b""

    def finish(self, now: int) -> Heard:
        """A last line without its end is given up: what it lacks may be the reason not to believe it."""
        return hear(self._decoder.finish(), self._read)

    def _read(self, line: bytes) -> Observation | BadFrame | None:
        unpacked = unpack(line)
        if isinstance(unpacked, Caption):
            return None
        if isinstance(unpacked, Title):
            return introduce(unpacked)
        bad = BadFrame(reason="bad_line", size=len(line))
        if unpacked is None:
            return bad
        before, self._columns = self._columns, unpacked.columns
        # Numbers elsewhere than documented: another model, or a lost digit has moved them and 105 reads 10. Only
        # another model does so twice in the same way.
        return observe(unpacked) if unpacked.columns == DOCUMENTED or before in (None, unpacked.columns) else bad


driver = DriverPlugin(
    name="nellcor-ascii",
    title="Nellcor pulse oximeters (real-time ASCII)",
    options=NellcorOptions,
    line=SerialLine(baud=9600),
    build=NellcorDriver,
)
