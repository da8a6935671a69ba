"""Import: a CSV file of stays becomes commands and details, or a sentence for each line that cannot be taken."""

from __future__ import annotations

import csv
import io
from collections.abc import Container, Iterable
from typing import NamedTuple

import msgspec

from hub.adt.details import Details
from hub.adt.stays import Stay, Stays
from hub.console.printable import printable
from hub.console.times import parse_time
from vitals.commands import Admit
from vitals.identity import BedKey

COLUMNS = ("bed", "patient", "start", "end", "initials", "name", "birth_year", "sex", "notes")
NEEDED = ("bed", "patient")
MOST_LINES = 5_000
DIFFERS_MS = 60_000  # a stay that began within a minute of one that is recorded is that one


class Line(NamedTuple):
    """One line of the file: what to do with it. Without `admit` it is recorded already, or `wrong` says why not."""

    number: int
    bed: str
    patient: str
    admit: Admit | None = None
    details: Details | None = None
    wrong: str = ""


def read_import(text: str, beds: Container[BedKey], stays: Iterable[Stay], by: str, now: int) -> list[Line]:
    """Every line of `text` as it would be taken, one after the other. Raises ValueError for a file of another kind."""
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_delimiter(text))
    head = [cell.strip().lower() for cell in next(rows, [])]
    missing = [name for name in NEEDED if name not in head]
    unknown = [name for name in head if name not in COLUMNS]
    if missing:
        raise ValueError(f"the first line must name the columns; {' and '.join(missing)} not found among them")
    if unknown:
        raise ValueError(f"there is no column {unknown[0][:40]!r}; known: {', '.join(COLUMNS)}")
    if len(set(head)) < len(head):
        raise ValueError("a column is named twice in the first line")
    book = Stays(stays)
    number = max((stay.id for stay in book), default=0)
    lines: list[Line] = []
    for row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(lines) >= MOST_LINES:
            raise ValueError(f"the file has more than {MOST_LINES} lines; split it")
        number += 1
        lines.append(
            _line(rows.line_num, dict(zip(head, row, strict=False)), len(row) > len(head), book, beds, by, now, number)
        )
    if not lines:
        raise ValueError("the file has no line below the first one")
    return lines


def _line(
    line: int,
    cells: dict[str, str],
    longer: bool,
    book: Stays,
    beds: Container[BedKey],
    by: str,
    now: int,
    number: int,
) -> Line:
    said = {name: printable(cell) for name, cell in cells.items()}
    bed, patient = said.get("bed", ""), said.get("patient", "")
    answer = Line(line, bed[:80], patient[:80])
    try:
        if longer:
            raise ValueError("the line has more cells than the first one; a comma inside a cell needs quotes")
        key = BedKey.parse(bed)
        if key not in beds:
            raise ValueError(f"there is no bed {bed[:80]}; the settings of the hub list them")
        start = parse_time("start", said["start"]) if said.get("start") else now
        end = parse_time("end", said["end"]) if said.get("end") else None
        admit = _checked({"request": "import", "by": by, "bed": bed, "patient": patient, "time": start, "end": end})
        details = _details(said)
        if max(start, end or 0) > now + DIFFERS_MS:
            raise ValueError("the time is in the future")
        if any(_same(stay, key, patient, start, end, bool(said.get("start"))) for stay in book):
            return answer._replace(details=details)
        stay = Stay(number, key, patient, start, end)
        book.check(stay)
        book.put(stay)
    except ValueError as error:
        return answer._replace(wrong=str(error))
    return answer._replace(admit=admit, details=details)


def _checked(said: dict[str, object]) -> Admit:
    try:
        return msgspec.convert(said, Admit)
    except msgspec.ValidationError as error:
        if "$.patient" in str(error):
            raise ValueError("patient must be an opaque id of letters, digits and dashes; never a name") from error
        raise ValueError(f"cannot be taken: {error}") from error


def _details(said: dict[str, str]) -> Details | None:
    fields: dict[str, object] = {name: said[name] for name in ("initials", "name", "sex", "notes") if said.get(name)}
    if year := said.get("birth_year"):
        if not year.isdecimal():
            raise ValueError("birth_year must be a year such as 1948")
        fields["birth_year"] = int(year)
    if not fields:
        return None
    try:
        return msgspec.convert(fields, Details)
    except msgspec.ValidationError as error:
        what = str(error).partition("`$.")[2].rstrip("`") or "a detail"
        raise ValueError(
            f"{what} cannot be taken: {str(error).partition(' - ')[0][:1].lower()}{str(error).partition(' - ')[0][1:]}"
        ) from error


def _same(stay: Stay, bed: BedKey, patient: str, start: int, end: int | None, told: bool) -> bool:
    """Whether a line says what is recorded already, so that a file can be imported twice."""
    if (stay.bed, stay.patient) != (bed, patient) or (end is None) is not (stay.end is None):
        return False
    near = abs(stay.start - start) < DIFFERS_MS or not told
    return near and (end is None or stay.end is None or abs(stay.end - end) < DIFFERS_MS)


def _delimiter(text: str) -> str:
    """Spreadsheets of some languages save with semicolons."""
    first = text.partition("\n")[0]
    return ";" if first.count(";") > first.count(",") else ","
