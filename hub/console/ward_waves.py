"""Waves for the screens that show a whole ward: frames gathered for a moment, made into bytes once for all screens."""

from __future__ import annotations

import msgspec

from hub.console.wave_screen import WaveScreen
from vitals.identity import BedKey
from vitals.waves import WaveFrame

EVERY_S = 0.25  # a message to each screen; a trace on the board runs 1.5 s behind anyway
QUEUED = 20  # messages a screen may be behind: five seconds
MAX_SCREENS = 200
MOST_GATHERED = 20_000  # frames between two messages; far above what a ward sends


class _Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one waveform in a message; value = raw * scale + offset, -32768: none."""

    bed: str
    device: str
    channel: str
    time: int  # of the first sample, UTC ms
    rate_hz: float
    scale: float
    offset: float
    unit: str
    size: int  # in samples


class WardLook:
    """The screens that show the same channels of the same ward, and what has come for them."""

    def __init__(self, ward: str, channels: frozenset[str]) -> None:
        self.ward = ward
        self.channels = channels
        self.screens: set[WaveScreen] = set()
        self._gathered: list[tuple[str, WaveFrame]] = []

    def open(self) -> WaveScreen:
        """One more screen."""
        screen = WaveScreen(lambda bed: bed.ward == self.ward, QUEUED)
        self.screens.add(screen)
        return screen

    def take(self, bed: BedKey, frame: WaveFrame) -> None:
        """A frame of a bed; kept until the next message if it is one of ours."""
        if bed.ward == self.ward and frame.channel in self.channels and len(self._gathered) < MOST_GATHERED:
            self._gathered.append((bed.bed, frame))

    def send(self) -> None:
        """One message with all that has come since the last; none when nothing has."""
        if self._gathered:
            message = encode(self._gathered)
            self._gathered = []
            for screen in self.screens:
                screen.put(message)


def encode(frames: list[tuple[str, WaveFrame]]) -> bytes:
    """`u32 length, JSON head, blanks to an even place, int16 samples`; little-endian."""
    stretches = [
        _Stretch(
            bed=bed,
            device=frame.device,
            channel=frame.channel,
            time=frame.time,
            rate_hz=frame.rate_hz,
            scale=frame.scale,
            offset=frame.offset,
            unit=frame.unit,
            size=frame.size,
        )
        for bed, frame in frames
    ]
    head = msgspec.json.encode(stretches)
    head += b" " * (len(head) % 2)
    return b"".join((len(head).to_bytes(4, "little"), head, *(frame.samples for _, frame in frames)))
