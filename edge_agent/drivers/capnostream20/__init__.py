"""Driver for the Capnostream 20 and 20p: a conversation that has the monitor send its numbers and its CO2 wave."""

from __future__ import annotations

from edge_agent.drivers.capnostream20.framing import (
    CO2_WAVE,
    DEVICE_ID,
    ENABLE,
    LINK_ACTIVE,
    NUMERICS,
    SETUP,
    START,
    FrameDecoder,
    Message,
    encode,
)
from edge_agent.drivers.capnostream20.options import Capnostream20Options
from edge_agent.drivers.capnostream20.readings import CapnostreamReader
from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from vitals.readings import Observation

SILENCE_S = 1.0  # twenty samples arrive each second

# The monitor gives the link up 5 s after the last sign of life; ticks come once a second.
LINK_ACTIVE_EVERY_MS = 3_000
ENABLE_EVERY_MS = 2_000  # as long as nobody answers
SILENT_MS = 3_000  # a monitor that was sending has stopped: begin anew
_TELL_INTERRUPTIONS = bytes([4, 2])  # setup item: the monitor shows when the gateway has gone

_BEGIN = encode(SETUP, _TELL_INTERRUPTIONS) + encode(START) + encode(LINK_ACTIVE)


class Capnostream20Driver:
    """One monitor: enabled, started, and told every few seconds that somebody listens."""

    silence_s = SILENCE_S

    def __init__(self, options: Capnostream20Options) -> None:
        self._decoder = FrameDecoder()
        self._reader = CapnostreamReader(options.ambient_mmhg)
        self._open = False
        self._running = False  # the monitor answered, or sends already
        self._enabled_at = self._alive_at = self._heard_at = 0
        self._unanswered = 0  # enable commands since the monitor was last heard

    def start(self, now: int) -> bytes:
        """Forget half-read frames; ask the monitor to talk."""
        self._decoder.reset()
        self._reader.reset()
        self._open, self._unanswered = True, 0
        return self._enable(now)

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per message with numbers or a sample; the answer to a monitor that has said who it is."""
        return self._heard(self._decoder.feed(data), now)

    def tick(self, now: int) -> bytes:
        """A sign of life, or another attempt at a monitor that does not answer or has stopped."""
        if not self._open:
            return b""
        if self._running and now - self._heard_at < SILENT_MS:
            return self._alive(now) if now - self._alive_at >= LINK_ACTIVE_EVERY_MS else b""
        if self._running or now - self._enabled_at >= ENABLE_EVERY_MS:
            return self._enable(now)
        return b""

    def finish(self, now: int) -> Heard:
        """A sample that waited for the byte after it, and whatever made no sense."""
        heard = self._heard(self._decoder.finish(), now)
        return Heard(observations=heard.observations, good=heard.good, bad=heard.bad)

    def _heard(self, found: list[Message | BadFrame], now: int) -> Heard:
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        good = 0
        send = b""
        for item in found:
            read = item if isinstance(item, BadFrame) else self._reader.read(item, now)
            if isinstance(read, BadFrame):
                bad.append(read)
                continue
            assert isinstance(item, Message)
            # Chance makes messages of other kinds out of noise; they prove nothing.
            good += _is_known(item)
            send += self._answer(item, now)
            if read is not None:
                observations.append(read)
        return Heard(observations=tuple(observations), good=good, bad=tuple(bad), send=send)

    def _answer(self, message: Message, now: int) -> bytes:
        if not (self._open and _is_known(message)):
            return b""
        self._heard_at, self._unanswered = now, 0
        if message.code == DEVICE_ID:  # also when a monitor was switched off and on again
            self._running, self._alive_at = True, now
            return _BEGIN
        if not self._running:  # it sends already, nobody told it to stop
            self._running = True
            return self._alive(now)
        return b""

    def _enable(self, now: int) -> bytes:
        self._running, self._enabled_at = False, now
        self._unanswered += 1
        # A monitor that is enabled already may see no reason to say again who it is.
        return encode(ENABLE) if self._unanswered < 3 else encode(ENABLE) + _BEGIN

    def _alive(self, now: int) -> bytes:
        self._alive_at = now
        return encode(LINK_ACTIVE)


def _is_known(message: Message) -> bool:
    return message.code in (CO2_WAVE, NUMERICS) or (message.code == DEVICE_ID and message.payload.startswith(b"V"))


driver = DriverPlugin(
    name="capnostream20",
    title="Capnostream 20 and 20p capnographs",
    options=Capnostream20Options,
    line=SerialLine(baud=115200),
    other_lines=(SerialLine(baud=9600),),
    build=Capnostream20Driver,
)
