"""The stream of one oximeter in the data formats 2 and 7: packets become observations, three a second."""

from __future__ import annotations

from edge_agent.drivers.driver import BadFrame, Heard
from edge_agent.drivers.nonin.decoder import FRAMES, Format, Packet, PacketDecoder
from edge_agent.drivers.nonin.options import Model
from edge_agent.drivers.nonin.readings import observe
from vitals.readings import Observation

SILENCE_S = 1.0


class Packets:
    """One oximeter that sends waves."""

    silence_s = SILENCE_S

    def __init__(self, formats: frozenset[Format], model: Model) -> None:
        self._model = model
        self._decoder = PacketDecoder(formats)

    def reset(self) -> None:
        """A line opened somewhere in the stream."""
        self._decoder.reset()

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per packet."""
        return self._heard(self._decoder.feed(data))

    def finish(self, now: int) -> Heard:
        """Whatever made no sense up to the end."""
        return self._heard(self._decoder.finish())

    def _heard(self, found: list[Packet | BadFrame]) -> Heard:
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        for item in found:
            if isinstance(item, Packet):
                observations.append(observe(item, wired=self._model == "wired"))
            else:
                bad.append(item)
        return Heard(observations=tuple(observations), good=FRAMES * len(observations), bad=tuple(bad))
