"""Nonin modules (OEM III, Xpod, 9560 and kin): signs in, data format 2 or 7 out, 75 frames of 5 bytes a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin_commands import Replies
from firmware_sim.pleth import Pleth, Stretch
from firmware_sim.signs import Signs, Source

FRAMES = 25
FRAME_BYTES = 5
RATE_HZ = 75
NO_RATE = 511
NO_SATURATION = 127
FIRMWARE_REVISION = 0x30

DISPLAY_REFRESH_MS = 1_500
DISPLAY_HOLD_MS = 10_000  # the display keeps its last numbers this long after the finger is gone
SETTLE_MS = 3_000  # out of track until four beats are found again
BEAT_FRAMES = 12  # perfusion bits are lit for 160 ms at each beat

VALID = 0x80
SENSOR_DISCONNECTED = 0x40
ARTIFACT = 0x20
OUT_OF_TRACK = 0x10
SENSOR_ALARM = 0x08
RED = 0x04
GREEN = 0x02
YELLOW = RED | GREEN
SYNC = 0x01

LOW_BATTERY = 0x01  # in STAT2

MARGINAL_PI = 1.0  # %, where we let the light turn yellow and red
LOW_PI = 0.4

Format = Literal[2, 7]


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """The fields of 25 frames. None is a missing number; `statuses` are without the sync bit."""

    hr: int | None
    spo2: int | None
    e_hr: int | None
    e_spo2: int | None
    hr_d: int | None
    spo2_d: int | None
    e_hr_d: int | None
    e_spo2_d: int | None
    spo2_fast: int | None
    spo2_beat: int | None
    statuses: tuple[int, ...]
    pleth: tuple[int, ...]
    timer: int = 0
    stat2: int = 0
    revision: int = FIRMWARE_REVISION


def encode(packet: Packet, format_: Format) -> bytes:
    """The 125 bytes of a packet."""
    out = bytearray()
    for index, variable in enumerate(_variables(packet)):
        status = packet.statuses[index] | (SYNC if index == 0 else 0)
        pleth = packet.pleth[index]
        head = (0x01, status, pleth) if format_ == 2 else (status, pleth >> 8, pleth & 0xFF)
        out += bytes((*head, variable, (sum(head) + variable) & 0xFF))
    return bytes(out)


def _variables(packet: Packet) -> tuple[int, ...]:
    """The fourth byte of frames 1 to 25."""
    return (
        *_rate(packet.hr),
        _saturation(packet.spo2),
        packet.revision,
        0,
        packet.timer >> 7 & 0x7F,
        packet.timer & 0x7F,
        packet.stat2,
        _saturation(packet.spo2_d),
        _saturation(packet.spo2_fast),
        _saturation(packet.spo2_beat),
        0,
        0,
        *_rate(packet.e_hr),
        _saturation(packet.e_spo2),
        _saturation(packet.e_spo2_d),
        0,
        0,
        *_rate(packet.hr_d),
        *_rate(packet.e_hr_d),
        0,
        0,
    )


def _rate(value: int | None) -> tuple[int, int]:
    code = NO_RATE if value is None else value
    return code >> 7 & 0x03, code & 0x7F


def _saturation(value: int | None) -> int:
    return NO_SATURATION if value is None else value


class NoninMonitor:
    """One oximeter module on one finger."""

    def __init__(self, source: Source, format_: Format, options: Options) -> None:
        self.name = f"nonin-df{format_}"
        self.title = TITLES[format_]
        self._source = source
        self._format: Format = format_
        self._pleth = Pleth(RATE_HZ, options.seed)
        self._averages = _Averages()
        self._replies = Replies(format_)
        self._settled_ms = 0
        self._off = False
        self._lit = 0
        self._frame = 0
        self._packet = b""

    def step(self, t_ms: int) -> bytes:
        """All frames due by `t_ms`; answers to commands stand between packets."""
        due = t_ms * RATE_HZ // 1_000
        out = bytearray()
        while self._frame < due:
            number, index = divmod(self._frame, FRAMES)
            if index == 0:
                out += self._replies.take()
                self._packet = encode(self._next(number), self._format)
            count = min(due - self._frame, FRAMES - index)
            out += self._packet[index * FRAME_BYTES : (index + count) * FRAME_BYTES]
            self._frame += count
        return bytes(out)

    def receive(self, data: bytes) -> None:
        """Commands of the Bluetooth models."""
        self._replies.feed(data)

    def _next(self, number: int) -> Packet:
        """The packet that begins now; three of them make a second."""
        t_ms = number * 1_000 * FRAMES // RATE_HZ
        signs = self._source.at(t_ms)
        off = bool(signs.states & {"sensor_off", "no_sensor"})
        if self._off and not off:
            self._settled_ms = t_ms + SETTLE_MS
        self._off = off
        tracked = not off and t_ms >= self._settled_ms
        hr = _whole(signs.get("pr"), NO_RATE - 1) if tracked else None
        spo2 = _whole(signs.get("spo2"), 100) if tracked else None
        wave = self._pleth.stretch(
            FRAMES,
            pr=None if off else signs.get("pr"),
            rr=signs.get("rr"),
            pi=signs.get("pi"),
            shaken="artifact" in signs.states,
        )
        shown = self._averages.follow(t_ms, hr, spo2)
        return Packet(
            hr=hr,
            spo2=spo2,
            e_hr=shown.e_hr,
            e_spo2=shown.e_spo2,
            hr_d=shown.hr_d,
            spo2_d=shown.spo2_d,
            e_hr_d=shown.e_hr_d,
            e_spo2_d=shown.e_spo2_d,
            spo2_fast=spo2,
            spo2_beat=spo2,
            statuses=self._statuses(signs, wave, lost=hr is None or spo2 is None),
            pleth=tuple(int(sample * (255 if self._format == 2 else 65_535)) for sample in wave.samples),
            timer=number & 0x3FFF,
            stat2=LOW_BATTERY if "low_battery" in signs.states else 0,
        )

    def _statuses(self, signs: Signs, wave: Stretch, *, lost: bool) -> tuple[int, ...]:
        """The status byte of each frame: states of the sensor all along, perfusion with each beat."""
        steady = VALID | (OUT_OF_TRACK if lost else 0)
        if "no_sensor" in signs.states:
            steady |= SENSOR_DISCONNECTED
        elif "sensor_off" in signs.states:
            steady |= SENSOR_ALARM
        light = _light(signs.get("pi")) | (ARTIFACT if "artifact" in signs.states else 0)
        if self._off:
            self._lit = 0
        statuses = []
        for index in range(FRAMES):
            if index in wave.beats:
                self._lit = BEAT_FRAMES
            statuses.append(steady | (light if self._lit else 0))
            self._lit = max(0, self._lit - 1)
        return tuple(statuses)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The slower forms of the two numbers."""

    e_hr: int | None = None
    e_spo2: int | None = None
    hr_d: int | None = None
    spo2_d: int | None = None
    e_hr_d: int | None = None
    e_spo2_d: int | None = None


class _Averages:
    """Eight-beat averages, and the display that refreshes slowly and holds its numbers for a while."""

    def __init__(self) -> None:
        self._rate = Slow()
        self._saturation = Slow()

    def follow(self, t_ms: int, hr: int | None, spo2: int | None) -> _Shown:
        """Take what is measured at `t_ms`; return what the slower fields say."""
        rate, saturation = self._rate, self._saturation
        rate.follow(t_ms, hr)
        saturation.follow(t_ms, spo2)
        return _Shown(
            e_hr=rate.average,
            e_spo2=saturation.average,
            hr_d=rate.shown,
            spo2_d=saturation.shown,
            e_hr_d=rate.average_shown,
            e_spo2_d=saturation.average_shown,
        )


class Slow:
    """One number, averaged and displayed. `shown` is what the display says."""

    _SHARE = 0.15  # of a new value per packet: about the memory of eight beats

    def __init__(self) -> None:
        self.average: int | None = None
        self.shown: int | None = None
        self.average_shown: int | None = None
        self._exact: float | None = None
        self._seen_ms = 0
        self._refreshed = -1

    def follow(self, t_ms: int, value: int | None) -> None:
        if value is None:
            self._exact = self.average = None
            if t_ms - self._seen_ms >= DISPLAY_HOLD_MS:
                self.shown = self.average_shown = None
            return
        self._exact = value if self._exact is None else self._exact + (value - self._exact) * self._SHARE
        self.average = round(self._exact)
        self._seen_ms = t_ms
        if t_ms // DISPLAY_REFRESH_MS != self._refreshed:
            self._refreshed = t_ms // DISPLAY_REFRESH_MS
            self.shown, self.average_shown = value, self.average


def _light(pi: float | None) -> int:
    if pi is None or pi >= MARGINAL_PI:
        return GREEN
    return YELLOW if pi >= LOW_PI else RED


def _whole(value: float | None, highest: int) -> int | None:
    """A number the frame can carry, or None."""
    if value is None or not 0 < round(value) <= highest:
        return None
    return round(value)


TITLES: dict[Format, str] = {
    2: "Nonin oximeter, data format 2 (8-bit pleth)",
    7: "Nonin oximeter, data format 7 (16-bit pleth)",
}
