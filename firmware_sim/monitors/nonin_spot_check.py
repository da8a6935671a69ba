"""A Nonin finger oximeter in data format 13: a finger for a while, one packet per measurement out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from firmware_sim.finger import whole
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin import NO_RATE, NO_SATURATION
from firmware_sim.monitors.nonin_commands import Replies
from firmware_sim.signs import Signs, Source

TITLE = "Nonin Onyx II 9560, data format 13 (spot checks)"
FORMAT = 13
PERIOD_MS = 60_000  # somebody measures once a minute
READY_MS = 12_000  # of a quiet finger
LATEST_MS = 40_000  # then the current value is sent as it is

SMART_POINT = 0x0200
NO_MEASUREMENT = 0x0100
FROM_MEMORY = 0x0010
LOW_BATTERY = 0x0001


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One packet. None is a missing number."""

    time: datetime
    pr: int | None
    spo2: int | None
    status: int


def encode(measurement: Measurement) -> bytes:
    """The 22 bytes of a measurement."""
    time = measurement.time
    rate = NO_RATE if measurement.pr is None else measurement.pr
    moment = (time.year // 100, time.year % 100, time.month, time.day, time.hour, time.minute, time.second)
    data = bytes(
        (
            *map(_bcd, (*moment, time.microsecond // 10_000)),
            *measurement.status.to_bytes(2, "big"),
            *rate.to_bytes(2, "big"),
            0,
            NO_SATURATION if measurement.spo2 is None else measurement.spo2,
        )
    )
    head = bytes((0x00, 0x02, 0x00, FORMAT, *len(data).to_bytes(2, "big")))
    return head + data + bytes((sum(data) & 0xFF, 0x03))


def _bcd(value: int) -> int:
    return value // 10 << 4 | value % 10


class NoninSpotCheck:
    """One oximeter, put on the finger once a minute."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "nonin-df13"
        self.title = TITLE
        self._source = source
        self._agenda = Agenda(options.clock)
        self._agenda.every("quiet", PERIOD_MS, self._when_quiet, after_ms=READY_MS)
        self._agenda.every("latest", PERIOD_MS, self._at_the_latest, after_ms=LATEST_MS)
        self._replies = Replies(FORMAT)
        self._sent = False

    def step(self, t_ms: int) -> bytes:
        """The measurements due by `t_ms`, and before them answers to commands."""
        return self._replies.take() + self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Commands of the host."""
        self._replies.feed(data)

    def _when_quiet(self) -> bytes:
        signs = self._source.at(self._agenda.now_ms)
        self._sent = signs.get("pr") is not None and signs.get("spo2") is not None and "artifact" not in signs.states
        return self._packet(signs, SMART_POINT) if self._sent else b""

    def _at_the_latest(self) -> bytes:
        signs = self._source.at(self._agenda.now_ms)
        if self._sent or signs.states & {"sensor_off", "no_sensor"}:
            return b""  # a finger that left before its time sends nothing
        return self._packet(signs, 0)

    def _packet(self, signs: Signs, status: int) -> bytes:
        pr, spo2 = whole(signs.get("pr"), 1, NO_RATE - 1), whole(signs.get("spo2"), 1, 100)
        if pr is None or spo2 is None:
            status |= NO_MEASUREMENT
        if "low_battery" in signs.states:
            status |= LOW_BATTERY
        now = self._agenda.clock().replace(microsecond=0)
        return encode(Measurement(time=now, pr=pr, spo2=spo2, status=status))
