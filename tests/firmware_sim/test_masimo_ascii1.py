"""The Masimo encoder against captured lines, and its behaviour over time."""

import re
from datetime import datetime

import pytest

from firmware_sim.monitors.masimo_ascii1 import Line, MasimoAscii1, encode
from firmware_sim.monitors.monitor import Options


@pytest.fixture
def lines(bed, signs):
    """The fields of each line of `seconds`, with the changes given."""

    def run(*changes, seconds=10):
        data = MasimoAscii1(bed(*(changes or ((0, signs()),))), Options(seed=1)).step(seconds * 1_000)
        return [dict(re.findall(r"(\w+)=(\S+)", line)) for line in data.decode("ascii").split("\r\n")[:-1]]

    return run


@pytest.mark.parametrize("name", ["rad8-capture-53", "rad8-capture-55", "rad8-capture-57"])
def test_line_is_the_captured_one_byte_for_byte(vectors, name):
    vector = vectors("masimo-ascii1", "line")[name]
    event = vector["expect"][0]
    line = Line(
        time=datetime.fromisoformat(event["device_time"]),
        serial=event["device"]["sn"],
        spo2=event["values"]["spo2"],
        pr=event["values"]["pr"],
        pi=event["values"]["pi"],
        alarm=event["device"]["alarm"],
        exceptions=event["device"]["exc"],
    )
    assert encode(line).decode() == vector["ascii"]


def test_missing_numbers_are_dashes_of_the_same_width():
    time = datetime(2026, 1, 2, 3, 4, 5)
    full = encode(Line(time=time, serial="0" * 10, spo2=97, pr=185, pi=0.5))
    empty = encode(Line(time=time, serial="0" * 10, spo2=None, pr=None, pi=None))
    assert len(full) == len(empty)
    assert b"SPO2=---% BPM=--- PI=--.--% " in empty


def test_one_line_leaves_each_second(lines):
    assert len(lines(seconds=25)) == 25


@pytest.mark.parametrize("bpm", [127, 128, 185, 240])
def test_rates_are_three_digits(lines, signs, bpm):
    assert lines((0, signs(pr=float(bpm))))[0]["BPM"] == f"{bpm:03d}"


def test_rate_it_cannot_show_is_no_number(lines, signs):
    assert lines((0, signs(pr=255.0)))[0]["BPM"] == "---"


def test_numbers_stand_for_a_moment_after_the_finger_is_gone_and_the_exception_tells(lines, signs):
    found = lines((0, signs()), (3_000, signs("sensor_off")))
    assert [line["EXC"] for line in found[1:4]] == ["000800", "000820", "000820"]
    assert [line["SPO2"] for line in found[1:7]] == ["097%"] * 4 + ["---%"] * 2


def test_pulse_is_searched_after_the_finger_is_back(lines, signs):
    found = lines((0, signs("sensor_off")), (3_000, signs()), seconds=9)
    assert [line["EXC"][-2:] for line in found] == ["20"] * 2 + ["08"] * 5 + ["00"] * 2
    assert [line["BPM"] for line in found] == ["---"] * 7 + ["072"] * 2


@pytest.mark.parametrize(
    ("state", "values", "exceptions"),
    [
        ("no_sensor", {}, 0x801),
        ("sensor_off", {}, 0x820),
        ("artifact", {}, 0xC10),
        ("low_battery", {"pi": 0.2}, 0x804),
        ("asystole", {"pr": None, "spo2": None, "pi": None}, 0x808),
    ],
)
def test_states_are_exceptions(lines, signs, state, values, exceptions):
    assert int(lines((0, signs(state, **values)))[0]["EXC"], 16) == exceptions


@pytest.mark.parametrize(
    ("states", "values", "alarm"),
    [
        ((), {}, 0),
        ((), {"spo2": 85.0}, 0x12),
        ((), {"pr": 150.0}, 0x14),
        ((), {"pr": 40.0}, 0x18),
        (("low_battery",), {}, 0x40),
    ],
)
def test_alarms_of_the_device(lines, signs, states, values, alarm):
    assert int(lines((0, signs(*states, **values)))[0]["ALARM"], 16) == alarm
