"""Nonin data formats 1 and 8: packets of three or four bytes once a second, without a checksum, become observations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edge_agent.drivers.driver import Heard
from edge_agent.drivers.lines import hear
from edge_agent.drivers.neighbours import look_alike
from edge_agent.drivers.nonin.commands import ACK, NAK
from edge_agent.drivers.nonin.options import Model
from edge_agent.drivers.nonin.readings import numbers
from edge_agent.drivers.sync_bit import SyncBitDecoder
from vitals.readings import Observation

SILENCE_S = 3.0

# Status byte. The formats 2 and 7 put OOT and ARTF elsewhere.
_SNSD, _OOT, _LPRF, _MPRF, _ARTF = 0x40, 0x20, 0x10, 0x08, 0x04
# STAT2, the fourth byte of format 8.
_SMART_POINT, _SNSA, _SPOT_CHECK, _CRITICAL_BATTERY, _LOW_BATTERY = 0x20, 0x08, 0x04, 0x02, 0x01

_SIZES = {1: 3, 8: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The fields of one packet; numbers as the device sent them, codes for "no value" included."""

    format: Literal[1, 8]
    rate: int
    saturation: int
    status: int
    stat2: int = 0


def unpack(data: bytes) -> Packet:
    """The packet in three bytes (format 1) or four (format 8)."""
    rate = (data[0] & 0x03) << 7 | (data[1] & 0x7F)
    if len(data) == _SIZES[1]:
        return Packet(format=1, rate=rate, saturation=data[2], status=data[0])
    return Packet(format=8, rate=rate, saturation=data[2], status=data[0], stat2=data[3])


def observe(packet: Packet, model: Model) -> Observation:
    """The observation in one packet.

    Format 8 carries the display numbers, which stay for 10 s after the finger has left; SNSA tells so from the start.
    """
    flags = _flags(packet, model)
    values, missing = numbers(packet.rate, packet.saturation, flags, lost=bool(packet.status & _OOT))
    device: dict[str, object] = {"format": packet.format, "hr": packet.rate, "spo2": packet.saturation}
    if packet.format == 8:
        device["spa"] = bool(packet.stat2 & _SMART_POINT)
    return Observation(values=values, missing=missing, flags=tuple(sorted(flags)), device=device)


def _flags(packet: Packet, model: Model) -> set[str]:
    status, stat2 = packet.status, packet.stat2
    found = {
        "artifact": status & (_OOT | _ARTF),
        "low_perfusion": status & _LPRF,
        "marginal_perfusion": status & _MPRF,
        "sensor_off": stat2 & _SNSA,
        "low_battery": stat2 & _LOW_BATTERY,
    }
    if model == "wired":  # undefined bits of the Bluetooth models
        found["no_sensor"] = status & _SNSD
        found["spot_check"] = stat2 & _SPOT_CHECK
        found["critical_battery"] = stat2 & _CRITICAL_BATTERY
    return {name for name, bit in found.items() if bit}


class OnceASecond:
    """The stream of one oximeter in format 1 or 8."""

    silence_s = SILENCE_S

    def __init__(self, format_: Literal[1, 8], model: Model) -> None:
        self._model: Model = model
        replies = bytes([ACK, NAK]) if model == "bluetooth" else b""
        self._decoder = SyncBitDecoder(_SIZES[format_], self._agree, between=replies)

    def reset(self) -> None:
        """A line opened somewhere in the stream."""
        self._decoder.reset(whole=False)

    def feed(self, data: bytes, now: int) -> Heard:
        """One observation per packet."""
        return hear(self._decoder.feed(data), self._observe)

    def finish(self, now: int) -> Heard:
        """The only packet of a very short recording, and whatever made no sense."""
        return hear(self._decoder.finish(), self._observe)

    def _observe(self, packet: bytes) -> Observation:
        return observe(unpack(packet), self._model)

    def _agree(self, before: bytes, packet: bytes) -> bool:
        return look_alike(self._observe(before), self._observe(packet))
