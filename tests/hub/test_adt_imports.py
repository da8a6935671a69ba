"""A file of stays: every wrong line has its sentence, and what is recorded already is left alone."""

import pytest

from hub.adt.imports import MOST_LINES, read_import
from hub.adt.stays import Stay
from vitals.identity import BedKey

NOW = 1_763_682_504_000
HOUR = 3_600_000
BEDS = {BedKey("icu", "1"), BedKey("icu", "2")}
LAY = Stay(7, BedKey("icu", "1"), "p-1", NOW - HOUR)


def read(text, stays=(LAY,)):
    return read_import(text, BEDS, stays, "AB", NOW)


def line(cells, head="bed,patient,start,end,birth_year,sex"):
    (found,) = read(f"{head}\n{cells}\n")
    return found


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ("icu/9,p-2,,,,", "there is no bed icu/9"),
        ("bed 2,p-2,,,,", "expected ward/bed"),
        ("icu/2,First Last,,,,", "never a name"),
        ("icu/2,,,,,", "never a name"),
        ("icu/2,p-2,yesterday,,,", "`start` must be a time"),
        (f"icu/2,p-2,{NOW + HOUR},,,", "in the future"),
        (f"icu/2,p-2,{NOW - HOUR},{NOW - 2 * HOUR},,", "ends after it has begun"),
        ("icu/1,p-2,,,,", "patient p-1 lay in bed icu/1 then (admission 7)"),
        ("icu/2,p-1,,,,", "patient p-1 lay in bed icu/1 then (admission 7)"),
        ("icu/2,p-2,,,old,", "birth_year must be a year"),
        ("icu/2,p-2,,,1500,", "birth_year cannot be taken"),
        ("icu/2,p-2,,,,dog", "sex cannot be taken"),
        ("icu/2,p-2,,,,,,", "more cells than the first one"),
    ],
)
def test_a_line_that_cannot_be_taken_says_why(cells, sentence):
    found = line(cells)
    assert sentence in found.wrong
    assert found.admit is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "bed and patient not found"),
        ("ward,name\nicu,x\n", "bed and patient not found"),
        ("bed,patient,phone\nicu/2,p-2,1\n", "there is no column 'phone'"),
        ("bed,patient,bed\nicu/2,p-2,icu/2\n", "named twice"),
        ("bed,patient\n\n", "no line below"),
        ("bed,patient\n" + "icu/2,p-2\n" * (MOST_LINES + 1), f"more than {MOST_LINES} lines"),
    ],
)
def test_a_file_of_another_kind_is_refused_whole(text, sentence):
    with pytest.raises(ValueError, match=sentence):
        read(text)


def test_lines_are_held_against_each_other_too():
    first, second = read("bed,patient\nicu/2,p-2\nicu/2,p-3\n")
    assert first.admit is not None
    assert "patient p-2 lay in bed icu/2 then" in second.wrong


@pytest.mark.parametrize("start", ["", str(NOW - HOUR), str(NOW - HOUR + 59_000)])
def test_what_is_recorded_already_is_neither_new_nor_wrong(start):
    found = line(f"icu/1,p-1,{start},,,")
    assert (found.admit, found.wrong) == (None, "")


def test_a_spreadsheet_with_semicolons_and_a_mark_at_the_start_is_read():
    (found,) = read('\ufeffBed;Patient;Name\r\nicu/2;p-2;"Person; Example"\r\n')
    assert (found.number, found.admit.patient, found.details.name) == (2, "p-2", "Person; Example")
