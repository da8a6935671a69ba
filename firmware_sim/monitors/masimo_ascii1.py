"""A Masimo Rad-8 in the mode ASCII 1: signs in, one line of keys and values a second out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from firmware_sim.finger import LOW_PI, Finger, whole
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Signs, Source

TITLE = "Masimo Radical-7, Rad-8 or Rad-87, ASCII 1"
PERIOD_MS = 1_000
SEARCH_MS = 5_000
STALE_MS = 3_000  # numbers still stand in the line for so long after the finger is gone

NO_SENSOR = 0x001  # exceptions
LOW_PERFUSION = 0x004
SEARCHING = 0x008
INTERFERENCE = 0x010
SENSOR_OFF = 0x020
LOW_SIGNAL = 0x400
FULL_SET = 0x800

SPO2_LOW = 0x0002  # alarms
RATE_HIGH = 0x0004
RATE_LOW = 0x0008
ACTIVE = 0x0010
LOW_BATTERY = 0x0040

LOWEST_SPO2, LOWEST_RATE, HIGHEST_RATE = 90, 50, 140  # the limits it leaves the factory with


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The fields of a Rad-8. None is a row of dashes."""

    time: datetime
    serial: str
    spo2: int | None
    pr: int | None
    pi: float | None
    alarm: int = 0
    exceptions: int = FULL_SET


def encode(line: Line) -> bytes:
    """One line with its line end."""
    spo2 = "---" if line.spo2 is None else f"{line.spo2:03d}"
    rate = "---" if line.pr is None else f"{line.pr:03d}"
    index = "--.--" if line.pi is None else f"{line.pi:05.2f}"
    return (
        f"{line.time:%m/%d/%y %H:%M:%S} SN={line.serial} SPO2={spo2}% BPM={rate} PI={index}%"
        f" SPCO=--.-% SPMET=--.-% DESAT=-- PIDELTA=+-- ALARM={line.alarm:04X} EXC={line.exceptions:06X}\r\n"
    ).encode("ascii")


class MasimoAscii1:
    """One oximeter on one finger."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "masimo-ascii1"
        self.title = TITLE
        self._source = source
        self._serial = options.device or f"{145_000 + options.seed % 100_000:010d}"
        self._agenda = Agenda(options.clock)
        self._agenda.every("line", PERIOD_MS, self._line)
        self._finger = Finger(SEARCH_MS)
        self._last: tuple[int | None, int | None, float | None] = (None, None, None)

    def step(self, t_ms: int) -> bytes:
        """The lines due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """It listens to nobody."""

    def _line(self) -> bytes:
        signs = self._source.at(self._agenda.now_ms)
        self._finger.follow(self._agenda.now_ms, signs)
        if self._finger.measures:
            pi = signs.get("pi")
            self._last = (
                whole(signs.get("spo2"), 1, 100),
                whole(signs.get("pr"), 25, 240),
                None if pi is None else max(0.02, min(20.0, pi)),
            )
        elif not self._finger.off or self._finger.lost_for_ms >= STALE_MS:
            self._last = (None, None, None)
        spo2, pr, pi = self._last
        return encode(
            Line(
                time=self._agenda.clock(),
                serial=self._serial,
                spo2=spo2,
                pr=pr,
                pi=pi,
                alarm=_alarms(signs, spo2, pr) if self._finger.measures else _battery(signs),
                exceptions=self._exceptions(signs),
            )
        )

    def _exceptions(self, signs: Signs) -> int:
        bits = FULL_SET
        if "no_sensor" in signs.states:
            return bits | NO_SENSOR
        if self._finger.off:
            return bits | SENSOR_OFF
        if self._finger.searching:
            bits |= SEARCHING
        if (pi := signs.get("pi")) is not None and pi < LOW_PI:
            bits |= LOW_PERFUSION
        if "artifact" in signs.states:
            bits |= INTERFERENCE | LOW_SIGNAL
        return bits


def _alarms(signs: Signs, spo2: int | None, pr: int | None) -> int:
    bits = 0
    if spo2 is not None and spo2 < LOWEST_SPO2:
        bits |= SPO2_LOW | ACTIVE
    if pr is not None and pr > HIGHEST_RATE:
        bits |= RATE_HIGH | ACTIVE
    if pr is not None and pr < LOWEST_RATE:
        bits |= RATE_LOW | ACTIVE
    return bits | _battery(signs)


def _battery(signs: Signs) -> int:
    return LOW_BATTERY if "low_battery" in signs.states else 0
