"""Nonin: packets of 25 frames become observations, and nothing else does."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.nonin import NoninDriver, NoninOptions
from edge_agent.drivers.nonin.commands import get_datetime, set_format
from edge_agent.drivers.registry import build
from vitals.errors import UsageError


@pytest.mark.parametrize("name", ["df2-stream-cut-and-sync-early", "df2-ack-between-frames", "df7-185-93"])
def test_packets_do_not_depend_on_how_the_line_splits_them(name, all_vectors, listen):
    (vector,) = [vector for vector in all_vectors("nonin") if vector["name"] == name]
    data = bytes.fromhex(vector["hex"])
    whole = listen("nonin", data)
    assert whole.observations
    for size in (1, 2, 3, 5, 64, 126):
        assert listen("nonin", data, size=size) == whole
    for at in range(1, len(data)):
        driver = NoninDriver(NoninOptions())
        parts = [driver.feed(data[:at], 0), driver.feed(data[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad


@given(seed=st.integers(0, 2**32), size=st.integers(1, 200), format_=st.sampled_from([2, 7]))
@settings(max_examples=40, deadline=None)
def test_damaged_packets_do_not_depend_on_how_the_line_splits_them(listen, packet, damage, seed, size, format_):
    data = damage(packet(format_) * 6, seed=seed, rate=0.01)
    assert listen("nonin", data, size=size) == listen("nonin", data)


@pytest.mark.parametrize("rate", [1, 127, 128, 185, 255, 256, 300, 321, 350])
@pytest.mark.parametrize("format_", [2, 7])
def test_rate_has_nine_bits(format_, rate, packet, listen):
    (observation,) = listen("nonin", packet(format_, pr=rate)).observations
    assert observation.values == {"pr": rate, "spo2": 97}


@pytest.mark.parametrize(("pr", "spo2"), [(351, 101), (510, 126), (0, 0)])
def test_numbers_no_oximeter_can_measure_are_out_of_range(pr, spo2, packet, listen):
    (observation,) = listen("nonin", packet(pr=pr, spo2=spo2)).observations
    assert (observation.values, observation.missing) == ({}, {"pr": "out_of_range", "spo2": "out_of_range"})


@pytest.mark.parametrize(
    ("status", "reason", "flags"),
    [
        (0x00, "invalid_code", ()),
        (0x10, "signal_lost", ("artifact",)),
        (0x20, "invalid_code", ("artifact",)),
        (0x18, "sensor_off", ("artifact", "sensor_off")),
        (0x78, "no_sensor", ("artifact", "no_sensor", "sensor_off")),
    ],
)
@pytest.mark.parametrize("format_", [2, 7])
def test_missing_codes_become_no_value_and_the_strongest_reason(format_, status, reason, flags, packet, listen):
    (observation,) = listen("nonin", packet(format_, pr=511, spo2=127, status=status)).observations
    assert observation.values == {}
    assert observation.missing == {"pr": reason, "spo2": reason}
    assert observation.flags == flags


@pytest.mark.parametrize("status", [0x08, 0x40])
def test_a_sensor_that_is_off_wins_over_any_number(status, packet, listen):
    (observation,) = listen("nonin", packet(pr=74, spo2=97, status=status)).observations
    assert observation.values == {}


def test_display_fields_that_hold_the_last_value_are_not_published(packet, listen):
    (observation,) = listen("nonin", packet(pr=511, spo2=127, status=0x10, held=(74, 97))).observations
    assert observation.values == {}
    assert (observation.device["hr_d"], observation.device["spo2_d"]) == (74, 97)


@pytest.mark.parametrize(("status", "flags"), [(0x02, ()), (0x04, ("low_perfusion",)), (0x06, ("marginal_perfusion",))])
def test_perfusion_lights_are_red_yellow_and_green(status, flags, packet, listen):
    assert listen("nonin", packet(status=status)).observations[0].flags == flags


def test_lights_of_different_frames_are_not_mixed(packet, listen, replace_frame):
    """Red in one frame and green in another are not yellow."""
    red_and_green = replace_frame(replace_frame(packet(), 4, status=0x84), 9, status=0x82)
    assert listen("nonin", red_and_green).observations[0].flags == ("low_perfusion",)


@pytest.fixture(scope="session")
def replace_frame():
    def replace(data, number, *, status):
        frame = data[5 * number : 5 * number + 5]
        head = bytes([frame[0], status, frame[2], frame[3]])
        return data[: 5 * number] + head + bytes([sum(head) % 256]) + data[5 * number + 5 :]

    return replace


def test_one_frame_is_enough_to_flag_its_packet(packet, listen, replace_frame):
    observation = listen("nonin", replace_frame(packet(), 24, status=0x88)).observations[0]
    assert observation.flags == ("sensor_off",)
    assert observation.values == {}


def test_low_battery_is_told(packet, listen):
    assert listen("nonin", packet(stat2=0xFF)).observations[0].flags == ("low_battery",)


def test_bluetooth_models_leave_the_no_sensor_bit_undefined(packet, listen):
    (observation,) = listen("nonin", packet(status=0x40), model="bluetooth").observations
    assert (observation.values, observation.flags) == ({"pr": 72, "spo2": 97}, ())


@pytest.mark.parametrize(("format_", "other"), [("df2", 7), ("df7", 2)])
def test_a_configured_format_refuses_the_other(format_, other, packet, listen):
    assert listen("nonin", packet(other) * 4, format=format_).observations == []


def test_auto_follows_a_device_that_changes_its_format(packet, listen):
    heard = listen("nonin", packet(2) * 2 + packet(7) * 2 + packet(2))
    assert [seen.device["format"] for seen in heard.observations] == [2, 2, 7, 7, 2]


def test_only_a_bluetooth_model_with_a_chosen_format_is_told_to_send_it():
    assert NoninDriver(NoninOptions(format="df7")).start(0) == b""
    assert NoninDriver(NoninOptions(model="bluetooth")).start(0) == b""


def test_a_packet_is_there_as_soon_as_its_last_frame_is(packet):
    driver = NoninDriver(NoninOptions())
    data = packet()
    assert driver.feed(data[:124], 0).observations == ()
    heard = driver.feed(data[124:], 0)
    assert (len(heard.observations), heard.good) == (1, 25)


@pytest.mark.parametrize("format_", [2, 7])
@pytest.mark.parametrize("frames", range(1, 25))
def test_a_stream_joined_in_the_middle_of_a_packet_begins_with_the_next(format_, frames, packet, listen):
    heard = listen("nonin", packet(format_, pr=60)[5 * frames :] + packet(format_, pr=70))
    assert [seen.values["pr"] for seen in heard.observations] == [70]
    assert heard.bad == []


def test_frames_of_two_packets_are_never_mixed(packet, listen):
    heard = listen("nonin", packet(pr=60)[:65] + packet(pr=70) + packet(pr=80)[60:] + packet(pr=90))
    assert [seen.values["pr"] for seen in heard.observations] == [70, 90]


def test_starting_again_forgets_half_a_packet(packet):
    driver = NoninDriver(NoninOptions())
    driver.feed(packet(pr=60)[:70], 0)
    driver.start(0)
    assert driver.feed(packet(pr=60)[70:], 0).observations == ()


@pytest.mark.parametrize("format_", [2, 7])
@pytest.mark.parametrize("at", range(0, 125, 3))
def test_one_flipped_bit_costs_its_packet_and_no_other(format_, at, packet, listen):
    packets = [packet(format_, pr=pr) for pr in (60, 70, 80)]
    hit = bytearray(packets[1])
    hit[at] ^= 0x10
    heard = listen("nonin", packets[0] + bytes(hit) + packets[2])
    assert [seen.values["pr"] for seen in heard.observations] == [60, 80]
    assert heard.bad


@pytest.mark.parametrize("format_", [2, 7])
@pytest.mark.parametrize("at", range(0, 125, 3))
def test_one_lost_byte_costs_its_packet_and_no_other(format_, at, packet, listen):
    packets = [packet(format_, pr=pr) for pr in (60, 70, 80)]
    heard = listen("nonin", packets[0] + packets[1][:at] + packets[1][at + 1 :] + packets[2])
    assert [seen.values["pr"] for seen in heard.observations] == [60, 80]


@pytest.mark.parametrize("format_", [2, 7])
def test_a_lost_frame_costs_its_packet(format_, packet, listen):
    packets = [packet(format_, pr=pr) for pr in (60, 70, 80)]
    heard = listen("nonin", packets[0] + packets[1][:50] + packets[1][55:] + packets[2])
    assert [seen.values["pr"] for seen in heard.observations] == [60, 80]
    assert heard.reasons() == ["incomplete"]


def test_a_packet_without_its_first_frame_is_not_read_even_if_there_are_25_frames(packet, listen):
    headless = packet(pr=70)[5:] + packet(pr=70)[120:]
    heard = listen("nonin", packet(pr=60) + headless + packet(pr=80))
    assert [seen.values["pr"] for seen in heard.observations] == [60, 80]
    assert [(bad.reason, bad.size) for bad in heard.bad] == [("resync", 125)]


def test_a_frame_of_format_2_begins_with_01_whatever_its_checksum(packet, listen):
    hit = bytearray(packet(pr=70))
    hit[50], hit[54] = hit[50] + 1, (hit[54] + 1) % 256
    heard = listen("nonin", packet(pr=60) + bytes(hit) + packet(pr=80))
    assert [seen.values["pr"] for seen in heard.observations] == [60, 80]
    assert heard.bad[0].reason == "bad_frame"


def test_only_the_tail_of_one_packet_is_forgiven_when_the_line_opens(packet, listen):
    assert listen("nonin", bytes(124) + packet()).bad == []
    assert [bad.size for bad in listen("nonin", bytes(200) + packet()).bad] == [125, 75]


@pytest.mark.parametrize("reply", ["06", "15", "02f2061a0b1417300203", "0615", "02f40b02" + "31" * 10 + "03"])
@pytest.mark.parametrize("format_", [2, 7])
def test_a_reply_between_two_frames_is_stepped_over(format_, reply, packet, listen):
    data = packet(format_)
    heard = listen("nonin", data + data[:50] + bytes.fromhex(reply) + data[50:] + data)
    assert (len(heard.observations), heard.bad) == (3, [])


def test_something_that_only_begins_like_a_reply_costs_its_packet(packet, listen):
    data = packet()
    heard = listen("nonin", data + data[:50] + bytes.fromhex("02f2061a0b141730020a") + data[50:] + data)
    assert len(heard.observations) == 2
    assert heard.bad


@pytest.mark.parametrize("format_", ["auto", "df2", "df7"])
def test_a_megabyte_of_noise_is_no_reading(format_, listen):
    heard = listen("nonin", random.Random(20).randbytes(1_000_000), size=4096, format=format_)
    assert (heard.observations, heard.good) == ([], 0)
    assert sum(bad.size for bad in heard.bad) == 1_000_000


@given(data=st.binary(max_size=600), size=st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_raise_or_pass_for_a_reading(listen, data, size):
    heard = listen("nonin", data, size=size)
    assert heard.observations == []
    assert all(isinstance(bad, BadFrame) and bad.size > 0 for bad in heard.bad)


@given(
    statuses=st.lists(st.integers(0x80, 0xFF), min_size=25, max_size=25),
    variables=st.lists(st.integers(0, 255), min_size=25, max_size=25),
    format_=st.sampled_from([2, 7]),
)
@settings(max_examples=200, deadline=None)
def test_whatever_good_frames_say_values_stay_in_range(listen, frame, statuses, variables, format_):
    statuses = [statuses[0] | 1, *(status & 0xFE for status in statuses[1:])]
    frames = [frame(format_, status, 1, variable) for status, variable in zip(statuses, variables, strict=True)]
    (observation,) = listen("nonin", b"".join(frames)).observations
    assert set(observation.values) | set(observation.missing) == {"pr", "spo2"}
    assert not set(observation.values) & set(observation.missing)
    assert 1 <= observation.values.get("pr", 1) <= 350
    assert 1 <= observation.values.get("spo2", 1) <= 100


@pytest.mark.parametrize("format_", [2, 7])
def test_ten_minutes_of_a_bad_line_publish_nothing_wrong(format_, packet, damage, listen):
    """Every packet says its own number in rate and pleth, so a mixture or a wrong number would be seen."""
    pleths = [[(number + 3 * n) % 256 for n in range(25)] for number in range(256)]
    packets = [
        packet(format_, pr=40 + number % 256, spo2=60 + number % 40, pleth=pleths[number % 256])
        for number in range(1800)
    ]
    said = [(40 + number % 256, 60 + number % 40, tuple(pleths[number % 256])) for number in range(1800)]
    parts = [damage(data, seed=number, rate=1e-3) for number, data in enumerate(packets)]
    untouched = [part == data for part, data in zip(parts, packets, strict=True)]
    heard = listen("nonin", b"".join(parts), size=37)
    got = [(seen.values["pr"], seen.values["spo2"], seen.waves["pleth"].samples) for seen in heard.observations]
    # A packet that was not touched is read: damage is over with the packet it hit.
    assert got == [words for words, whole in zip(said, untouched, strict=True) if whole]
    assert 1400 < len(got) < 1700
    assert {bad.reason for bad in heard.bad} <= {"bad_checksum", "bad_frame", "incomplete", "resync"}


# Formats 1 and 8: three or four bytes once a second, nothing but bit 7 to tell where a packet begins.


def second(format_, pr=72, spo2=97, status=0, stat2=0):
    data = bytes([0x80 | status | pr >> 7, pr & 0x7F, spo2])
    return data if format_ == "df1" else data + bytes([stat2])


def live(format_, *pieces, **options):
    """A line that was opened in the middle of something, each piece fed on its own."""
    driver = build("nonin", {"format": format_, **options})
    driver.start(0)
    heard = [driver.feed(piece, now) for now, piece in enumerate(pieces)]
    return [dict(seen.values) for part in heard for seen in part.observations], [
        bad.reason for part in heard for bad in part.bad
    ]


once_a_second = pytest.mark.parametrize("format_", ["df1", "df8"])


@once_a_second
@pytest.mark.parametrize("rate", [1, 127, 128, 185, 255, 256, 300, 350])
def test_a_rate_once_a_second_has_nine_bits(format_, rate, listen):
    (observation,) = listen("nonin", second(format_, pr=rate), format=format_).observations
    assert observation.values == {"pr": rate, "spo2": 97}


@once_a_second
@pytest.mark.parametrize(("pr", "spo2"), [(351, 101), (510, 126), (0, 0)])
def test_numbers_out_of_range_once_a_second(format_, pr, spo2, listen):
    (observation,) = listen("nonin", second(format_, pr=pr, spo2=spo2), format=format_).observations
    assert (observation.values, observation.missing) == ({}, {"pr": "out_of_range", "spo2": "out_of_range"})


@pytest.mark.parametrize(
    ("status", "stat2", "model", "reason", "flags"),
    [
        (0x00, 0x00, "wired", "invalid_code", ()),
        (0x20, 0x00, "wired", "signal_lost", ("artifact",)),
        (0x04, 0x00, "wired", "invalid_code", ("artifact",)),
        (0x18, 0x00, "wired", "invalid_code", ("low_perfusion", "marginal_perfusion")),
        (0x40, 0x07, "wired", "no_sensor", ("critical_battery", "low_battery", "no_sensor", "spot_check")),
        (0x40, 0x77, "bluetooth", "invalid_code", ("low_battery",)),
        (0x20, 0x08, "bluetooth", "sensor_off", ("artifact", "sensor_off")),
    ],
)
def test_format_8_says_why_there_is_no_number(status, stat2, model, reason, flags, listen):
    data = second("df8", pr=511, spo2=127, status=status, stat2=stat2)
    (observation,) = listen("nonin", data, format="df8", model=model).observations
    assert (observation.values, observation.missing) == ({}, {"pr": reason, "spo2": reason})
    assert observation.flags == flags


def test_numbers_that_stay_on_the_display_after_the_finger_left_are_not_published(listen):
    data = second("df8") * 3 + second("df8", stat2=0x08) * 10 + second("df8", pr=511, spo2=127, status=0x20, stat2=0x08)
    observations = listen("nonin", data, format="df8").observations
    assert [dict(seen.values) for seen in observations] == [{"pr": 72, "spo2": 97}] * 3 + [{}] * 11
    assert {seen.missing["spo2"] for seen in observations[3:]} == {"sensor_off"}


@once_a_second
def test_the_first_packet_of_a_live_line_only_arms(format_):
    values, bad = live(format_, *[second(format_, pr=pr) for pr in (70, 71, 72)])
    assert ([seen["pr"] for seen in values], bad) == ([71, 72], [])


@once_a_second
def test_the_tail_of_a_packet_under_way_is_no_fault_and_no_packet(format_):
    values, bad = live(format_, second(format_)[1:], *[second(format_, pr=pr) for pr in (70, 71)])
    assert ([seen["pr"] for seen in values], bad) == ([71], [])


@pytest.mark.parametrize(("format_", "other"), [("df1", "df8"), ("df8", "df1")])
def test_the_distance_between_first_bytes_tells_the_formats_apart(format_, other, listen):
    assert live(format_, second(other) * 50)[0] == []
    assert listen("nonin", second(other) * 50, format=format_).observations == []


@once_a_second
@pytest.mark.parametrize("now", [(60, 97), (150, 97), (72, 80), (511, 97)])
def test_neighbours_that_contradict_each_other_arm_nothing(format_, now):
    pr, spo2 = now
    first = second(format_, pr=110, spo2=97)
    values, _ = live(format_, first, second(format_, pr=pr, spo2=spo2), second(format_, pr=pr, spo2=spo2))
    assert len(values) == (2 if pr == 511 else 1)


@once_a_second
def test_a_value_may_jump_once_the_line_is_trusted(format_):
    values, _ = live(format_, *[second(format_, pr=pr) for pr in (60, 61, 200, 30)])
    assert [seen["pr"] for seen in values] == [61, 200, 30]


@once_a_second
@pytest.mark.parametrize("seed", range(50))
def test_after_a_burst_of_noise_the_second_packet_is_published_again(format_, seed):
    """Noise that ends in half a packet included: its first byte is followed by another first byte."""
    noise = random.Random(seed)
    burst = noise.randbytes(noise.randrange(1, 200)) + b"\x80"
    packets = [second(format_, pr=60 + n) for n in range(8)]
    driver = build("nonin", {"format": format_})
    driver.start(0)
    driver.feed(b"".join(packets[:3]) + burst, 0)
    got = [driver.feed(packet, 0).observations for packet in packets[3:]]
    assert [seen[0].values["pr"] for seen in got[1:]] == [64, 65, 66, 67]


@once_a_second
def test_a_lost_byte_costs_its_packet_and_the_next(format_):
    packets = [second(format_, pr=pr) for pr in range(70, 76)]
    packets[3] = packets[3][:1] + packets[3][2:]
    values, bad = live(format_, *packets)
    assert ([seen["pr"] for seen in values], bad) == ([71, 72, 75], ["resync"])


@once_a_second
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
def test_the_first_packet_of_a_recording_counts_once_the_next_begins(format_, size, listen):
    heard = listen("nonin", second(format_) + b"\x80\x80", size=size, format=format_)
    assert ([seen.values["pr"] for seen in heard.observations], heard.reasons()) == ([72], ["resync"])


@once_a_second
@given(data=st.binary(max_size=400), size=st.integers(1, 40))
@settings(max_examples=100, deadline=None)
def test_once_a_second_no_bytes_raise_and_no_value_leaves_its_range(listen, format_, data, size):
    heard = listen("nonin", data, size=size, format=format_)
    assert heard == listen("nonin", data, format=format_)
    for seen in heard.observations:
        assert 1 <= seen.values.get("pr", 1) <= 350
        assert 1 <= seen.values.get("spo2", 1) <= 100
        assert set(seen.values) ^ set(seen.missing) == {"pr", "spo2"}


@once_a_second
def test_noise_alone_seldom_looks_like_a_patient(format_):
    """No checksum: the sync bits and two neighbours that agree are all there is. This holds the number down."""
    driver = build("nonin", {"format": format_})
    driver.start(0)
    heard = driver.feed(random.Random(8).randbytes(1_000_000), 0)
    with_numbers = sum(bool(seen.values) for seen in heard.observations)
    assert with_numbers < 1_000
    assert sum(bad.size for bad in heard.bad) > 600_000


@once_a_second
def test_once_a_second_nothing_is_hoarded(format_):
    driver = build("nonin", {"format": format_})
    for _ in range(1000):
        driver.feed(b"\x80" * 64 + b"\x01" * 64, 0)
    assert len(driver._stream._decoder._rest) < 4


def test_an_answer_between_two_packets_of_format_8_is_stepped_over():
    packets = [second("df8", pr=pr) for pr in (70, 71, 72)]
    values, bad = live("df8", b"\x06", packets[0], b"\x06", packets[1], b"\x15", packets[2], model="bluetooth")
    assert ([seen["pr"] for seen in values], bad) == ([71, 72], [])
    assert build("nonin", {"format": "df8", "model": "bluetooth"}).start(0) == set_format(8)


@pytest.mark.parametrize("format_", ["df1", "ascii"])
def test_formats_a_bluetooth_model_does_not_have_are_refused(format_):
    with pytest.raises(UsageError, match=format_):
        build("nonin", {"format": format_, "model": "bluetooth"})


# Format 13: one frame per spot check.


def spot(time="20261120234802", status=0x0200, pr=74, spo2=96, more=b""):
    data = bytes.fromhex(time) + b"\0" + status.to_bytes(2, "big") + pr.to_bytes(2, "big") + bytes([0, spo2]) + more
    return bytes([0, 2, 0, 13, 0, len(data)]) + data + bytes([sum(data) % 256, 3])


@pytest.mark.parametrize("rate", [1, 127, 128, 185, 255, 256, 300, 350])
def test_a_spot_check_has_nine_bits_of_rate_and_is_aperiodic(rate, listen):
    (observation,) = listen("nonin", spot(pr=rate), format="df13").observations
    assert observation.values == {"pr": rate, "spo2": 96}
    assert (observation.aperiodic, observation.untimed, observation.age_ms) == (True, False, 0)
    assert observation.device_time == "2026-11-20T23:48:02"


@pytest.mark.parametrize(
    ("status", "pr", "spo2", "missing", "flags"),
    [
        (0x0000, 511, 127, {"pr": "invalid_code", "spo2": "invalid_code"}, ("spot_check",)),
        (0x0100, 74, 96, {"pr": "not_measured", "spo2": "not_measured"}, ("spot_check",)),
        (0x0211, 0, 101, {"pr": "out_of_range", "spo2": "out_of_range"}, ("from_memory", "low_battery", "spot_check")),
    ],
)
def test_a_spot_check_without_a_number_says_why(status, pr, spo2, missing, flags, listen):
    (observation,) = listen("nonin", spot(status=status, pr=pr, spo2=spo2), format="df13").observations
    assert (observation.values, observation.missing, observation.flags) == ({}, missing, flags)


@pytest.mark.parametrize("time", ["2026112023486a", "20261320234802", "20260230000000", "00000101000000"])
def test_a_clock_that_is_no_time_is_no_time_and_the_measurement_stands(time, listen):
    (observation,) = listen("nonin", spot(time=time), format="df13").observations
    assert observation.device_time is None
    assert observation.values == {"pr": 74, "spo2": 96}


def test_data_that_later_models_add_is_ignored(listen):
    heard = listen("nonin", spot(more=b"\x07\x08") + spot(pr=80), format="df13")
    assert [seen.values["pr"] for seen in heard.observations] == [74, 80]


def test_reserved_bits_of_a_spot_check_change_nothing(listen):
    heard = listen("nonin", spot(status=0xFEEE, pr=0xFE00 | 300, spo2=0x80 | 96), format="df13")
    assert heard.observations[0].values == {"pr": 300, "spo2": 96}


def test_a_measurement_from_the_memory_is_dated_by_the_clock_of_its_device():
    driver = build("nonin", {"format": "df13", "model": "bluetooth"})
    assert driver.tick(0) == b""
    assert driver.start(0) == set_format(13)
    (before,) = driver.feed(spot(status=0x0210), 10).observations
    assert (before.untimed, before.age_ms) == (True, 0)
    assert driver.tick(1_000) == get_datetime()
    reply = bytes([0x02, 0xF2, 6, 26, 11, 21, 0, 0, 0, 0x03])
    assert driver.feed(b"\x06" + reply, 1_100).bad == ()
    (after,) = driver.feed(spot(time="20261120235900", status=0x0210), 11_100).observations
    assert (after.untimed, after.age_ms) == (False, 70_000)
    assert after.device_time == "2026-11-20T23:59:00"
    assert driver.tick(12_000) == b""


def test_a_measurement_from_the_future_has_no_age():
    driver = build("nonin", {"format": "df13", "model": "bluetooth"})
    driver.start(0)
    driver.feed(bytes([0x02, 0xF2, 6, 20, 1, 1, 0, 0, 0, 0x03]), 0)
    (observation,) = driver.feed(spot(status=0x0210), 0).observations
    assert (observation.untimed, observation.age_ms) == (True, 0)


def test_a_device_that_never_tells_its_clock_is_not_asked_forever():
    driver = build("nonin", {"format": "df13", "model": "bluetooth"})
    driver.start(0)
    assert [driver.tick(now) for now in range(0, 60_000, 1_000)] == [get_datetime()] * 3 + [b""] * 57
    assert build("nonin", {"format": "df13"}).start(0) == b""


def test_hours_without_a_spot_check_are_no_silence():
    assert build("nonin", {"format": "df13"}).silence_s == float("inf")
    assert {format_: build("nonin", {"format": format_}).silence_s for format_ in ("df1", "df2", "df8", "ascii")} == {
        "df1": 3,
        "df2": 1,
        "df8": 3,
        "ascii": 3,
    }


@pytest.mark.parametrize("bit", range(8 * 22))
def test_no_flipped_bit_of_a_spot_check_is_believed_and_the_next_is_read_in_time(bit):
    hit = bytearray(spot(time="20260101000000", status=0x0200, pr=260, spo2=90))
    hit[bit // 8] ^= 1 << bit % 8
    driver = build("nonin", {"format": "df13"})
    assert driver.feed(bytes(hit), 0).observations == ()
    heard = driver.feed(spot(pr=70), 0)
    assert [seen.values["pr"] for seen in heard.observations] == [70]


def test_a_measurement_cut_in_its_middle_does_not_hide_the_next(listen):
    for size in range(1, 22):
        heard = listen("nonin", spot(pr=60)[:size] + spot(pr=70), format="df13")
        assert [seen.values["pr"] for seen in heard.observations] == [70]
        assert heard.bad


@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.just(b"\x00\x02\x00\x0d"),
            st.just(b"\x06"),
            st.just(b"\x02\xf2\x06"),
            st.integers(1, 350).map(lambda pr: spot(pr=pr)),
        ),
        max_size=8,
    ),
    size=st.integers(1, 40),
)
@settings(max_examples=150, deadline=None)
def test_spot_checks_do_not_depend_on_how_the_line_splits_them(listen, pieces, size):
    data = b"".join(pieces)
    assert listen("nonin", data, size=size, format="df13") == listen("nonin", data, format="df13")


@pytest.mark.parametrize("format_", ["df13", "ascii"])
def test_a_megabyte_of_noise_is_no_spot_check_and_no_line(format_, listen):
    heard = listen("nonin", random.Random(20).randbytes(1_000_000), size=4096, format=format_)
    assert (heard.observations, heard.good) == ([], 0)
    assert sum(bad.size for bad in heard.bad) > 800_000


# Printer lines of desk units.


@pytest.mark.parametrize(
    ("line", "values", "missing"),
    [
        ("SPO2=097 HR=127", {"spo2": 97, "pr": 127}, {}),
        ("SPO2=097 HR=128", {"spo2": 97, "pr": 128}, {}),
        ("SPO2=097 HR=185", {"spo2": 97, "pr": 185}, {}),
        ("SPO2=097 HR=255", {"spo2": 97, "pr": 255}, {}),
        ("SPO2=097 HR=256", {"spo2": 97, "pr": 256}, {}),
        ("23:48:02 SPO2=100 HR=300 F", {"spo2": 100, "pr": 300}, {}),
        ("SPO2=--- HR=072 *", {"pr": 72}, {"spo2": "not_measured"}),
        ("SPO2=101 HR=000 B", {}, {"spo2": "out_of_range", "pr": "out_of_range"}),
    ],
)
def test_a_printer_line_is_read(line, values, missing, listen):
    (observation,) = listen("nonin", line.encode() + b"\r\n", format="ascii").observations
    assert (observation.values, observation.missing) == (values, missing)


def test_the_marks_and_the_clock_of_a_printer_line_go_to_the_device(listen):
    heard = listen("nonin", b"23:48:02 SPO2=097 HR=072 F*B\r\nSPO2=097 HR=072\r\n", format="ascii")
    assert heard.observations[0].device == {"fast": True, "event": True, "breath": True, "clock": "23:48:02"}
    assert heard.observations[1].device == {"fast": False, "event": False, "breath": False}


@pytest.mark.parametrize(
    "line",
    ["SPO2=097HR=072", "SPO2=97 HR=", "SPO2=0975 HR=072", "PO2=097 HR=072", "SPO2=097 HR=072 X", "SPO2=\xb2 HR=072"],
)
def test_a_damaged_printer_line_is_counted(line, listen):
    heard = listen("nonin", line.encode() + b"\r\n", format="ascii")
    assert (heard.observations, heard.reasons()) == ([], ["bad_line"])


def test_headings_are_neither_good_nor_bad(listen):
    heard = listen("nonin", b"NONIN 8500\r\n\r\nDATE 20.11.26 TIME 23:48\r\nSPO2=097 HR=072\r\n", format="ascii")
    assert (len(heard.observations), heard.good, heard.bad) == (1, 1, [])


def test_a_line_under_way_when_the_port_opens_is_dropped():
    values, bad = live("ascii", b"7 HR=072\r\nSPO2=098 HR=0", b"73\r\n")
    assert (values, bad) == ([{"spo2": 98, "pr": 73}], [])


@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_damaged_printer_lines_do_not_depend_on_the_split_and_stay_in_range(listen, damage, seed, size):
    data = damage(b"".join(b"SPO2=%03d HR=%03d\r\n" % (60 + n, 100 + n) for n in range(40)), seed=seed, rate=0.01)
    heard = listen("nonin", data, size=size, format="ascii")
    assert heard == listen("nonin", data, format="ascii")
    assert all(1 <= seen.values.get("pr", 1) <= 350 for seen in heard.observations)
    assert all(1 <= seen.values.get("spo2", 1) <= 100 for seen in heard.observations)
