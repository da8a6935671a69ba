"""Nonin modules in data format 1 or 8: signs in, three or four bytes a second out, without a wave."""

from __future__ import annotations

from typing import Literal

from firmware_sim.finger import LOW_PI, whole
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin import MARGINAL_PI, NO_RATE, NO_SATURATION, SETTLE_MS, Slow
from firmware_sim.monitors.nonin_commands import Replies
from firmware_sim.signs import Signs, Source

PERIOD_MS = 1_000

VALID = 0x80  # first byte; the last two bits are the top of the rate
SENSOR_DISCONNECTED = 0x40
OUT_OF_TRACK = 0x20
LOW_PERFUSION = 0x10
MARGINAL_PERFUSION = 0x08
ARTIFACT = 0x04

SMART_POINT = 0x20  # fourth byte of format 8
SENSOR_ALARM = 0x08
LOW_BATTERY = 0x01

Format = Literal[1, 8]

TITLES: dict[Format, str] = {
    1: "Nonin oximeter, data format 1 (3 bytes a second)",
    8: "Nonin oximeter, data format 8 (4 bytes a second, display values)",
}


def encode(pr: int | None, spo2: int | None, status: int, stat2: int | None = None) -> bytes:
    """One packet; without `stat2` that of format 1."""
    rate = NO_RATE if pr is None else pr
    packet = bytes((VALID | status | rate >> 7, rate & 0x7F, NO_SATURATION if spo2 is None else spo2))
    return packet if stat2 is None else packet + bytes((stat2,))


class NoninOnceASecond:
    """One module on one finger."""

    def __init__(self, source: Source, format_: Format, options: Options) -> None:
        self.name = f"nonin-df{format_}"
        self.title = TITLES[format_]
        self._source = source
        self._format = format_
        self._agenda = Agenda(options.clock)
        self._agenda.every("packet", PERIOD_MS, self._packet)
        self._replies = Replies(format_)
        self._rate = Slow()
        self._saturation = Slow()
        self._off = False
        self._settled_ms = 0

    def step(self, t_ms: int) -> bytes:
        """The packets due by `t_ms`, and before them answers to commands."""
        return self._replies.take() + self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Commands of the Bluetooth models."""
        self._replies.feed(data)

    def _packet(self) -> bytes:
        now_ms = self._agenda.now_ms
        signs = self._source.at(now_ms)
        off = bool(signs.states & {"sensor_off", "no_sensor"})
        if self._off and not off:
            self._settled_ms = now_ms + SETTLE_MS
        self._off = off
        tracked = not off and now_ms >= self._settled_ms
        pr = whole(signs.get("pr"), 1, NO_RATE - 1) if tracked else None
        spo2 = whole(signs.get("spo2"), 1, 100) if tracked else None
        self._rate.follow(now_ms, pr)
        self._saturation.follow(now_ms, spo2)
        if self._format == 1:
            return encode(pr, spo2, _status(signs, lost=pr is None or spo2 is None))
        # The display keeps its numbers after the finger is gone; only the alarm bit tells.
        shown, saturation = self._rate.shown, self._saturation.shown
        status = _status(signs, lost=shown is None or saturation is None)
        return encode(shown, saturation, status, self._stat2(signs, good=pr is not None))

    def _stat2(self, signs: Signs, *, good: bool) -> int:
        bits = SENSOR_ALARM if self._off else 0
        if good and "artifact" not in signs.states and (signs.get("pi") or MARGINAL_PI) >= MARGINAL_PI:
            bits |= SMART_POINT
        return bits | (LOW_BATTERY if "low_battery" in signs.states else 0)


def _status(signs: Signs, *, lost: bool) -> int:
    bits = OUT_OF_TRACK if lost else 0
    if "no_sensor" in signs.states:
        bits |= SENSOR_DISCONNECTED
    if "artifact" in signs.states:
        bits |= ARTIFACT
    pi = signs.get("pi")
    if pi is not None and pi < MARGINAL_PI:
        bits |= LOW_PERFUSION if pi < LOW_PI else MARGINAL_PERFUSION
    return bits
