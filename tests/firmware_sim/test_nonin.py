"""The Nonin encoder against the vectors of the sheet, and its behaviour over time."""

import pytest

from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.nonin import (
    ARTIFACT,
    BEAT_FRAMES,
    GREEN,
    OUT_OF_TRACK,
    RED,
    SENSOR_ALARM,
    SENSOR_DISCONNECTED,
    SYNC,
    VALID,
    YELLOW,
    NoninMonitor,
    Packet,
    encode,
)
from firmware_sim.signs import Signs

PACKET_BYTES = 125


class Bed:
    """A source whose signs change at given times."""

    def __init__(self, *changes: tuple[int, Signs]) -> None:
        self.changes = changes

    def at(self, t_ms):
        return [signs for start, signs in self.changes if start <= t_ms][-1]


def signs(*states, **values):
    return Signs(values={"pr": 72.0, "spo2": 97.0, "rr": 15.0, "pi": 4.0, **values}, states=frozenset(states))


def monitor(*changes, format_=2):
    return NoninMonitor(Bed(*(changes or ((0, signs()),))), format_, Options(seed=1))


def packets(data):
    """Variable bytes and status bytes of each packet."""
    assert len(data) % PACKET_BYTES == 0
    return [
        (list(data[start + 3 : start + PACKET_BYTES : 5]), list(data[start + 1 : start + PACKET_BYTES : 5]))
        for start in range(0, len(data), PACKET_BYTES)
    ]


def rate(variable, frame):
    return variable[frame - 1] << 7 | variable[frame]


def packet_of(vector):
    """The packet a vector was made from, as its expectation describes it."""
    data = bytes.fromhex(vector["hex"])
    expected = vector["expect"][0]
    device = expected["device"]
    hr, spo2 = expected["values"].get("pr"), expected["values"].get("spo2")
    off = "sensor_off" in expected["flags"]
    hr_d, spo2_d = device.get("hr_d", hr), device.get("spo2_d", spo2)
    samples = expected["waves"]["pleth"]["samples"] if "waves" in expected else data[2::5]
    return Packet(
        hr=hr,
        spo2=spo2,
        e_hr=hr,
        e_spo2=spo2,
        hr_d=hr_d,
        spo2_d=spo2_d,
        e_hr_d=hr_d,
        e_spo2_d=spo2_d,
        spo2_fast=spo2,
        spo2_beat=spo2,
        statuses=((VALID | SENSOR_ALARM | OUT_OF_TRACK) if off else VALID,) * 25,
        pleth=tuple(samples),
        timer=device.get("timer", 0),
        revision=data[18],  # no expectation names it
    )


@pytest.mark.parametrize("name", ["df2-185-93", "df2-127-98", "df2-256-90", "df2-finger-out"])
def test_format_2_is_the_vector_byte_for_byte(vectors, name):
    vector = vectors("nonin", "df2")[name]
    assert encode(packet_of(vector), 2).hex() == vector["hex"].lower()


@pytest.mark.parametrize("name", ["df7-74-96", "df7-185-93"])
def test_format_7_is_the_vector_byte_for_byte(vectors, name):
    vector = vectors("nonin", "df7")[name]
    assert encode(packet_of(vector), 7).hex() == vector["hex"].lower()


def test_every_vector_of_both_formats_is_tried(vectors):
    assert len(vectors("nonin", "df2")) == 4
    assert len(vectors("nonin", "df7")) == 2


@pytest.mark.parametrize("format_", [2, 7])
def test_seventy_five_frames_of_five_bytes_leave_each_second(format_):
    assert len(monitor(format_=format_).step(4_000)) == 4 * 75 * 5


@pytest.mark.parametrize("slice_ms", [1, 7, 40, 333, 1_999])
def test_bytes_do_not_depend_on_how_time_is_sliced(slice_ms):
    sliced = monitor()
    times = [*range(0, 4_000, slice_ms), 4_000]
    assert b"".join(sliced.step(t_ms) for t_ms in times) == monitor().step(4_000)


@pytest.mark.parametrize("format_", [2, 7])
def test_every_frame_has_its_checksum_and_only_the_first_of_a_packet_its_sync(format_):
    data = monitor(format_=format_).step(3_000)
    status_at = 1 if format_ == 2 else 0
    for number, start in enumerate(range(0, len(data), 5)):
        frame = data[start : start + 5]
        assert frame[4] == sum(frame[:4]) & 0xFF
        assert frame[status_at] & VALID
        assert bool(frame[status_at] & SYNC) == (number % 25 == 0)


@pytest.mark.parametrize("bpm", [127, 128, 185, 255, 256, 300])
def test_rates_above_seven_bits_are_split_over_two_frames(bpm):
    variable, _ = packets(monitor((0, signs(pr=float(bpm)))).step(1_000))[0]
    assert rate(variable, 1) == bpm


def test_recording_fields_are_missing_at_once_and_the_display_holds_ten_seconds():
    data = monitor((0, signs()), (5_000, Signs(states=frozenset({"sensor_off"})))).step(17_000)
    all_packets = packets(data)
    before, first_off = all_packets[14][0], all_packets[15][0]
    assert (rate(before, 1), before[2]) == (72, 97)
    assert (rate(first_off, 1), first_off[2], first_off[9], first_off[10]) == (511, 127, 127, 127)
    assert (rate(first_off, 20), first_off[8], rate(first_off, 22), first_off[16]) == (72, 97, 72, 97)
    still_held, gone = all_packets[43][0], all_packets[45][0]  # 14.3 s and 15.0 s
    assert (rate(still_held, 20), still_held[8]) == (72, 97)
    assert (rate(gone, 20), gone[8]) == (511, 127)


def test_sensor_alarm_stands_on_every_frame_while_the_finger_is_out():
    _, statuses = packets(monitor((0, Signs(states=frozenset({"sensor_off"})))).step(1_000))[1]
    assert {status & ~SYNC for status in statuses} == {VALID | SENSOR_ALARM | OUT_OF_TRACK}


def test_unplugged_sensor_sets_the_bit_of_wired_modules():
    _, statuses = packets(monitor((0, Signs(states=frozenset({"no_sensor"})))).step(1_000))[1]
    assert {status & ~SYNC for status in statuses} == {VALID | SENSOR_DISCONNECTED | OUT_OF_TRACK}


def test_numbers_come_back_only_after_the_pulse_is_tracked_again():
    data = monitor((0, Signs(states=frozenset({"sensor_off"}))), (2_000, signs())).step(6_000)
    rates = [rate(variable, 1) for variable, _ in packets(data)]
    assert rates == [511] * 15 + [72] * 3


def test_no_signal_is_the_missing_code_and_never_zero():
    variable, statuses = packets(monitor((0, Signs())).step(1_000))[0]
    assert (rate(variable, 1), variable[2]) == (511, 127)
    assert all(status & OUT_OF_TRACK for status in statuses)


@pytest.mark.parametrize(("pi", "light"), [(4.0, GREEN), (0.7, YELLOW), (0.2, RED)])
def test_perfusion_lights_twelve_frames_at_each_beat(pi, light):
    data = monitor((0, signs(pr=60.0, pi=pi))).step(10_000)
    statuses = [status for _, frames in packets(data) for status in frames]
    lit = [status & YELLOW for status in statuses]
    assert set(lit) == {0, light}
    beats = sum(1 for before, now in zip([0, *lit], lit, strict=False) if now and not before)
    assert 9 <= beats <= 10
    assert beats * BEAT_FRAMES - BEAT_FRAMES < sum(1 for bits in lit if bits) <= beats * BEAT_FRAMES


def test_motion_sets_the_artifact_bit_only_during_the_pulse():
    data = monitor((0, signs("artifact"))).step(5_000)
    statuses = [status for _, frames in packets(data) for status in frames]
    assert any(status & ARTIFACT for status in statuses)
    assert all(bool(status & ARTIFACT) == bool(status & YELLOW) for status in statuses)


def test_low_battery_is_told_in_frame_eight():
    variable, _ = packets(monitor((0, signs("low_battery"))).step(1_000))[0]
    assert variable[7] == 1


def test_timer_counts_packets():
    assert [variable[5] << 7 | variable[6] for variable, _ in packets(monitor().step(50_000))] == list(range(150))


def test_pulse_wave_moves_and_the_wave_without_a_finger_is_flat():
    moving = monitor().step(3_000)[2::5]
    assert max(moving) - min(moving) > 80
    assert len(set(monitor((0, Signs(states=frozenset({"sensor_off"})))).step(3_000)[2::5])) == 1


@pytest.mark.parametrize(
    ("format_", "name", "answer"), [(2, "set-format-2", "06"), (2, "set-format-7", "15"), (7, "set-format-7", "06")]
)
def test_format_commands_are_acknowledged_between_packets(vectors, format_, name, answer):
    module = monitor(format_=format_)
    sent = module.step(500)
    for byte in bytes.fromhex(vectors("nonin", "command")[name]["hex"]):
        module.receive(bytes((byte,)))
    data = sent + module.step(2_000)
    assert data[2 * PACKET_BYTES : 2 * PACKET_BYTES + 1].hex() == answer
    assert len(data) == 6 * PACKET_BYTES + 1


def test_clock_that_was_set_is_told_again(vectors):
    module = monitor()
    commands = vectors("nonin", "command")
    module.receive(bytes.fromhex(commands["set-datetime-2050"]["hex"]) + bytes.fromhex(commands["get-datetime"]["hex"]))
    assert module.step(40).startswith(bytes.fromhex("06 02F206 320C1F0E1E0F 03"))


def test_serial_number_is_told(vectors):
    module = monitor()
    module.receive(bytes.fromhex(vectors("nonin", "command")["get-serial"]["hex"]))
    assert module.step(40).startswith(bytes.fromhex("02F40A02") + b"501234567\x03")


def test_noise_from_the_host_is_no_command():
    module = monitor()
    module.receive(bytes(range(256)) * 8)
    module.receive(b"\x02\xff\xff" * 50)
    assert len(module.step(1_000)) >= 375
