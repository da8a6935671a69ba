"""The Nellcor encoder against captured lines, and its behaviour over time."""

from dataclasses import replace
from datetime import datetime

import pytest

from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nellcor_ascii import Heading, Line, NellcorAscii, encode, encode_heading


@pytest.fixture
def monitor(bed, signs):
    return lambda *changes: NellcorAscii(bed(*(changes or ((0, signs()),))), Options(seed=1))


def data_lines(data):
    return [line for line in data.decode("ascii").split("\r\n") if line[2:3] == "-"]


def line_of(vector):
    event = vector["expect"][0]
    return Line(
        time=datetime.fromisoformat(event["device_time"]),
        spo2=event["values"].get("spo2"),
        pr=event["values"].get("pr"),
        pa=event["device"]["pa"],
        codes=tuple(event["device"]["status"]),
        spo2_star="SL" in event["device"]["status"],
        pr_star="PH" in event["device"]["status"],
    )


def test_every_line_of_data_is_the_vector_byte_for_byte(vectors):
    entries = vectors("nellcor-ascii", "data")
    assert len(entries) == 7
    for vector in entries.values():
        assert encode(line_of(vector)).decode() == vector["ascii"]


def test_heading_is_the_captured_one_byte_for_byte(vectors):
    entries = vectors("nellcor-ascii", "header")
    heading = encode_heading(Heading(spo2=(95, 100), pr=(59, 148))).decode().splitlines(keepends=True)
    assert heading[0] == entries["n560-capture-header1"]["ascii"]
    assert heading[2] == entries["n560-capture-header3"]["ascii"]
    assert heading[1].index("ADULT") == 29
    assert heading[1].index("25SAT-S") == 44


def test_a_line_leaves_each_two_seconds_with_the_time_of_the_monitor(monitor):
    assert [line[10:18] for line in data_lines(monitor().step(6_500))] == ["08:00:02", "08:00:04", "08:00:06"]


def test_heading_comes_at_power_up_and_each_twenty_five_lines(monitor):
    kinds = ["-" if line[2:3] == "-" else line[:4] for line in monitor().step(110_000).decode().split("\r\n")[:-1]]
    heading = ["N-56", "    ", "TIME"]
    assert kinds == (heading + ["-"] * 25) * 2 + heading + ["-"] * 5


def test_heading_comes_again_when_a_limit_changes(monitor):
    device = monitor()
    device.step(5_000)
    device.heading = replace(device.heading, spo2=(85, 100))
    assert b"SpO2 Limit: 85-100%" in device.step(6_000)
    assert b"Limit" not in device.step(10_000)


@pytest.mark.parametrize(
    ("states", "values", "codes", "text"),
    [
        ((), {}, [], "    97      72      80"),
        (("sensor_off",), {}, ["SO"], "   ---     ---     ---"),
        (("no_sensor",), {}, ["SD"], "   ---     ---     ---"),
        (("artifact",), {}, ["MO"], "    97      72      80"),
        (("asystole",), {"pr": None, "spo2": None, "pi": None}, ["LP"], "   ---     ---     ---"),
        (("artifact",), {"pr": None, "spo2": None, "pi": None}, ["LM"], "   ---     ---     ---"),
        (("low_battery",), {}, ["LB"], "    97      72      80"),
        ((), {"spo2": 84.0}, ["SL"], "    84*     72      80"),
        ((), {"pr": 185.0}, ["PH"], "    97     185*     80"),
        ((), {"pr": 41.0, "spo2": 80.0}, ["PL", "SL"], "    80*     41*     80"),
        ((), {"pi": 19.0}, [], "    97      72     254"),
    ],
)
def test_states_are_codes_and_numbers_beyond_limits_have_stars(monitor, signs, states, values, codes, text):
    (line,) = data_lines(monitor((0, signs(*states, **values))).step(2_000))
    assert line[44:].split() == codes
    assert line[18:44].rstrip() == text


def test_pulse_is_searched_after_the_finger_is_back(monitor, signs):
    lines = data_lines(monitor((0, signs("sensor_off")), (3_000, signs())).step(12_000))
    assert [line[44:] for line in lines] == ["SO", "PS", "PS", "PS", "", ""]


def test_no_line_comes_while_the_menu_is_open(monitor):
    device = monitor()
    device.step(4_000)
    device.receive(b"\x03")
    assert len(data_lines(device.step(6_000))) == 1
    device.receive(b"\x03")
    assert b"Interactive Mode" in device.step(6_100)
    assert device.step(20_000) == b""
    device.receive(b"1\r\n")
    told = device.step(20_100)
    assert b"N-560 VERSION 1.61.00 INFO CRC:" in told
    assert told.endswith(b"Command? ")
    device.receive(b"0\r")
    device.receive(b"\n")
    again = device.step(26_000)
    assert again.count(b"VERSION") == 1
    assert len(data_lines(again)) == 3


def test_noise_from_the_host_is_no_menu(monitor):
    device = monitor()
    device.receive(bytes(range(256)) * 4)
    assert len(data_lines(device.step(4_000))) == 2
