"""The stream of a CMS50 in either of its formats, recognised by its bytes: observations out."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from edge_agent.drivers.contec_cms50.packages import REAL_TIME, PackageDecoder
from edge_agent.drivers.contec_cms50.readings import observe_package, observe_packet
from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.neighbours import look_alike
from edge_agent.drivers.sync_bit import SyncBitDecoder
from vitals.readings import Observation

PACKET = 5  # bytes
# So many bytes of which no format can be told are noise, and so many bad ones in a row end a format that was told.
GIVE_UP = 256

Found = list[bytes | BadFrame]


@dataclass(slots=True)
class _Candidate:
    """One of the formats, and what its decoder made of the bytes so far."""

    name: str
    decoder: SyncBitDecoder | PackageDecoder
    observe: Callable[[bytes], Observation]
    heard: Found = field(default_factory=list)

    def read(self, found: Iterable[bytes | BadFrame]) -> list[Observation | BadFrame]:
        return [item if isinstance(item, BadFrame) else self.observe(item) for item in found]

    def tells(self, found: Found) -> bool:
        """Whether a packet of numbers was found; answers to commands are too short to tell a format by."""
        return any(isinstance(item, bytes) and (len(item) == PACKET or item[0] == REAL_TIME) for item in found)

    def badness(self) -> tuple[bool, int]:
        """The less the better: no packet at all, then bytes given up."""
        packets = any(isinstance(item, bytes) for item in self.heard)
        return not packets, sum(item.size for item in self.heard if isinstance(item, BadFrame))


class Cms50Stream:
    """Finds packets of the one or of the other format; holds less than GIVE_UP bytes."""

    def __init__(self, format_: str) -> None:
        candidates = [
            _Candidate("5byte", SyncBitDecoder(PACKET, _alike(observe_packet)), observe_packet),
            _Candidate("9byte", PackageDecoder(_alike(observe_package)), observe_package),
        ]
        self._candidates = [candidate for candidate in candidates if format_ in (candidate.name, "auto")]
        self._forget()

    @property
    def format(self) -> str | None:
        """The format that was recognised or asked for."""
        return self._told.name if self._told else None

    def reset(self) -> None:
        """A line opened somewhere in the stream of perhaps another device."""
        for candidate in self._candidates:
            candidate.decoder.reset(whole=False)
        self._forget()

    def feed(self, data: bytes) -> list[Observation | BadFrame]:
        """Take the next piece of the stream."""
        out: list[Observation | BadFrame] = []
        for at in range(0, len(data), GIVE_UP):
            piece = data[at : at + GIVE_UP]
            if self._told and self._follow(self._told, piece, out):
                continue
            for byte in map(bytes, zip(piece, strict=True)):
                if not self._told:
                    self._try(byte, out)
                elif not self._follow(self._told, byte, out):
                    self._abandon(self._told, byte, out)
        return out

    def finish(self) -> list[Observation | BadFrame]:
        """The stream ended."""
        best = self._told
        if best:
            out = best.read(best.decoder.finish())
        else:
            for candidate in self._candidates:
                candidate.heard += candidate.decoder.finish()
            best = min(self._candidates, key=_Candidate.badness)
            out = best.read(best.heard)
        self._forget()
        return out

    def _forget(self) -> None:
        self._told = self._candidates[0] if len(self._candidates) == 1 else None
        self._tried = 0  # bytes since the beginning, or since the last report of noise
        self._lost = 0  # bytes given up since the last packet of the format that was told
        for candidate in self._candidates:
            candidate.heard = []

    def _try(self, byte: bytes, out: list[Observation | BadFrame]) -> None:
        """Let both decoders hear one more byte; the first that believes a packet of numbers has it."""
        self._tried += 1
        for candidate in self._candidates:
            found = candidate.decoder.feed(byte)
            candidate.heard += found
            if found and candidate.tells(found):
                self._told, self._lost = candidate, 0
                out += candidate.read(candidate.heard)
                candidate.heard = []
                return
        if self._tried >= GIVE_UP:
            out.append(BadFrame(reason="resync", size=self._tried))
            self._forget()

    def _follow(self, told: _Candidate, data: bytes, out: list[Observation | BadFrame]) -> bool:
        """Read on in the format that was told. False, and nothing done, if `data` shows it is not that format."""
        decoder, lost = copy.copy(told.decoder), self._lost
        found = decoder.feed(data)
        for item in found:
            lost = lost + item.size if isinstance(item, BadFrame) else 0
            if lost >= GIVE_UP and len(self._candidates) > 1:
                return False
        told.decoder, self._lost = decoder, lost
        out += told.read(found)
        return True

    def _abandon(self, told: _Candidate, byte: bytes, out: list[Observation | BadFrame]) -> None:
        """This byte was one bad byte too many: begin anew after it."""
        out += told.read(told.decoder.feed(byte))
        self.reset()


def _alike(observe: Callable[[bytes], Observation]) -> Callable[[bytes, bytes], bool]:
    return lambda before, packet: look_alike(observe(before), observe(packet))
