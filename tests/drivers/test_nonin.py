"""Nonin: packets of 25 frames become observations, and nothing else does."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.nonin import NoninDriver, NoninOptions
from edge_agent.drivers.nonin.decoder import Format, fault, unpack
from edge_agent.drivers.nonin.readings import status_flags

FORMATS = {"df2": Format.DF2, "df7": Format.DF7}
# Examples for what this driver does not read or say; each set counted, so that none is left out by accident.
NOT_READ = {"df1": 3, "df8": 4, "df13": 2, "ascii": 3}
NOT_SAID = {"set-format-8", "get-datetime", "set-datetime-2050", "get-serial"}


def test_published_example_is_read_as_its_sheet_says(nonin_vector, listen, agrees):
    format_, expected = nonin_vector["format"], nonin_vector["expect"]
    data = bytes.fromhex(nonin_vector["hex"])
    if format_ == "command":
        number = expected[0]["command"]["format"]
        assert NoninDriver(NoninOptions(format=f"df{number}", model="bluetooth")).start(0) == data
        return
    if format_ == "df2-frame":
        assert_frame(data, nonin_vector)
        return
    names = ["auto", format_.removesuffix("-stream")]
    for name in names:
        heard = listen("nonin", data, format=name)
        assert len(heard.observations) == len(expected)
        for observation, wanted in zip(heard.observations, expected, strict=True):
            agrees(observation, wanted)
        assert {reason: heard.reasons().count(reason) for reason in heard.reasons()} == nonin_vector.get("link", {})


def assert_frame(data, vector):
    reason = fault(Format.DF2, data)
    assert ({reason: 1} if reason else {}) == vector.get("link", {})
    for wanted in vector["expect"]:
        frame = unpack(Format.DF2, data)
        assert sorted(status_flags(frame.statuses)) == wanted["flags"]
        device = {"sync": bool(frame.statuses[0] & 1), "pleth": frame.pleth[0], "var": frame.variables[0]}
        assert device == wanted["device"]


def test_examples_that_are_not_read_are_known_by_number(all_vectors):
    found = all_vectors("nonin")
    counted = {format_: sum(vector["format"] == format_ for vector in found) for format_ in NOT_READ}
    assert counted == NOT_READ
    assert {vector["name"] for vector in found} >= NOT_SAID
    assert len(found) - sum(NOT_READ.values()) - len(NOT_SAID) == 20


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
