"""Driver for Contec pulse oximeters: CMS50D, D+, E, F, EW, FW, 60C and 60D, in both of their formats."""

from __future__ import annotations

from edge_agent.drivers.contec_cms50.options import ContecCms50Options
from edge_agent.drivers.contec_cms50.packing import KEEP_ALIVE, START, command
from edge_agent.drivers.contec_cms50.stream import Cms50Stream
from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from vitals.readings import Observation

SILENCE_S = 1.0  # sixty packets arrive each second

# Some devices stop about 30 s after the start command, whatever else they hear.
START_EVERY_MS = 15_000
KEEP_ALIVE_EVERY_MS = 5_000
ASK_AGAIN_MS = 1_000  # nothing was heard for this long


class ContecCms50Driver:
    """One oximeter: an older one sends by itself, a newer one when it is told to, and only for a while."""

    silence_s = SILENCE_S

    def __init__(self, options: ContecCms50Options) -> None:
        self._stream = Cms50Stream(options.format)
        self._open = False
        self._heard_at = self._started_at = self._kept_at = 0

    def start(self, now: int) -> bytes:
        """Forget half-read packets; ask for real-time data."""
        self._stream.reset()
        self._open = True
        self._heard_at = now
        return self._ask(now) if self._talks else b""

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per packet."""
        heard = _heard(self._stream.feed(data))
        if heard.good:
            self._heard_at = now
        return heard

    def tick(self, now: int) -> bytes:
        """Keep a device of the 9-byte format sending, and wake it up when it has stopped."""
        if not (self._open and self._talks):
            return b""
        silent = now - max(self._heard_at, self._started_at) >= ASK_AGAIN_MS
        if silent or now - self._started_at >= START_EVERY_MS:
            return self._ask(now)
        if now - self._kept_at >= KEEP_ALIVE_EVERY_MS:
            self._kept_at = now
            return command(KEEP_ALIVE)
        return b""

    def finish(self, now: int) -> Heard:
        """Whatever the bytes still held."""
        return _heard(self._stream.finish())

    @property
    def _talks(self) -> bool:
        return self._stream.format != "5byte"

    def _ask(self, now: int) -> bytes:
        self._started_at = self._kept_at = now
        return command(START)


def _heard(found: list[Observation | BadFrame]) -> Heard:
    observations = tuple(item for item in found if isinstance(item, Observation))
    bad = tuple(item for item in found if isinstance(item, BadFrame))
    return Heard(observations=observations, good=len(observations), bad=bad)


driver = DriverPlugin(
    name="contec-cms50",
    title="Contec CMS50 and CMS60 pulse oximeters",
    options=ContecCms50Options,
    line=SerialLine(baud=115200),
    build=ContecCms50Driver,
    other_lines=(SerialLine(baud=19200, parity="O"),),
)
