"""Recordings: what a CSV says, what it does not say, and what is wrong with it."""

import pytest

from rules.recording import read_recording
from vitals.errors import DocumentError

START = 1_700_000_000_000


def read(text, *, zero_is_missing=False):
    return read_recording(text.splitlines(), "bed.csv", zero_is_missing=zero_is_missing)


def records(text, *, hold=False, **how):
    return list(read(text, **how).records("bed", START, hold=hold))


def test_each_row_is_a_record_at_its_time():
    found = records("t_s,hr,spo2\n10,72,97\n11.5,73.5,96\n")
    assert [(record.seq, record.time - START, record.values) for record in found] == [
        (1, 0, {"hr": 72.0, "spo2": 97.0}),
        (2, 1_500, {"hr": 73.5, "spo2": 96.0}),
    ]


def test_columns_of_public_recordings_are_known_by_their_names():
    assert records("t_min,pulse,nbp_sys,temp_c\n0,70,120,36.6\n")[0].values == {
        "pr": 70.0,
        "nibp_sys": 120.0,
        "temp": 36.6,
    }


def test_an_empty_cell_says_nothing():
    (found,) = records("t_s,hr,spo2\n0,72, \n")
    assert (found.values, found.flags) == ({"hr": 72.0}, {})


def test_a_zero_is_a_value_unless_it_means_missing():
    text = "t_s,hr,spo2\n0,0,97\n"
    assert records(text)[0].values == {"hr": 0.0, "spo2": 97.0}
    (found,) = records(text, zero_is_missing=True)
    assert (found.values, found.flags) == ({"spo2": 97.0}, {"hr": "not_measured"})
    assert read(text).zeros == 1


def test_what_no_device_can_measure_is_missing():
    found = read("t_s,nbp_sys\n0,11647\n1,120\n")
    first, _ = found.records("bed", START, hold=False)
    assert (first.values, first.flags, found.out_of_range) == ({}, {"nibp_sys": "out_of_range"}, 1)


def test_a_held_row_is_repeated_until_the_next():
    found = records("t_s,hr\n0,70\n60,80\n120,90\n", hold=True)
    assert [record.values["hr"] for record in found] == [70.0] * 60 + [80.0] * 60 + [90.0] * 60
    assert [record.time - START for record in found] == [second * 1_000 for second in range(180)]


def test_a_row_is_not_held_over_a_gap():
    found = records("t_s,hr\n0,70\n60,80\n120,85\n1000,90\n1060,91\n", hold=True)
    assert [record.time - START for record in found if record.values["hr"] == 85.0][-1] == 209_000


def test_a_device_that_measures_rarely_is_heard_of_between_its_measurements():
    found = records("t_min,nbp_sys\n0,120\n1,121\n")
    assert [(record.time - START, record.values) for record in found[:3]] == [
        (0, {"nibp_sys": 120.0}),
        (10_000, {}),
        (20_000, {}),
    ]


def test_the_length_is_one_step_past_the_last_row():
    assert read("t_s,hr\n5,70\n6,70\n7,70\n").length_ms == 3_000


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", ["1: the first column must be the time, one of t_ms, t_s, t_min"]),
        ("hr\n70\n", ["1: the first column must be the time, one of t_ms, t_s, t_min"]),
        ("t_s\n1\n", ["1: there is no column beside the time"]),
        ("t_s,pulse,pr\n0,1,1\n", ["1: column 'pr' is a second column for pr"]),
        ("t_s,hr\n", ["1: there is no row under the header"]),
        ("t_s,hr\n0,70,3\n", ["2: 3 cells under a header of 2"]),
        ("t_s,hr\n,70\n", ["2: '' is no time"]),
        ("t_s,hr\nx,70\n", ["2: 'x' is not a number"]),
        ("t_s,hr\n0,70\n0,71\n", ["3: the time 0 is not later than the one before it"]),
        ("t_s,hr\n0,7o\n1,nan\n", ["2: '7o' is not a number", "3: 'nan' is not a number"]),
        ("t_min,hr\n1700000000000,70\n", ["2: '1700000000000' is no time"]),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text, problems):
    with pytest.raises(DocumentError) as caught:
        read(text)
    assert [f"{problem.line}: {problem.text}" for problem in caught.value.problems] == problems


def test_an_unknown_column_is_named_with_those_there_are():
    with pytest.raises(DocumentError, match=r"unknown column 'hrt'; known are hr, pr, spo2"):
        read("t_s,hrt\n0,1\n")


def test_a_file_full_of_mistakes_is_not_read_to_its_end():
    with pytest.raises(DocumentError) as caught:
        read("t_s,hr\n" + "x,y\n" * 1_000)
    assert len(caught.value.problems) == 20
