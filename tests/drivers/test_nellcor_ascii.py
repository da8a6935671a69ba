"""Nellcor: data lines by columns that agree with their content; headings, which also hold numbers, are never data."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.nellcor_ascii import NellcorDriver, NellcorOptions
from edge_agent.drivers.registry import build
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

VECTORS = json.loads((Path(__file__).parent / "vectors" / "nellcor-ascii.json").read_text())
HEADING = (
    b"N-595    VERSION 3.0.0.0    CRC: 1A2B  SpO2 Limit: 85-100%    PR Limit: 40-170BPM\r\n"
    b"                             ADULT           25SAT-S  SPO2 RESP MODE: NORMAL\r\n"
    b"TIME                 %SPO2   BPM     PA     Status\r\n"
)


def line(spo2="97", pr="72", pa="88", status="", time="20-Nov-26 23:48:02"):
    """A data line by the columns of the sheet; a star is written behind its number."""
    row = [" "] * 61
    for start, field in ((0, time), (44, status)):
        row[start : start + len(field)] = field
    for end, field in ((24, spo2), (32, pr), (40, pa)):
        digits = str(field).rstrip("*")
        row[end - len(digits) : end - len(digits) + len(str(field))] = str(field)
    return "".join(row).rstrip().encode() + b"\r\n"


@pytest.fixture
def read(listen):
    """The one observation in a line."""

    def one(data):
        heard = listen("nellcor-ascii", data)
        assert (heard.bad, heard.good) == ([], 1)
        (observation,) = heard.observations
        return observation

    return one


def test_the_lines_written_here_are_those_of_the_sheet():
    examples = {vector["ascii"].encode() for vector in VECTORS}
    assert line(88, 152, 30, "PH SL").replace(b"88 ", b"88*").replace(b"152 ", b"152*") in examples
    assert line("88*", "152*", 30, "PH SL") in examples
    assert line("---", "---", "---", "SD", time="20-Nov-26 23:48:04") in examples
    assert line(100, 102, 36, "MO             AO", time="07-Jan-04 11:24:54") in examples


def test_lines_do_not_depend_on_how_the_line_splits_them(listen):
    data = "".join(vector["ascii"] for vector in VECTORS).encode() + HEADING + b"x" * 200 + b"\r\n" + line()
    whole = listen("nellcor-ascii", data + line()[:30])
    assert (len(whole.observations), whole.reasons()) == (10, ["bad_length", "incomplete"])
    for size in (1, 2, 3, 7, 62, 161):
        assert listen("nellcor-ascii", data + line()[:30], size=size) == whole
    short = data[-420:]
    expected = listen("nellcor-ascii", short)
    assert expected.observations
    for at in range(1, len(short)):
        driver = NellcorDriver(NellcorOptions())
        parts = [driver.feed(short[:at], 0), driver.feed(short[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == expected.observations
        assert [bad for part in parts for bad in part.bad] == expected.bad


@pytest.mark.parametrize("rate", [20, 127, 128, 185, 250, 255, 256, 300])
def test_rate_has_three_digits(rate, read):
    assert read(line(pr=rate)).values == {"spo2": 97, "pr": rate}


@pytest.mark.parametrize(("spo2", "pr"), [(101, 351), (0, 0), (999, 999)])
def test_numbers_no_oximeter_can_measure_are_out_of_range(spo2, pr, read):
    observation = read(line(spo2, pr))
    assert (observation.values, observation.missing) == ({}, {"spo2": "out_of_range", "pr": "out_of_range"})


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("SD", "no_sensor"),
        ("SO", "sensor_off"),
        ("LP", "signal_lost"),
        ("LP SO", "sensor_off"),
        ("AO SO SD", "no_sensor"),
    ],
)
def test_a_sensor_that_does_not_measure_wins_over_printed_numbers(status, reason, read):
    observation = read(line(status=status))
    assert (observation.values, observation.missing) == ({}, {"spo2": reason, "pr": reason})
    assert reason in observation.flags


@pytest.mark.parametrize(
    ("status", "flags"),
    [
        ("LM", ["artifact", "questionable", "signal_lost"]),
        ("MO", ["artifact", "questionable"]),
        ("PS", ["questionable", "searching"]),
        ("LB", ["low_battery"]),
        ("PH", ["device_alarm"]),
        ("PL", ["device_alarm"]),
        ("SH", ["device_alarm"]),
        ("SL", ["device_alarm"]),
        ("AO", ["alarm_silenced"]),
        ("AS", ["alarm_silenced"]),
        ("LB PS SL AS", ["alarm_silenced", "device_alarm", "low_battery", "questionable", "searching"]),
        ("ZZ", []),
    ],
)
def test_other_codes_are_told_beside_the_numbers(status, flags, read):
    observation = read(line(status=status))
    assert observation.values == {"spo2": 97, "pr": 72}
    assert list(observation.flags) == flags
    assert observation.device["status"] == status.split()


@pytest.mark.parametrize(
    ("status", "reason"), [("", "not_measured"), ("AO", "not_measured"), ("PS", "searching"), ("LM", "signal_lost")]
)
def test_dashes_are_missing_for_the_reason_the_code_gives(status, reason, read):
    observation = read(line("---", "---", "---", status))
    assert (observation.values, observation.missing) == ({}, {"spo2": reason, "pr": reason})
    assert observation.device["pa"] is None


def test_one_number_may_be_there_without_the_other(read):
    observation = read(line(97, "---"))
    assert (observation.values, observation.missing) == ({"spo2": 97}, {"pr": "not_measured"})


@pytest.mark.parametrize(("spo2", "pr"), [("97*", "72"), ("97", "72*"), ("97*", "72*"), ("100*", "185*")])
def test_a_star_says_that_a_limit_is_passed(spo2, pr, read):
    assert read(line(spo2, pr)).flags == ("device_alarm",)


@pytest.mark.parametrize("time", ["00-Jan-00 00:00:00", "31-Feb-26 10:00:00", "20-Okt-26 23:48:02"])
def test_a_clock_that_was_never_set_costs_no_reading(time, read):
    observation = read(line(time=time))
    assert observation.values == {"spo2": 97, "pr": 72}
    assert observation.device_time is None


def test_months_are_read_in_any_case(read):
    assert read(line(time="20-NOV-26 23:48:02")).device_time == "2026-11-20T23:48:02"


def test_a_heading_yields_its_model_and_limits_and_no_number(listen):
    heard = listen("nellcor-ascii", HEADING + line())
    title, data = heard.observations
    assert (title.values, title.missing, title.flags) == ({}, {}, ())
    assert title.device["model"] == "N-595"
    assert (title.device["spo2_low"], title.device["pr_high"]) == (85, 170)
    assert data.values == {"spo2": 97, "pr": 72}
    assert (heard.good, heard.bad) == (4, [])


@pytest.mark.parametrize(
    "damaged",
    [
        line().replace(b"97", b"9-"),
        line().replace(b"72", b"7x"),
        line()[1:],
        line().replace(b"Nov", b"No"),
        line().replace(b"72", b" 2 2"),
        line(status="S"),
        line(status="SDX"),
        line(status="sd"),
        line(status="S\x00"),
        line(status="S\xd3"),
        line().replace(b"97 ", b"97**"),
        line()[:32] + b"\r\n",
        line()[:-2] + b" " + line(),
        b"1000" + line(),
        b"N-560    VERSION 1.61.00    CRC:XXXX  SpO2 Limit: 95-10\r\n",
        b"95-100%\r\n",
        b"1) Dump Instrument Info\r\n",
        b"NPB-595   Interactive Mode\r\n",
    ],
)
def test_a_line_that_does_not_fit_whole_is_counted_and_never_read(damaged, listen):
    heard = listen("nellcor-ascii", damaged)
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.reasons() == ["bad_line"]


@pytest.mark.parametrize("at", [21, 22, 23, 29, 30, 31])
def test_a_lost_digit_moves_the_columns_and_is_seen(at, listen):
    """105 that has become 10 or 15 must not be read."""
    whole = line(100, 105)
    heard = listen("nellcor-ascii", whole + whole[:at] + whole[at + 1 :] + whole)
    assert [dict(seen.values) for seen in heard.observations] == [{"spo2": 100, "pr": 105}] * 2
    assert heard.reasons() == ["bad_line"]


def other_model(spo2, pr):
    return f"20-Nov-26 23:48:02 {spo2:>3}  {pr:>3}   88 MO AO\r\n".encode()


def test_a_model_with_other_columns_is_read_by_words(listen):
    heard = listen("nellcor-ascii", b"".join(other_model(97, pr) for pr in (72, 300, 9)))
    assert [seen.values["pr"] for seen in heard.observations] == [72, 300, 9]
    assert heard.observations[0].device["status"] == ["MO", "AO"]


def test_other_columns_on_a_live_line_are_believed_when_they_come_twice():
    driver = build("nellcor-ascii", {})
    driver.start(0)
    heard = driver.feed(b"half a line\r\n" + b"".join(other_model(97, pr) for pr in (72, 73, 74)), 0)
    assert [seen.values["pr"] for seen in heard.observations] == [73, 74]
    assert [bad.reason for bad in heard.bad] == ["bad_line"]


@pytest.mark.parametrize("at", range(1, len(line(status="SD"))))
def test_a_line_cut_short_by_a_line_feed_is_not_read(at, listen):
    heard = listen("nellcor-ascii", line() + line(status="SD")[:at] + b"\n" + line())
    assert [dict(seen.values) for seen in heard.observations if seen.values] == [{"spo2": 97, "pr": 72}] * 2


@pytest.mark.parametrize("at", range(1, len(line(status="SD")) - 1))
def test_a_recording_that_ends_inside_a_line_does_not_yield_that_line(at, listen):
    heard = listen("nellcor-ascii", line() + line(status="SD")[:at])
    assert len(heard.observations) == 1
    assert heard.reasons() == ["incomplete"]


def test_a_recording_may_have_lost_its_carriage_returns(listen):
    assert len(listen("nellcor-ascii", (HEADING + line() * 3).replace(b"\r", b"")).observations) == 4


def test_after_the_line_opened_the_first_line_is_dropped():
    driver = build("nellcor-ascii", {})
    driver.feed(line()[:40], 0)
    assert driver.start(10) == b""
    heard = driver.feed(line(85) + line(90), 20)
    assert [seen.values["spo2"] for seen in heard.observations] == [90]
    assert (heard.good, heard.bad) == (1, ())
    assert driver.tick(1_000) == b""


def test_silence_is_five_seconds():
    assert build("nellcor-ascii", {}).silence_s == 5.0


def test_a_megabyte_of_noise_is_no_reading(listen):
    heard = listen("nellcor-ascii", random.Random(20).randbytes(1_000_000), size=4096)
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.bad


def test_a_line_that_never_ends_is_reported_and_not_kept(listen):
    heard = listen("nellcor-ascii", b"9" * 100_000, size=1000)
    assert sum(bad.size for bad in heard.bad) == 100_000


_words = st.lists(
    st.one_of(
        st.sampled_from(
            [line().decode(), HEADING.decode(), "20-Nov-26 23:48:02", "\r\n", "\n", " ", "   ", "*", "\x00"]
        ),
        st.builds("{:4} ".format, st.integers(-5, 1000)),
        st.sampled_from(" ---  SD SO LP LM MO PS LB AO ZZ S 95-100%".split(" ")),
    ),
    max_size=40,
)


@given(words=_words, size=st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_no_line_raises_or_brings_a_value_out_of_range(listen, words, size):
    data = "".join(words).encode("latin-1")
    heard = listen("nellcor-ascii", data, size=size)
    assert heard == listen("nellcor-ascii", data)
    assert_sane(heard)


@given(spo2=st.integers(0, 999), pr=st.integers(0, 999), status=st.lists(st.sampled_from("SD SO LP PS QQ".split())))
@settings(deadline=None)
def test_a_good_line_has_a_value_or_a_reason_for_each_parameter(listen, spo2, pr, status):
    heard = listen("nellcor-ascii", line(spo2, pr, status=" ".join(status[:5])))
    assert_sane(heard)
    (observation,) = heard.observations
    assert set(observation.values) | set(observation.missing) == {"spo2", "pr"}


@given(data=st.binary(max_size=1500), size=st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_at_all_raise(listen, data, size):
    heard = listen("nellcor-ascii", data, size=size)
    assert heard == listen("nellcor-ascii", data)
    assert_sane(heard)


def assert_sane(heard):
    for seen in heard.observations:
        assert not set(seen.values) & set(seen.missing)
        assert set(seen.missing.values()) <= MISSING_REASONS
        assert set(seen.flags) <= DEVICE_STATES
        assert all(value and PARAMETERS[name].plausible(value) for name, value in seen.values.items())


def test_ten_minutes_of_a_bad_line_lose_what_was_hit_and_nothing_after_it(damage, listen):
    said = [(60 + n % 40, 40 + n % 200) for n in range(300)]
    lines = [line(spo2, pr, status="AO") for spo2, pr in said]
    parts = [damage(data, seed=n, rate=1e-3) for n, data in enumerate(lines)]
    heard = listen("nellcor-ascii", b"".join(parts), size=37)
    assert_sane(heard)
    got = [(seen.values.get("spo2"), seen.values.get("pr")) for seen in heard.observations]
    # Without a checksum a changed digit cannot be seen; whatever was not touched, nor joined to what was, is read.
    certain = [said[n] for n in range(1, 300) if parts[n] == lines[n] and parts[n - 1] == lines[n - 1]]
    rest = iter(got)
    assert all(any(pair == seen for seen in rest) for pair in certain)
    assert len(certain) > 240
    assert len(got) < 300
