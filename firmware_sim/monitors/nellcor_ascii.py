"""A Nellcor N-560: signs in, a line each two seconds out, with headings between them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from firmware_sim.finger import Finger, whole
from firmware_sim.monitors.agenda import Agenda
from firmware_sim.monitors.monitor import Options
from firmware_sim.signs import Signs, Source

TITLE = "Nellcor N-395, N-560, N-595 or NPB-290, real-time ASCII"
PERIOD_MS = 2_000
SEARCH_MS = 5_000
HEADING_LINES = 25  # lines between two headings
PA_PER_PI = 20.0  # pulse amplitude counts per % of perfusion
MOST_PA = 254

TIME_AT, SPO2_AT, RATE_AT, PA_AT, STATUS_AT = 10, 21, 29, 37, 44  # columns
SLOTS = 6  # of status codes, three columns each; the last is for a silent alarm
SILENT = frozenset({"AO", "AS"})
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

TWICE_ETX = b"\x03\x03"
HEARD_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands over the columns."""

    model: str = "N-560"
    version: str = "1.61.00"
    crc: str = "XXXX"
    spo2: tuple[int, int] = (90, 100)
    pr: tuple[int, int] = (50, 140)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of data. None is a row of dashes."""

    time: datetime
    spo2: int | None
    pr: int | None
    pa: int | None
    codes: tuple[str, ...] = ()
    spo2_star: bool = False
    pr_star: bool = False


def encode_heading(heading: Heading) -> bytes:
    """The three lines of a heading."""
    first = _placed(
        (0, heading.model),
        (9, f"VERSION {heading.version}"),
        (28, f"CRC:{heading.crc}"),
        (38, f"SpO2 Limit: {heading.spo2[0]}-{heading.spo2[1]}%"),
        (61, f"PR Limit: {heading.pr[0]}-{heading.pr[1]}BPM"),
    )
    second = _placed((29, "ADULT"), (STATUS_AT, "25SAT-S"))
    third = _placed((0, "TIME"), (SPO2_AT, "%SpO2"), (RATE_AT, "BPM"), (PA_AT, "PA"), (STATUS_AT, "Status"))
    return first + second + third


def encode(line: Line) -> bytes:
    """One line of data with its line end."""
    date = f"{line.time:%d}-{MONTHS[line.time.month - 1]}-{line.time:%y}"
    return _placed(
        (0, date),
        (TIME_AT, f"{line.time:%H:%M:%S}"),
        (SPO2_AT, _number(line.spo2) + "*" * line.spo2_star),
        (RATE_AT, _number(line.pr) + "*" * line.pr_star),
        (PA_AT, _number(line.pa)),
        *_slotted(line.codes),
    )


def _number(value: int | None) -> str:
    return "---" if value is None else f"{value:3d}"


def _slotted(codes: tuple[str, ...]) -> list[tuple[int, str]]:
    """The column of each code."""
    last = STATUS_AT + 3 * (SLOTS - 1)
    loud = [code for code in codes if code not in SILENT][: SLOTS - 1]
    silent = [(last, code) for code in codes if code in SILENT][:1]
    return [(STATUS_AT + 3 * slot, code) for slot, code in enumerate(loud)] + silent


def _placed(*words: tuple[int, str]) -> bytes:
    line = ""
    for column, word in words:
        line = line.ljust(column) + word
    return line.encode("ascii") + b"\r\n"


class NellcorAscii:
    """One oximeter on one finger."""

    def __init__(self, source: Source, options: Options) -> None:
        self.name = "nellcor-ascii"
        self.title = TITLE
        self.heading = Heading()
        self._source = source
        self._agenda = Agenda(options.clock)
        self._agenda.every("line", PERIOD_MS, self._talk)
        self._finger = Finger(SEARCH_MS)
        self._headed: Heading | None = None
        self._lines = 0
        self._heard = b""
        self._interactive = False

    def step(self, t_ms: int) -> bytes:
        """The lines due by `t_ms`."""
        return self._agenda.run(t_ms)

    def receive(self, data: bytes) -> None:
        """Two ETX open a menu; while it is open there are no lines."""
        for byte in data:
            self._heard = (self._heard + bytes((byte,)))[-HEARD_BYTES:]
            if not self._interactive and self._heard.endswith(TWICE_ETX):
                self._interactive = True
                self._show_menu()
            elif self._interactive and self._heard.endswith(b"\r\n"):
                self._choose(self._heard[:-2].strip())
            else:
                continue
            self._heard = b""

    def _show_menu(self) -> None:
        self._agenda.say(b"\r\nNPB-595   Interactive Mode\r\n1) Dump Instrument Info\r\n0) Exit\r\nCommand? ")

    def _choose(self, choice: bytes) -> None:
        if choice == b"0":
            self._interactive, self._headed = False, None
            self._agenda.say(b"\r\n")
            return
        if choice == b"1":
            shown, seconds = self.heading, self._agenda.now_ms // 1_000
            info = f"{shown.model} VERSION {shown.version} INFO CRC:{shown.crc} SEC:{seconds}"
            self._agenda.say(b"\r\n" + info.encode() + b"\r\n")
        self._show_menu()

    def _talk(self) -> bytes:
        signs = self._source.at(self._agenda.now_ms)
        self._finger.follow(self._agenda.now_ms, signs)
        if self._interactive:
            return b""
        head = b""
        if self._headed != self.heading or self._lines == HEADING_LINES:
            head, self._headed, self._lines = encode_heading(self.heading), self.heading, 0
        self._lines += 1
        return head + encode(self._line(signs))

    def _line(self, signs: Signs) -> Line:
        seen = not self._finger.off and signs.get("pr") is not None
        spo2 = whole(signs.get("spo2"), 1, 100) if seen else None
        pr = whole(signs.get("pr"), 20, 300) if seen else None
        pi = signs.get("pi") if seen else None
        codes = self._codes(signs, spo2, pr)
        return Line(
            time=self._agenda.clock(),
            spo2=spo2,
            pr=pr,
            pa=None if pi is None else min(MOST_PA, round(pi * PA_PER_PI)),
            codes=codes,
            spo2_star=bool({"SL", "SH"} & set(codes)),
            pr_star=bool({"PL", "PH"} & set(codes)),
        )

    def _codes(self, signs: Signs, spo2: int | None, pr: int | None) -> tuple[str, ...]:
        codes = []
        if "no_sensor" in signs.states:
            codes.append("SD")
        elif self._finger.off:
            codes.append("SO")
        elif signs.get("pr") is None:
            codes.append("LM" if "artifact" in signs.states else "LP")
        else:
            codes += ["PS"] * self._finger.searching
            codes += ["MO"] * ("artifact" in signs.states)
        codes += _beyond(pr, self.heading.pr, "PL", "PH") + _beyond(spo2, self.heading.spo2, "SL", "SH")
        codes += ["LB"] * ("low_battery" in signs.states)
        return tuple(codes)


def _beyond(value: int | None, limits: tuple[int, int], low: str, high: str) -> list[str]:
    if value is None:
        return []
    return [low] * (value < limits[0]) + [high] * (value > limits[1])
