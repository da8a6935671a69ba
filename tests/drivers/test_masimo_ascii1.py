"""Masimo ASCII 1: lines are read by key, exceptions win over numbers, damaged lines are counted."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.masimo_ascii1 import MasimoDriver, MasimoOptions
from edge_agent.drivers.masimo_ascii1.decoder import AsciiLine, unpack
from edge_agent.drivers.registry import build
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

VECTORS = json.loads((Path(__file__).parent / "vectors" / "masimo-ascii1.json").read_text())


def line(spo2="097%", bpm="072", pi="04.96%", alarm="0000", exc="000800", more="", time="11/20/26 23:48:02"):
    return f"{time} SN=0000000001 SPO2={spo2} BPM={bpm} PI={pi} {more}ALARM={alarm} EXC={exc}\r\n".encode()


@pytest.fixture
def read(listen):
    """The one observation in a line."""

    def one(data):
        heard = listen("masimo-ascii1", data)
        assert (heard.bad, heard.good) == ([], 1)
        (observation,) = heard.observations
        return observation

    return one


def test_lines_do_not_depend_on_how_the_line_splits_them(listen):
    data = "".join(vector["ascii"] for vector in VECTORS).encode() + b"x" * 300 + b"\r\n" + line() + b"\n\n" + line()
    whole = listen("masimo-ascii1", data + line()[:50])
    assert (len(whole.observations), whole.reasons()) == (11, ["bad_length", "incomplete"])
    for size in (1, 2, 3, 7, 100, 257):
        assert listen("masimo-ascii1", data + line()[:50], size=size) == whole
    short = data[-350:]
    expected = listen("masimo-ascii1", short)
    for at in range(1, len(short)):
        driver = MasimoDriver(MasimoOptions())
        parts = [driver.feed(short[:at], 0), driver.feed(short[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == expected.observations
        assert [bad for part in parts for bad in part.bad] == expected.bad


@pytest.mark.parametrize("rate", [25, 127, 128, 185, 240, 255, 256, 300])
def test_rate_has_three_digits(rate, read):
    assert read(line(bpm=f"{rate:03}")).values["pr"] == rate


@pytest.mark.parametrize(("bpm", "spo2", "pi"), [("351", "101%", "30.01%"), ("000", "000%", "00.00%")])
def test_numbers_no_oximeter_can_measure_are_out_of_range(bpm, spo2, pi, read):
    observation = read(line(bpm=bpm, spo2=spo2, pi=pi))
    assert observation.values == {}
    assert observation.missing == dict.fromkeys(["pr", "spo2", "pi"], "out_of_range")


@pytest.mark.parametrize(
    ("exc", "reason"),
    [
        ("000801", "no_sensor"),
        ("001800", "no_sensor"),
        ("000802", "sensor_fault"),
        ("000880", "sensor_fault"),
        ("000900", "sensor_fault"),
        ("004800", "sensor_fault"),
        ("008800", "sensor_fault"),
        ("010800", "sensor_fault"),
        ("000820", "sensor_off"),
        ("000808", "searching"),
        ("020800", "calibrating"),
        ("801", "no_sensor"),
        ("820", "sensor_off"),
        ("0010000", "sensor_fault"),
    ],
)
def test_an_exception_wins_over_the_numbers_beside_it(exc, reason, read):
    observation = read(line(exc=exc))
    assert observation.values == {}
    assert observation.missing == dict.fromkeys(["spo2", "pr", "pi"], reason)
    assert observation.flags == (reason,)


def test_of_several_exceptions_the_strongest_is_the_reason(read):
    order = [("001", "no_sensor"), ("002", "sensor_fault"), ("020", "sensor_off"), ("008", "searching")]
    bits = 0x20000
    reason = "calibrating"
    for text, stronger in reversed(order):
        assert read(line(exc=f"{bits:06X}")).missing["spo2"] == reason
        bits, reason = bits | int(text, 16), stronger
    observation = read(line(exc=f"{bits:06X}"))
    assert observation.missing["spo2"] == "no_sensor"
    assert observation.flags == ("calibrating", "no_sensor", "searching", "sensor_fault", "sensor_off")


@pytest.mark.parametrize(
    ("exc", "flag"),
    [("000804", "low_perfusion"), ("000810", "artifact"), ("000840", "artifact"), ("000C00", "low_signal")],
)
def test_a_doubtful_number_is_published_as_questionable(exc, flag, read):
    observation = read(line(exc=exc))
    assert observation.values == {"spo2": 97, "pr": 72, "pi": 4.96}
    assert observation.flags == tuple(sorted([flag, "questionable"]))


@pytest.mark.parametrize("exc", ["000800", "800", "000000", "000A00", "002800", "7C0800"])
def test_full_operation_and_states_without_a_word_are_no_fault(exc, read):
    observation = read(line(exc=exc))
    assert observation.values == {"spo2": 97, "pr": 72, "pi": 4.96}
    assert observation.flags == ()
    assert observation.device["exc"] == int(exc, 16)


@pytest.mark.parametrize("bit", range(14))
def test_each_alarm_bit_is_told(bit, read):
    flag = {5: "alarm_silenced", 6: "low_battery", 7: None}.get(bit, "device_alarm")
    observation = read(line(alarm=f"{1 << bit:04X}"))
    assert observation.flags == ((flag,) if flag else ())
    assert observation.device["alarm"] == 1 << bit


def test_a_parameter_the_model_does_not_measure_is_neither_value_nor_missing(read):
    observation = read(b"11/20/26 23:48:02 SPO2=097% EXC=800\r\n")
    assert (observation.values, observation.missing) == ({"spo2": 97}, {})


def test_newer_models_print_no_percent_sign_and_more_keys(read):
    observation = read(line(pi="12.34", more="SPHB=12.5 SPOC=17 PVI=--- EXC1=00000000 RESVD=--- "))
    assert observation.values["pi"] == 12.34
    assert observation.device["sphb"] == 12.5
    assert observation.device["spoc"] == 17
    assert observation.device["pvi"] is None


@pytest.mark.parametrize("time", ["00/00/00 00:00:00", "02/30/26 23:48:02", "11/20/26 24:00:00"])
def test_a_clock_that_was_never_set_costs_no_reading(time, read):
    observation = read(line(time=time))
    assert observation.values["spo2"] == 97
    assert observation.device_time is None


@pytest.mark.parametrize(
    "damaged",
    [
        line(spo2="97%"),
        line(spo2="0097%"),
        line(spo2="-97%"),
        line(spo2="09-%"),
        line(spo2=""),
        line(bpm="7 2"),
        line(bpm="72"),
        line(pi="4.96%"),
        line(pi="0496%"),
        line(exc="00080"),
        line(exc="00G800"),
        line(exc="00000820"),
        line(alarm="000"),
        line(time="1/20/26 23:48:02"),
        line(time="2026-11-20 23:48:02"),
        line(more="SPCO=x "),
        line(more="BPM=073 "),
        line(more="EXC=000800 "),
        line(more="PVI "),
        line().replace(b" EXC=000800", b""),
        line().replace(b" EXC=", b" EXD="),
        line().replace(b"SPO2", b"\xd3PO2"),
        line().replace(b" BPM", b"\x00BPM"),
        line().replace(b" BPM", b"\tBPM"),
        line()[:-2] + b" " + line(),
        line()[9:],
        b"hello\r\n",
    ],
)
def test_a_line_that_does_not_fit_whole_is_counted_and_never_read(damaged, listen):
    heard = listen("masimo-ascii1", damaged)
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.reasons() in (["bad_line"], ["bad_length"])


def test_a_line_of_another_mode_publishes_nothing_and_leaves_the_link_silent(listen):
    data = b"09/21/08 09:56:12 SpO2=097 PR=069 PI=04.69 EXC=800:SET\r\n"
    heard = listen("masimo-ascii1", data * 3)
    assert [seen.device for seen in heard.observations] == [{"wrong_mode": "ascii2"}] * 3
    assert all(not (seen.values or seen.missing or seen.flags) for seen in heard.observations)
    assert heard.good == 0


def test_exceptions_that_lost_digits_are_not_taken_for_all_is_well(listen):
    cut = line(exc="000820").replace(b"EXC=000820", b"EXC=000")
    heard = listen("masimo-ascii1", line(exc="000820") + cut + line(exc="000820"))
    assert all(seen.values == {} for seen in heard.observations)
    assert heard.reasons() == ["bad_line", "bad_line"]


@pytest.mark.parametrize("at", range(1, len(line())))
def test_a_line_cut_short_by_a_line_feed_is_not_read(at, listen):
    heard = listen("masimo-ascii1", line() + line(exc="000820")[:at] + b"\n" + line())
    assert [dict(seen.values) for seen in heard.observations if seen.values] == [{"spo2": 97, "pr": 72, "pi": 4.96}] * 2


@pytest.mark.parametrize("at", range(1, len(line()) - 1))
def test_a_recording_that_ends_inside_a_line_does_not_yield_that_line(at, listen):
    heard = listen("masimo-ascii1", line() + line(spo2="085%")[:at])
    assert [seen.values["spo2"] for seen in heard.observations] == [97]
    assert heard.reasons() == ["incomplete"]


def test_a_recording_may_have_lost_its_carriage_returns(listen):
    assert len(listen("masimo-ascii1", line().replace(b"\r", b"") * 3).observations) == 3


def test_after_the_line_opened_the_first_line_is_dropped():
    driver = build("masimo-ascii1", {})
    driver.feed(line()[:40], 0)
    assert driver.start(10) == b""
    heard = driver.feed(line(spo2="085%") + line(spo2="090%"), 20)
    assert [seen.values["spo2"] for seen in heard.observations] == [90]
    assert (heard.good, heard.bad) == (1, ())
    assert driver.tick(1_000) == b""


def test_a_line_may_have_256_bytes_and_no_more(listen):
    full = line(more=f"NEW={'9' * (256 - len(line()) - 5 + 1)} ")
    assert len(full) == 257
    assert len(listen("masimo-ascii1", full).observations) == 1
    assert listen("masimo-ascii1", full.replace(b"NEW=9", b"NEW=99")).reasons() == ["bad_length"]


def test_silence_is_two_and_a_half_seconds():
    assert build("masimo-ascii1", {}).silence_s == 2.5


def test_a_megabyte_of_noise_is_no_reading(listen):
    heard = listen("masimo-ascii1", random.Random(20).randbytes(1_000_000), size=4096)
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.bad


def test_a_line_that_never_ends_is_reported_and_not_kept(listen):
    heard = listen("masimo-ascii1", b"9" * 100_000, size=1000)
    assert sum(bad.size for bad in heard.bad) == 100_000


_words = st.lists(
    st.one_of(
        st.sampled_from([line().decode(), "11/20/26 23:48:02 ", "\r\n", "\n", " ", "\x00", "\xff", "=", "%", ":"]),
        st.builds("SPO2={:03}% ".format, st.integers(0, 999)),
        st.builds("BPM={:03} ".format, st.integers(0, 999)),
        st.builds("PI={:05.2f} ".format, st.floats(0, 99)),
        st.builds("EXC={:06X} ".format, st.integers(0, 0xFFFFFF)),
        st.builds("ALARM={:04X} ".format, st.integers(0, 0xFFFF)),
        st.sampled_from(["SPO2=---% ", "BPM=--- ", "PI=--.--% ", "PVI=--- ", "SpO2=097 ", "PR=069 "]),
    ),
    max_size=40,
)


@given(words=_words, size=st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_no_line_raises_or_brings_a_value_out_of_range(listen, words, size):
    data = "".join(words).encode("latin-1")
    heard = listen("masimo-ascii1", data, size=size)
    assert heard == listen("masimo-ascii1", data)
    assert_sane(heard)


@given(data=st.binary(max_size=1500), size=st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_at_all_raise(listen, data, size):
    heard = listen("masimo-ascii1", data, size=size)
    assert heard == listen("masimo-ascii1", data)
    assert_sane(heard)


def assert_sane(heard):
    for seen in heard.observations:
        assert not set(seen.values) & set(seen.missing)
        assert set(seen.missing.values()) <= MISSING_REASONS
        assert set(seen.flags) <= DEVICE_STATES
        assert all(value and PARAMETERS[name].plausible(value) for name, value in seen.values.items())


@given(exc=st.integers(0, 0xFFFFFFF), alarm=st.integers(0, 0xFFFFFF))
@settings(deadline=None)
def test_a_line_has_all_its_numbers_or_none(listen, exc, alarm):
    (observation,) = listen("masimo-ascii1", line(exc=f"{exc:07X}", alarm=f"{alarm:06X}")).observations
    withheld = exc & 0x3D1AB
    assert set(observation.missing if withheld else observation.values) == {"spo2", "pr", "pi"}
    assert not (observation.values if withheld else observation.missing)


def test_ten_minutes_of_a_bad_line_lose_what_was_hit_and_nothing_after_it(damage, listen):
    lines = [line(spo2=f"{60 + n % 40:03}%", bpm=f"{40 + n % 200:03}") for n in range(600)]
    parts = [damage(data, seed=n, rate=1e-3) for n, data in enumerate(lines)]
    heard = listen("masimo-ascii1", b"".join(parts), size=37)
    assert_sane(heard)
    got = [(seen.values.get("spo2"), seen.values.get("pr")) for seen in heard.observations]
    # Without a checksum a changed digit cannot be seen; whatever was not touched, nor joined to what was, is read.
    certain = [
        (60 + n % 40, 40 + n % 200) for n in range(1, 600) if parts[n] == lines[n] and parts[n - 1] == lines[n - 1]
    ]
    rest = iter(got)
    assert all(any(pair == seen for seen in rest) for pair in certain)
    assert len(certain) > 420
    assert len(got) < 600


def test_unpacking_one_line_needs_no_driver():
    assert isinstance(unpack(line().strip()), AsciiLine)
