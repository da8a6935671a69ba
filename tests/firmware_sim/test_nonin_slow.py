"""The slow forms of Nonin (data formats 1, 8 and 13, printer lines) against vectors, and over time."""

from datetime import datetime

import pytest

from firmware_sim.clock import Clock
from firmware_sim.monitors import nonin_ascii, nonin_once_a_second, nonin_spot_check
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin_ascii import NoninAscii
from firmware_sim.monitors.nonin_once_a_second import NoninOnceASecond
from firmware_sim.monitors.nonin_spot_check import Measurement, NoninSpotCheck

STATUS = {
    "df1-72-97": 0,
    "df1-185-low-perfusion": 0x10,
    "df1-missing-disconnected": 0x60,
    "df8-72-97-low-battery": 0,
    "df8-missing-sensor-alarm": 0x20,
    "df8-held-values-finger-out": 0,
}
STAT2 = {"df8-72-97-low-battery": 0x01, "df8-missing-sensor-alarm": 0x08, "df8-held-values-finger-out": 0x08}
HELD = {"df8-held-values-finger-out": {"pr": 74, "spo2": 97}}  # numbers that stand in the bytes and mean nothing


@pytest.fixture
def module(bed, signs):
    return lambda format_, *changes: NoninOnceASecond(bed(*(changes or ((0, signs()),))), format_, Options(seed=1))


@pytest.fixture
def spot(bed, signs):
    return lambda *changes: NoninSpotCheck(bed(*(changes or ((0, signs()),))), Options(seed=1))


def packets(data, size):
    assert len(data) % size == 0
    return [data[at : at + size] for at in range(0, len(data), size)]


def rate(packet):
    return (packet[0] & 3) << 7 | packet[1]


@pytest.mark.parametrize("name", STATUS)
def test_packet_is_the_vector_byte_for_byte(vectors, name):
    vector = vectors("nonin", name[:3])[name]
    values = vector["expect"][0]["values"] | HELD.get(name, {})
    packet = nonin_once_a_second.encode(values.get("pr"), values.get("spo2"), STATUS[name], STAT2.get(name))
    assert packet.hex() == vector["hex"]


@pytest.mark.parametrize(
    ("name", "status"),
    [("df13-74-96-smartpoint", 0x0200), ("df13-from-memory-no-measurement", 0x0111)],
)
def test_spot_check_is_the_vector_byte_for_byte(vectors, name, status):
    vector = vectors("nonin", "df13")[name]
    event = vector["expect"][0]
    packet = nonin_spot_check.encode(
        Measurement(
            time=datetime.fromisoformat(event["device_time"]),
            pr=event["values"].get("pr"),
            spo2=event["values"].get("spo2"),
            status=status,
        )
    )
    assert packet.hex() == vector["hex"]


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("ascii-72-97", {"spo2": 97, "pr": 72}),
        ("ascii-missing", {"spo2": None, "pr": None}),
        ("ascii-fast", {"spo2": 97, "pr": 72, "fast": True}),
    ],
)
def test_printer_line_is_the_vector_byte_for_byte(vectors, name, fields):
    assert nonin_ascii.encode(**fields).decode() == vectors("nonin", "ascii")[name]["ascii"]


@pytest.mark.parametrize(("format_", "size"), [(1, 3), (8, 4)])
@pytest.mark.parametrize("bpm", [72, 127, 128, 185, 255, 256, 300])
def test_rates_have_nine_bits(module, signs, format_, size, bpm):
    found = packets(module(format_, (0, signs(pr=float(bpm)))).step(10_000), size)
    assert [rate(packet) for packet in found] == [bpm] * 10
    assert all(packet[0] & 0x80 and not any(byte & 0x80 for byte in packet[1:]) for packet in found)


def test_format_1_has_no_number_as_soon_as_the_finger_is_gone(module, signs):
    found = packets(module(1, (0, signs()), (3_000, signs("sensor_off")), (5_000, signs())).step(9_000), 3)
    assert [packet.hex() for packet in found] == ["804861"] * 2 + ["a37f7f"] * 5 + ["804861"] * 2


def test_format_8_holds_its_numbers_ten_seconds_and_tells_by_the_alarm_bit(module, signs):
    found = packets(module(8, (0, signs()), (3_000, signs("sensor_off"))).step(15_000), 4)
    assert found[1].hex() == "80486120"
    assert {packet.hex() for packet in found[2:11]} == {"80486108"}
    assert {packet.hex() for packet in found[11:]} == {"a37f7f08"}


@pytest.mark.parametrize(
    ("states", "values", "status", "stat2"),
    [
        ((), {}, 0x80, 0x20),
        ((), {"pi": 0.7}, 0x88, 0x00),
        ((), {"pi": 0.2}, 0x90, 0x00),
        (("artifact",), {}, 0x84, 0x00),
        (("low_battery",), {}, 0x80, 0x21),
        (("no_sensor",), {}, 0xE3, 0x08),
        (("asystole",), {"pr": None, "spo2": None, "pi": None}, 0xA3, 0x00),
    ],
)
def test_states_are_bits(module, signs, states, values, status, stat2):
    packet = module(8, (0, signs(*states, **values))).step(1_000)
    assert (packet[0], packet[3]) == (status, stat2)
    assert module(1, (0, signs(*states, **values))).step(1_000)[0] == status


@pytest.mark.parametrize(("format_", "answer"), [(8, "06"), (1, "15")])
def test_format_commands_are_answered_between_packets(vectors, module, format_, answer):
    device = module(format_)
    device.step(1_000)
    device.receive(bytes.fromhex(vectors("nonin", "command")["set-format-8"]["hex"]))
    assert device.step(1_500).hex() == answer


def test_one_measurement_a_minute_with_the_time_of_the_monitor(spot):
    found = packets(spot().step(180_000), 22)
    assert [packet[9:13].hex() for packet in found] == ["01080012", "01080112", "01080212"]
    assert {packet[14:16].hex() for packet in found} == {"0200"}
    assert {(packet[17], packet[19]) for packet in found} == {(72, 97)}


def test_restless_finger_is_sent_late_and_without_the_mark_of_quality(spot, signs):
    device = spot((0, signs("artifact")))
    assert device.step(39_000) == b""
    assert device.step(41_000)[14:16].hex() == "0000"


def test_finger_that_leaves_too_early_sends_nothing(spot, signs):
    assert spot((0, signs()), (10_000, signs("sensor_off"))).step(59_000) == b""


def test_finger_without_a_pulse_is_no_measurement(spot, signs):
    packet = spot((0, signs("low_battery", pr=None, spo2=None))).step(41_000)
    assert (packet[14:16].hex(), packet[16:18].hex(), packet[19]) == ("0101", "01ff", 0x7F)


@pytest.mark.parametrize("bpm", [127, 128, 185, 255, 256, 300])
def test_rate_of_a_spot_check_is_sixteen_bits(spot, signs, bpm):
    packet = spot((0, signs(pr=float(bpm)))).step(13_000)
    assert int.from_bytes(packet[16:18], "big") == bpm


def test_printer_begins_with_headings_and_prints_a_line_a_second(bed, signs):
    source = bed((0, signs()), (2_500, signs("sensor_off")))
    lines = NoninAscii(source, Options()).step(4_000).decode("ascii").split("\r\n")
    assert [line.partition("=")[0] for line in lines[:3]] == ["FORMAT", "DATE", "TIME"]
    assert lines[3:] == [
        "08:00:01 SPO2=097 HR=072",
        "08:00:02 SPO2=097 HR=072",
        "08:00:03 SPO2=--- HR=---",
        "08:00:04 SPO2=--- HR=---",
        "",
    ]


def test_clock_of_the_monitor_may_be_wrong(bed, signs):
    options = Options(clock=Clock(ahead_ms=lambda t_ms: 3_600_000 if t_ms > 1_000 else 0))
    lines = NoninAscii(bed((0, signs())), options).step(2_000).decode("ascii").split("\r\n")
    assert [line[:8] for line in lines[3:5]] == ["08:00:01", "09:00:02"]
