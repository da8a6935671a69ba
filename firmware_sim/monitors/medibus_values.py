"""What a Dräger device says in MEDIBUS: signs into records of data, alarms, settings, text and realtime curves."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from firmware_sim.bedside import VENT_PEEP, VENT_PIP, Bedside, Moment

BLANK = 4 * " "
VT_ML = 480.0

# Code of codepage 1 and the parameter it shows.
SHOWN = (
    ("DC", "hr"),
    ("E1", "pr"),
    ("EB", "spo2"),
    ("D6", "rr"),
    ("96", "nibp_sys"),
    ("91", "nibp_mean"),
    ("8C", "nibp_dia"),
    ("D2", "abp_sys"),
    ("CD", "abp_mean"),
    ("C8", "abp_dia"),
    ("A5", "cvp"),
    ("37", "icp"),
    ("C3", "temp"),
    ("66", "temp_skin"),
    ("E6", "etco2"),
    ("F0", "fio2"),
)
DECIMALS = {"temp": 1, "temp_skin": 1}

LOW_LIMITS = (("DC", "50"), ("EB", "90"), ("B9", "3.0"))
HIGH_LIMITS = (("DC", "120"), ("D6", "30"), ("E6", "50"), ("B9", "12.0"))
SETTINGS = (("01", "40"), ("04", "0.480"), ("09", "12.0"), ("0B", "5.0"), ("40", "480"))
TEXTS = (("06", "Mode SIMV"), ("20", "Adult"), ("22", "CO2 mmHg"))
STANDBY = ("1E", "Standby")

_ENGLISH = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
_GERMAN = "JAN FEB MAR APR MAI JUN JUL AUG SEP OKT NOV DEZ".split()

INTERVAL_US = 16_000
MOST_BINS = 0xFFF


@dataclass(frozen=True, slots=True)
class Curve:
    """One realtime curve the device offers."""

    code: str
    wave: str  # of the bedside
    low: int
    high: int
    factor: float = 1.0

    def sample(self, bedside: Bedside, t_ms: int) -> int | None:
        """The 12-bit sample at `t_ms`, or None where the sensor is off."""
        value = bedside.wave(self.wave, t_ms)
        if value is None:
            return None
        share = (value * self.factor - self.low) / (self.high - self.low)
        return round(max(0.0, min(1.0, share)) * MOST_BINS)


CURVES = (
    Curve("00", "paw", -50, 150),
    Curve("01", "flow", -180, 180),
    Curve("02", "pleth", 0, 100, 10.0),  # a pulse of 10 % modulation fills the scale
    Curve("06", "co2_w", 0, 100),
)


def encode_data(records: Iterable[tuple[str, str | None]]) -> bytes:
    """Code and value, four places each; None is blank."""
    return "".join(f"{code}{value or BLANK:>4}" for code, value in records).encode("ascii")


def encode_settings(records: Iterable[tuple[str, str]]) -> bytes:
    """Code and value, five places each."""
    return "".join(f"{code}{value:>5}" for code, value in records).encode("ascii")


def encode_texts(records: Iterable[tuple[str, str]]) -> bytes:
    """Code, length and text each."""
    return "".join(f"{code}{chr(0x30 + len(text))}{text}\x03" for code, text in records).encode("ascii")


def encode_alarms(records: Iterable[tuple[str, int, str]]) -> bytes:
    """Code, priority and a phrase of twelve places; the priority goes first on the line."""
    return "".join(f"{chr(0x30 + priority)}{code}{phrase:<12.12}" for code, priority, phrase in records).encode("ascii")


def encode_curves(curves: Iterable[Curve]) -> bytes:
    """The realtime configuration: code, interval, range and highest bin each."""
    return "".join(
        f"{curve.code}{INTERVAL_US:>8}{curve.low:>5}{curve.high:>5}{MOST_BINS:03X}" for curve in curves
    ).encode("ascii")


def encode_time(clock: datetime, *, german: bool) -> bytes:
    """Time and date, as the device's language writes the month."""
    month = (_GERMAN if german else _ENGLISH)[clock.month - 1]
    return f"{clock:%H:%M:%S}{clock.day:02}-{month}-{clock:%y}".encode("ascii")


def measured(moment: Moment, now_ms: int) -> list[tuple[str, str | None]]:
    """Codepage 1: the parameters this bed has sensors for, then what the ventilator knows itself."""
    signs = moment.signs
    records = [(code, number(signs.get(name), DECIMALS.get(name, 0))) for code, name in SHOWN if name in moment.fitted]
    if moment.cuff_ms is not None:
        records.append(("92", number((now_ms - moment.cuff_ms) // 60_000)))
    rr = signs.get("rr")
    breathing = rr if rr is not None and not moment.apnoea else None
    return [
        *records,
        ("7D", number(VENT_PIP)),
        ("78", number(VENT_PEEP)),
        ("88", number(VT_ML)),
        ("B9", None if breathing is None else number(breathing * VT_ML / 1_000, 1)),
    ]


def measured_on_second_page(moment: Moment) -> list[tuple[str, str | None]]:
    """Codepage 2: the volumes of a breath."""
    volume = None if moment.apnoea else number(VT_ML)
    return [("21", volume), ("22", volume)]


def number(value: float | None, decimals: int = 0) -> str | None:
    """A number in four places, or None where there is none or it does not fit."""
    if value is None:
        return None
    text = f"{value:.{decimals}f}"
    return text if len(text) <= len(BLANK) else None


def alarms(moment: Moment) -> list[tuple[str, int, str]]:
    """Code, priority and phrase of what is wrong now, the worst first."""
    signs = moment.signs
    hr, spo2, etco2 = signs.get("hr"), signs.get("spo2"), signs.get("etco2")
    conditions = (
        (moment.apnoea, ("00", 31, "APNEA")),
        (moment.asystole or (hr is not None and hr < 50), ("05", 30, "HR LOW")),
        (spo2 is not None and spo2 < 90, ("07", 28, "SPO2 LOW")),
        (etco2 is not None and etco2 > 50, ("28", 22, "ETCO2 HIGH")),
        (etco2 is not None and etco2 < 25, ("27", 21, "ETCO2 LOW")),
        ("sensor_off" in signs.states, ("01", 15, "NO SPO2 PULS")),
        ("no_sensor" in signs.states, ("35", 12, "SPO2 SENSOR")),
        ("low_battery" in signs.states, ("4B", 10, "BATTERY LOW")),
    )
    return [alarm for happens, alarm in conditions if happens]


def texts(moment: Moment) -> list[tuple[str, str]]:
    """Mode, patient and units; standby where the device says so."""
    return [*TEXTS, STANDBY] if "standby" in moment.signs.states else list(TEXTS)
