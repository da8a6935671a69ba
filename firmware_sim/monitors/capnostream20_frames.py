"""The host protocol of the Capnostream 20: messages into escaped frames, frames of the host into commands."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import reduce
from operator import xor

START = 0x85
ESCAPE = 0x80
LONGEST_FRAME = 256  # LEN is one byte

ENABLE = 1
DISABLE = 2
START_RT = 4
STOP_RT = 5
LINK_IS_ACTIVE = 6
SETUP = 60

CO2_WAVE = 0
NUMERICS = 1
DEVICE_ID = 4

MISSING = 255


@dataclass(frozen=True, slots=True)
class Command:
    """What the host wants."""

    code: int
    payload: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Numerics:
    """The numbers of one second. None is a missing one."""

    time_s: int
    etco2: int | None
    fico2: int | None
    rr: int | None
    spo2: int | None
    pulse: int | None
    slow_status: int
    co2_alarms: int
    spo2_alarms: int
    no_breath_s: int
    etco2_limits: tuple[int | None, int | None]  # high, low; so are all limits
    rr_limits: tuple[int | None, int | None]
    fico2_high: int | None
    spo2_limits: tuple[int | None, int | None]
    pulse_limits: tuple[int | None, int | None]
    units: int
    extended_status: int


def encode_frame(code: int, payload: bytes) -> bytes:
    """One frame, with its start, checksum and escapes."""
    body = bytes((1 + len(payload), code)) + payload
    out = bytearray((START,))
    for byte in body + bytes((reduce(xor, body),)):
        out += bytes((ESCAPE, byte - ESCAPE)) if byte in (START, ESCAPE) else bytes((byte,))
    return bytes(out)


def encode_numerics(numerics: Numerics) -> bytes:
    """The payload of the numerics message."""
    n = numerics
    return struct.pack(">I", n.time_s & 0xFFFF_FFFF) + bytes(
        (
            *map(_code, (n.etco2, n.fico2, n.rr, n.spo2, n.pulse)),
            n.slow_status,
            0,
            0,
            0,
            n.co2_alarms,
            n.spo2_alarms,
            min(n.no_breath_s, MISSING),
            *map(_code, (*n.etco2_limits, *n.rr_limits, n.fico2_high, *n.spo2_limits, *n.pulse_limits)),
            n.units,
            n.extended_status,
        )
    )


def encode_wave(number: int, co2: float, fast_status: int) -> bytes:
    """The payload of a CO2 sample: the message number, whole and 256ths, and the status."""
    level = max(0, min(0xFFFF, round(co2 * 256)))
    return bytes((number & 0xFF, level >> 8, level & 0xFF, fast_status))


class Hearing:
    """Bytes of the host in any pieces, commands out. What is no command is ignored."""

    def __init__(self) -> None:
        self._frame: bytearray | None = None
        self._escaped = False

    def feed(self, data: bytes) -> list[Command]:
        """The commands that end in `data`."""
        commands = []
        for byte in data:
            if byte == START:
                self._frame, self._escaped = bytearray(), False
            elif self._frame is not None:
                command = self._take(byte, self._frame)
                if command is not None:
                    commands.append(command)
        return commands

    def _take(self, byte: int, frame: bytearray) -> Command | None:
        if byte == ESCAPE and not self._escaped:
            self._escaped = True
            return None
        frame.append(byte + ESCAPE & 0xFF if self._escaped else byte)
        self._escaped = False
        if len(frame) < frame[0] + 2:
            return None
        self._frame = None
        *body, check = frame
        if body[0] == 0 or reduce(xor, body) != check:
            return None
        return Command(body[1], bytes(body[2:]))


def _code(value: int | None) -> int:
    return MISSING if value is None else max(0, min(MISSING - 1, value))
