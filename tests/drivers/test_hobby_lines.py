"""Hobby sensors: whole lines become observations of consumer grade, other lines are counted."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.hobby_lines import HobbyLinesDriver, HobbyLinesOptions
from edge_agent.drivers.hobby_lines.crc8 import crc8
from edge_agent.drivers.registry import build
from vitals.errors import UsageError
from vitals.parameters import PARAMETERS


def crc_by_hand(data):
    """The check value by polynomial division, bit by bit."""
    register = 0
    for byte in data:
        for bit in range(7, -1, -1):
            top = (register >> 7 ^ byte >> bit) & 1
            register = (register << 1 & 0xFF) ^ (0x07 if top else 0)
    return register


def canonical(seq, **fields):
    document = {"v": 1, "dev": "sim-03", "seq": seq, "t_ms": seq * 1000, **fields, "leads": "ok"}
    text = json.dumps(document, separators=(",", ":"))[:-1]
    return f'{text},"ck":"{crc_by_hand(text.encode()):02X}"}}\n'.encode()


@pytest.fixture
def values(listen):
    """The values and reasons of the one observation in a text."""

    def read(text, **options):
        heard = listen("hobby-lines", text.encode() + b"\r\n", **options)
        assert heard.bad == []
        (observation,) = heard.observations
        return dict(observation.values), dict(observation.missing)

    return read


def test_lines_do_not_depend_on_how_the_line_splits_them(all_vectors, listen):
    data = "".join(vector["ascii"] for vector in all_vectors("hobby-lines")).encode() + b"x" * 520 + b"\nHR=70\n"
    whole = listen("hobby-lines", data, columns=["hr", "spo2"])
    assert len(whole.observations) == 12
    for size in (1, 2, 3, 5, 100, 513):
        assert listen("hobby-lines", data, columns=["hr", "spo2"], size=size) == whole
    for at in range(1, len(data)):
        driver = HobbyLinesDriver(HobbyLinesOptions(columns=("hr", "spo2")))
        parts = [driver.feed(data[:at], 0), driver.feed(data[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad


@pytest.mark.parametrize("number", ["null", "0", "0.0", "-0.0", "-999", "-999.0"])
def test_what_sketches_print_for_nothing_is_no_number(number, values):
    assert values(f'{{"hr":{number},"spo2":97}}') == ({"spo2": 97}, {"hr": "not_measured"})


@pytest.mark.parametrize("number", ["nan", "NaN", "null", "0.00", "-999"])
def test_what_sketches_print_for_nothing_is_no_number_in_pairs_either(number, values):
    assert values(f"HR={number};SPO2=97") == ({"spo2": 97}, {"hr": "not_measured"})


@pytest.mark.parametrize(
    ("name", "low", "high"), [("hr", 20, 300), ("pr", 20, 300), ("spo2", 50, 100), ("temp", 0.1, 50), ("rr", 1, 200)]
)
def test_a_value_is_published_up_to_its_plausible_limits(name, low, high, values):
    assert values(f'{{"{name}":{low}}}') == ({name: low}, {})
    assert values(f'{{"{name}":{high}}}') == ({name: high}, {})
    assert values(f'{{"{name}":{high + 0.5}}}') == ({}, {name: "out_of_range"})
    assert values(f'{{"{name}":-5}}') == ({}, {name: "out_of_range"})
    assert values(f'{{"{name}":{"9" * 400}}}') == ({}, {name: "out_of_range"})


@pytest.mark.parametrize(
    "line",
    [
        '{"hr":true}',
        '{"hr":"72"}',
        '{"hr":NaN}',
        '{"hr":Infinity}',
        '{"hr":1e999}',
        '{"hr":[72]}',
        '{"hr":{"value":72}}',
        '{"vitals":{"hr":72}}',
        "[" * 400,
        '{"a":' * 80,
        '{"hr":72',
        '{"hr":72}{"hr":73}',
        '{"hr":72,"bpm":90}',
        '{"v":2,"hr":72}',
        '{"battery":72}',
        "{}",
        "HR=72;SPO2=",
        "HR=72SPO2=97",
        "HR=72;SPO2=97HR=73",
        "HR=inf",
        "HR=7 2",
        "HR=+72",
        "HR=72;HR=90",
        "72,97",
        "72",
        "hello",
        "ERROR: no sensor",
        "load:0x3fff0018,len:4",
        "red=1, ir=2, HR=75, HRvalid=7, SPO2=98, SPO2Valid=1",
        "Heart rate:72bpm / SpO2:",
        "\x00HR=72",
        "HR=72\x7f",
        "HR=٧٢",
    ],
)
def test_a_line_that_does_not_fit_whole_is_counted_and_never_read(line, listen):
    heard = listen("hobby-lines", line.encode() + b"\n")
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.reasons() == ["bad_line"]


def test_a_line_that_is_not_utf8_is_counted(listen):
    assert listen("hobby-lines", b'{"hr":72,"dev":"\xff"}\n').reasons() == ["bad_line"]


def test_columns_are_read_only_when_somebody_said_what_they_are(values, listen):
    assert values("72.00,97.00", columns=["hr", "spo2"]) == ({"hr": 72, "spo2": 97}, {})
    assert values("9,72,nan", columns=["_", "pulse", "oxygen"]) == ({"pr": 72}, {"spo2": "not_measured"})
    for line in (b"72\n", b"72,97,3\n", b"72,\n", b"72;97\n"):
        assert listen("hobby-lines", line, columns=["hr", "spo2"]).reasons() == ["bad_line"]


def test_the_rate_of_an_optical_sensor_is_a_pulse_rate(values):
    assert values('{"bpm":72}', rate_source="optical") == ({"pr": 72}, {})
    assert values("72", columns=["hr"], rate_source="optical") == ({"pr": 72}, {})


def test_fahrenheit_is_never_guessed(values):
    assert values("TEMP=98.6") == ({}, {"temp": "out_of_range"})
    assert values("TEMP=98.6", fahrenheit=True) == ({"temp": 37.0}, {})
    assert values("TEMP=36.8", fahrenheit=True) == ({"temp": 36.8}, {})
    assert values('{"temp_c":98.6}', fahrenheit=True) == ({}, {"temp": "out_of_range"})


def test_a_number_whose_valid_flag_is_off_is_not_published(values):
    line = "red=120000, ir=110021, HR=187, HRvalid=0, SPO2=98, SPO2Valid=1"
    assert values(line) == ({"spo2": 98}, {"pr": "device_invalid"})
    assert values("HR=75, HRvalid=0, SPO2=98, SPO2Valid=1") == ({"spo2": 98}, {"hr": "device_invalid"})
    assert values('{"hr":75,"hr_valid":false}') == ({}, {"hr": "device_invalid"})


@pytest.mark.parametrize(
    "line",
    [
        "IR=1123, BPM=71.43, Avg BPM=70 No finger?",
        "IR=1123, BPM=71.43, Avg BPM=70",
        "red=0, ir=49999, HR=75, HRvalid=1, SPO2=98, SPO2Valid=0",
    ],
)
def test_without_a_finger_there_is_no_number(line, listen):
    (observation,) = listen("hobby-lines", line.encode() + b"\n").observations
    assert observation.values == {}
    assert set(observation.missing.values()) == {"sensor_off"}
    assert observation.flags == ("consumer_grade", "sensor_off")


@pytest.mark.parametrize("line", ['{"hr":72,"leads":"off","spo2":97}', '{"hr":72,"leads":"RA","spo2":97}'])
def test_leads_off_wins_over_a_heart_rate(line, listen):
    (observation,) = listen("hobby-lines", line.encode() + b"\n").observations
    assert (observation.values, observation.missing) == ({"spo2": 97}, {"hr": "lead_off"})
    assert observation.flags == ("consumer_grade", "lead_off")


def test_a_beat_line_is_known_and_says_nothing(listen):
    heard = listen("hobby-lines", b"Beat!\r\n\r\nHeart rate:72bpm / SpO2:97%\r\n")
    assert (len(heard.observations), heard.good, heard.bad) == (1, 2, [])


@given(data=st.binary(max_size=80))
def test_the_table_of_the_check_value_agrees_with_division_by_hand(data):
    assert crc8(data) == crc_by_hand(data)


def test_the_check_value_guards_every_byte_before_it(listen):
    line = canonical(7, hr=72, spo2=97)
    assert len(listen("hobby-lines", line).observations) == 1
    for at in range(1, line.index(b',"ck"')):
        if (changed := bytes([line[at] ^ 1])) != b"\n":
            assert listen("hobby-lines", line[:at] + changed + line[at + 1 :]).observations == []


def test_strict_takes_only_lines_that_carry_their_check_value(listen):
    assert len(listen("hobby-lines", canonical(7, hr=72), strict=True).observations) == 1
    for line in (b'{"v":1,"hr":72}\n', b'{"hr":72,"ck":"00"}\n', b"HR=72\n", b"72\n"):
        assert listen("hobby-lines", line, strict=True, columns=["hr"]).observations == []


def test_a_line_may_have_512_bytes_and_no_more(listen):
    fits = b'{"hr":72,"dev":"' + b"x" * (512 - 18) + b'"}\n'
    assert len(fits) == 513
    assert len(listen("hobby-lines", fits).observations) == 1
    heard = listen("hobby-lines", fits.replace(b"xx", b"xxx", 1) + b"HR=70\n")
    assert [dict(seen.values) for seen in heard.observations] == [{"hr": 70}]
    assert [(bad.reason, bad.size) for bad in heard.bad] == [("bad_length", 513)]


def test_a_line_that_never_ends_is_reported_and_not_kept(listen):
    heard = listen("hobby-lines", b"\xff" * 1_000_000, size=4000)
    assert set(heard.reasons()) == {"bad_length"}
    assert sum(bad.size for bad in heard.bad) == 1_000_000


def test_a_recording_loses_neither_its_first_nor_its_last_line(listen):
    heard = listen("hobby-lines", b"HR=70\nHR=71\nHR=72")
    assert [seen.values["hr"] for seen in heard.observations] == [70, 71, 72]


def test_after_the_line_opened_boot_text_and_half_a_line_are_ignored():
    driver = build("hobby-lines", {})
    driver.feed(b"HR=9", 0)
    assert driver.start(10_000) == b""
    assert driver.feed(b"HR=60\nHR=61\nboot\n", 12_999).observations == ()
    heard = driver.feed(b"HR=62\nHR=63\n", 13_000)
    assert [seen.values["hr"] for seen in heard.observations] == [62, 63]
    assert heard.bad == ()


def test_without_settling_only_the_line_under_way_is_dropped():
    driver = build("hobby-lines", {"settle": "0s", "columns": ["hr", "spo2"]})
    driver.start(0)
    heard = driver.feed(b"2,97\n72,97\n", 0)
    assert [dict(seen.values) for seen in heard.observations] == [{"hr": 72, "spo2": 97}]


def test_silence_is_three_periods_or_five_seconds():
    assert build("hobby-lines", {}).silence_s == 5.0
    assert build("hobby-lines", {"period": "2s"}).silence_s == 6.0


def test_samples_come_in_blocks_without_holes(listen):
    lines = [str(count) for count in range(60)] + ["noise"] + [str(count) for count in range(100, 130)]
    heard = listen("hobby-lines", "\n".join(lines).encode(), mode="adc", adc_rate_hz=250)
    blocks = [seen.waves["ecg"].samples for seen in heard.observations]
    assert blocks == [
        tuple(range(25)),
        tuple(range(25, 50)),
        tuple(range(50, 60)),
        tuple(range(100, 125)),
        tuple(range(125, 130)),
    ]
    assert {seen.waves["ecg"].rate_hz for seen in heard.observations} == {250}
    assert heard.reasons() == ["bad_line"]


def test_electrodes_that_come_off_are_told_at_once_and_again_each_block(listen):
    heard = listen("hobby-lines", b"512\n" * 3 + b"!\n" * 60 + b"leads off!\n512\n", mode="adc")
    kinds = ["off" if "lead_off" in seen.flags else len(seen.waves["ecg"].samples) for seen in heard.observations]
    assert kinds == [3, "off", "off", "off", 1]


@pytest.mark.parametrize("line", [b"4096\n", b"-1\n", b"51.2\n", b"HR=72\n", b'{"hr":72}\n'])
def test_in_mode_adc_nothing_but_counts_is_read(line, listen):
    assert listen("hobby-lines", line, mode="adc").reasons() == ["bad_line"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"columns": ["hr", "sugar"]}, "sugar"),
        ({"columns": ["hr", "bpm"]}, "twice"),
        ({"columns": ["_"]}, "skipped"),
        ({"adc_rate_hz": 0}, "adc_rate_hz"),
        ({"period": "0s"}, "period"),
        ({"settle": 3}, "settle"),
        ({"mode": "wave"}, "mode"),
        ({"colums": ["hr"]}, "colums"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named(options, word):
    with pytest.raises(UsageError, match=word):
        build("hobby-lines", options)


@pytest.mark.parametrize("options", [{}, {"columns": ["hr", "spo2"]}, {"strict": True}])
def test_a_megabyte_of_noise_is_no_reading(options, listen):
    heard = listen("hobby-lines", random.Random(20).randbytes(1_000_000), size=4096, **options)
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.bad


_words = st.lists(
    st.sampled_from(
        list('{}[]":,=;!-. \r\n\x00\xff')
        + "hr HR spo2 SPO2Valid temp 72 0 -999 1e9 nan null true leads red= ir=".split()
        + ['"v":1', ',"ck":"7A"', "Avg BPM=", "bpm / SpO2:"]
    ),
    max_size=60,
)


@given(words=_words, size=st.integers(1, 50), columns=st.sampled_from([[], ["hr"], ["hr", "spo2"]]))
@settings(max_examples=300, deadline=None)
def test_no_line_raises_or_brings_a_value_out_of_range(listen, words, size, columns):
    data = "".join(words).encode("latin-1")
    heard = listen("hobby-lines", data, size=size, columns=columns)
    assert heard == listen("hobby-lines", data, columns=columns)
    for observation in heard.observations:
        assert "consumer_grade" in observation.flags
        assert not set(observation.values) & set(observation.missing)
        for name, value in observation.values.items():
            assert PARAMETERS[name].plausible(value)
            assert value != 0


@given(data=st.binary(max_size=2000), size=st.integers(1, 700))
@settings(max_examples=100, deadline=None)
def test_no_bytes_at_all_raise(listen, data, size):
    assert listen("hobby-lines", data, size=size) == listen("hobby-lines", data)


def test_ten_minutes_of_a_bad_line_publish_nothing_wrong(damage, listen):
    lines = [canonical(n, hr=40 + n % 200, spo2=60 + n % 40, rr=5 + n % 30, temp_c=36.5) for n in range(600)]
    parts = [damage(line, seed=n, rate=1e-3) for n, line in enumerate(lines)]
    said = [{"hr": 40 + n % 200, "spo2": 60 + n % 40, "rr": 5 + n % 30, "temp": 36.5} for n in range(600)]
    heard = listen("hobby-lines", b"".join(parts), size=37, strict=True)
    got = [dict(seen.values) for seen in heard.observations]
    assert all(values in said for values in got)
    # One damaged line feed costs the two lines it parted; nothing else spreads.
    untouched = sum(
        parts[n] == lines[n] and (n == 0 or parts[n - 1].endswith(b"\n")) and parts[n].count(b"\n") == 1
        for n in range(600)
    )
    assert untouched <= len(got)
    assert 480 < len(got) < 570
