"""Decoder for one line of a Masimo oximeter: bytes in, the fields by key out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

LONGEST = 256  # bytes of a line

_STAMP = re.compile(r"\d\d/\d\d/\d\d \d\d:\d\d:\d\d ")
_FIELD = re.compile(r"([A-Z][A-Z0-9]*)=(\S+)")
_ASCII2 = re.compile(r" (?:SpO2|PR)=")
# Values are zero padded, so a digit too few or too many is damage. A dash stands for each digit that is not known.
_FORMS = {
    "SPO2": re.compile(r"(?:\d{3}|---)%?"),
    "BPM": re.compile(r"(?:\d{3}|---)%?"),
    "PI": re.compile(r"(?:\d\d\.\d\d|--\.--)%?"),
    "ALARM": re.compile(r"[0-9A-F]{2}|[0-9A-F]{4}|[0-9A-F]{6}"),
    "EXC": re.compile(r"[0-9A-F]{3}|[0-9A-F]{6,7}"),
}
_EXTRA = re.compile(r"[+-]?[\d-]+(?:\.[\d-]+)?%?")
EXTRAS = ("SPCO", "SPMET", "SPHB", "SPOC", "PVI", "DESAT", "PIDELTA")


@dataclass(frozen=True, slots=True, kw_only=True)
class AsciiLine:
    """One line of the mode ASCII 1. `time` is the clock of the device; None if it shows no date there is."""

    time: datetime | None
    fields: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ascii2Line:
    """A line of the trend download: the device is set to ASCII 2."""


def unpack(line: bytes) -> AsciiLine | Ascii2Line | None:
    """The fields of a line without its line end; None if it is damaged.

    A line without EXC is damaged: nothing would say whether its numbers may be believed.
    """
    text = line.decode("ascii", "replace")
    if not text.isascii() or not text.isprintable() or not _STAMP.match(text):
        return None
    if _ASCII2.search(text):
        return Ascii2Line()
    fields: dict[str, str] = {}
    for word in text.split()[2:]:
        match = _FIELD.fullmatch(word)
        if match is None or match[1] in fields or not _well_formed(match[1], match[2]):
            return None
        fields[match[1]] = match[2]
    return AsciiLine(time=_time(text[:17]), fields=fields) if "EXC" in fields else None


def _well_formed(key: str, value: str) -> bool:
    form = _FORMS.get(key) or (_EXTRA if key in EXTRAS else None)
    return form is None or form.fullmatch(value) is not None


def _time(text: str) -> datetime | None:
    month, day, year, hour, minute, second = (int(text[at : at + 2]) for at in range(0, 17, 3))
    try:
        return datetime(2000 + year, month, day, hour, minute, second)
    except ValueError:
        return None  # a clock that was never set costs no reading: the time of a reading is ours
