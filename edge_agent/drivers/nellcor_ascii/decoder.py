"""Decoder for one line of a Nellcor oximeter: bytes in, a data line or a heading out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

LONGEST = 160  # bytes of a line; headings are the longest, with about 85

_DATA = re.compile(
    r"(?P<time>\d\d-[A-Za-z]{3}-\d\d +\d\d:\d\d:\d\d)"
    r" +(?P<spo2>\d{1,3}|---)(?P<spo2_star>\*?)"
    r" +(?P<pr>\d{1,3}|---)(?P<pr_star>\*?)"
    r" +(?P<pa>\d{1,3}|---)"
    r"(?P<status>(?: +[A-Z]{2})*) *"
)
_TITLE = re.compile(
    r"(?P<model>N[A-Z]*-\w+) +VERSION +(?P<version>\S+) +CRC: *(?P<crc>\w+)"
    r"(?: +SpO2 Limit: *(?P<spo2_low>\d{1,3})-(?P<spo2_high>\d{1,3})%)?"
    r"(?: +PR Limit: *(?P<pr_low>\d{1,3})-(?P<pr_high>\d{1,3}) *BPM)?",
    re.IGNORECASE,
)
# The other two lines of a heading: the mode of the patient, and the names of the columns.
_MODE = re.compile(r"(?:ADULT|NEONATE|NEONATAL)(?: +\d+ *SAT-S)?(?: +SPO2 RESP MODE: *\w+)?", re.IGNORECASE)
_COLUMNS = re.compile(r"TIME +%SPO2 +BPM +PA +STATUS", re.IGNORECASE)

# Where the three numbers end, counted from 0: they are right aligned.
DOCUMENTED = (24, 32, 40)
_MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()  # English, whatever the display shows


@dataclass(frozen=True, slots=True, kw_only=True)
class DataLine:
    """One measurement. `columns`: where its numbers ended. None: dashes; a clock that shows no date there is."""

    time: datetime | None
    spo2: int | None
    pr: int | None
    pa: int | None
    star: bool  # a number lies outside its alarm limits
    status: tuple[str, ...]  # two letters each
    columns: tuple[int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """The first line of a heading. The limits are those set at the device."""

    model: str
    version: str
    crc: str
    limits: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """Another line of a heading, which says nothing of use."""


def unpack(line: bytes) -> DataLine | Title | Caption | None:
    """What a line without its line end is; None if it is damaged or unknown."""
    text = line.decode("ascii", "replace")
    if not text.isascii() or not text.isprintable():
        return None
    if match := _DATA.fullmatch(text):
        return _data(match)
    if match := _TITLE.fullmatch(text):
        return _title(match)
    return Caption() if _MODE.fullmatch(text) or _COLUMNS.fullmatch(text) else None


def _data(match: re.Match[str]) -> DataLine:
    return DataLine(
        time=_time(match["time"]),
        spo2=_number(match["spo2"]),
        pr=_number(match["pr"]),
        pa=_number(match["pa"]),
        star=bool(match["spo2_star"] or match["pr_star"]),
        status=tuple(match["status"].split()),
        columns=(match.end("spo2"), match.end("pr"), match.end("pa")),
    )


def _title(match: re.Match[str]) -> Title:
    names = ("spo2_low", "spo2_high", "pr_low", "pr_high")
    limits = tuple((name, int(match[name])) for name in names if match[name])
    return Title(model=match["model"], version=match["version"], crc=match["crc"], limits=limits)


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _time(text: str) -> datetime | None:
    date, clock = text.split()
    day, month, year = date.split("-")
    hour, minute, second = (int(part) for part in clock.split(":"))
    try:
        return datetime(2000 + int(year), _MONTHS.index(month.upper()) + 1, int(day), hour, minute, second)
    except ValueError:
        return None  # a clock that was never set costs no reading: the time of a reading is ours
