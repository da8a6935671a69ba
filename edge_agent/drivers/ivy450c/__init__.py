"""Driver for the Ivy 450C bedside monitor: ECG, respiration, SpO2, CO2, pressures and temperatures, once a second."""

from __future__ import annotations

from dataclasses import replace

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.ivy450c.decoder import Frame, FrameDecoder
from edge_agent.drivers.ivy450c.options import IvyOptions
from edge_agent.drivers.ivy450c.readings import observe, part
from vitals.readings import Observation

SILENCE_S = 2.5  # a frame arrives each second


class IvyDriver:
    """One monitor that sends a frame each second, without being asked."""

    silence_s = SILENCE_S

    def __init__(self, options: IvyOptions) -> None:
        self._options = options
        self._decoder = FrameDecoder()
        self._armed = True
        self._live = False
        self._cuff: tuple[float | None, ...] | None = None  # the measurement told last; None: not one yet

    def start(self, now: int) -> bytes:
        """The line opened: forget half a frame. The cuff pressure told last is not told again."""
        self._decoder.reset()
        self._armed, self._live = False, True
        return b""

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per frame, and one per measurement of the cuff."""
        return self._heard(self._decoder.feed(data))

    def tick(self, now: int) -> bytes:
        """The device needs no keep-alive."""
        return b""

    def finish(self, now: int) -> Heard:
        """Whatever made no sense up to the end."""
        return self._heard(self._decoder.finish())

    def _heard(self, found: list[Frame | BadFrame]) -> Heard:
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        for item in found:
            if isinstance(item, BadFrame):
                bad.append(item)
                self._armed = False
            elif self._armed:
                observations += self._told(item)
            else:  # there is no checksum: after a gap, the first frame only says that frames are coming again
                self._armed = True
        return Heard(observations=tuple(observations), good=len(found) - len(bad), bad=tuple(bad))

    def _told(self, frame: Frame) -> list[Observation]:
        cuff, rest = part(observe(frame, self._options))
        measured, before = frame.lines["NIBP"].numbers, self._cuff
        self._cuff = measured
        if measured == before:
            return [rest]
        if before is None and self._live and cuff.values:  # measured before we listened, nobody says when
            cuff = replace(cuff, flags=tuple(sorted({*cuff.flags, "from_memory"})))
        return [cuff, rest]


driver = DriverPlugin(
    name="ivy450c",
    title="Ivy 450C bedside monitor",
    options=IvyOptions,
    line=SerialLine(baud=9600),
    build=IvyDriver,
)
