"""A Nonin desk oximeter on its printer port: signs in, one line of text a second out."""

from __future__ import annotations

from datetime import datetime

from firmware_sim.finger import Finger, whole
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin import SETTLE_MS
from firmware_sim.signs import Source

TITLE = "Nonin 2500, 8500 or 9600, printer lines"
PERIOD_MS = 1_000


def encode(*, spo2: int | None, pr: int | None, time: datetime | None = None, fast: bool = False) -> bytes:
    """One line; None is three dashes."""
    clock = "" if time is None else f"{time:%H:%M:%S} "
    mark = " F" if fast else ""
    return f"{clock}SPO2={_number(spo2)} HR={_number(pr)}{mark}\r\n".encode("ascii")


def encode_heading(time: datetime) -> bytes:
    """What is printed at power-up."""
    return f"FORMAT=REAL TIME\r\nDATE={time:%m/%d/%y}\r\nTIME={time:%H:%M:%S}\r\n".encode("ascii")


def _number(value: int | None) -> str:
    return "---" if value is None else f"{value:03d}"


class NoninAscii:
    """One oximeter on one finger."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "nonin-ascii"
        self.title = TITLE
        self._source = source
        self._agenda = Agenda(options.clock)
        self._agenda.once("heading", 1, lambda: encode_heading(self._agenda.clock()))
        self._agenda.every("line", PERIOD_MS, self._line)
        self._finger = Finger(SETTLE_MS)

    def step(self, t_ms: int) -> bytes:
        """The lines due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """A printer port listens to nobody."""

    def _line(self) -> bytes:
        signs = self._source.at(self._agenda.now_ms)
        self._finger.follow(self._agenda.now_ms, signs)
        seen = self._finger.measures
        return encode(
            spo2=whole(signs.get("spo2"), 1, 100) if seen else None,
            pr=whole(signs.get("pr"), 1, 999) if seen else None,
            time=self._agenda.clock(),
        )
