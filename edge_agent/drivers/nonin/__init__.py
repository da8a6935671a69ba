"""Driver for Nonin pulse oximeters in the data formats 2 and 7: OEM III, Xpod, iPod, 9560, 3150."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from edge_agent.drivers.driver import BadFrame, DriverPlugin, Heard, SerialLine
from edge_agent.drivers.nonin.decoder import FRAMES, Format, Packet, PacketDecoder
from edge_agent.drivers.nonin.readings import observe
from vitals.readings import Observation

SILENCE_S = 1.0  # three packets of 25 frames arrive each second


class NoninOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the driver `nonin`."""

    format: Annotated[
        Literal["auto", "df2", "df7"],
        msgspec.Meta(description="Data format of the stream; auto takes whichever of the two arrives"),
    ] = "auto"
    model: Annotated[
        Literal["wired", "bluetooth"],
        msgspec.Meta(description="wired: status bit 6 means no sensor. bluetooth (9560, 3150): that bit is undefined"),
    ] = "wired"


_FORMATS = {
    "auto": frozenset({Format.DF2, Format.DF7}),
    "df2": frozenset({Format.DF2}),
    "df7": frozenset({Format.DF7}),
}


class NoninDriver:
    """One oximeter that sends by itself; a Bluetooth model is first told the format."""

    silence_s = SILENCE_S

    def __init__(self, options: NoninOptions) -> None:
        self._options = options
        self._decoder = PacketDecoder(_FORMATS[options.format])

    def start(self, now: int) -> bytes:
        """Forget half-read packets; ask a Bluetooth model for the configured format."""
        self._decoder.reset()
        if self._options.model == "wired" or self._options.format == "auto":
            return b""
        (format_,) = _FORMATS[self._options.format]
        return set_format(format_)

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per packet."""
        return self._heard(self._decoder.feed(data))

    def tick(self, now: int) -> bytes:
        """The device needs no keep-alive."""
        return b""

    def finish(self, now: int) -> Heard:
        """Whatever made no sense up to the end."""
        return self._heard(self._decoder.finish())

    def _heard(self, found: list[Packet | BadFrame]) -> Heard:
        observations: list[Observation] = []
        bad: list[BadFrame] = []
        for item in found:
            if isinstance(item, Packet):
                observations.append(observe(item, wired=self._options.model == "wired"))
            else:
                bad.append(item)
        return Heard(observations=tuple(observations), good=FRAMES * len(observations), bad=tuple(bad))


def set_format(format_: Format) -> bytes:
    """The command that selects a data format; answered by 06, or by 15 if the model has no such format."""
    return bytes([0x02, 0x70, 0x02, 0x02, format_.value, 0x03])


driver = DriverPlugin(
    name="nonin",
    title="Nonin pulse oximeters (data formats 2 and 7)",
    options=NoninOptions,
    line=SerialLine(baud=9600),
    build=NoninDriver,
)
