"""GE and Datex monitors: records become observations, and the monitor is asked, asked again and told to stop."""

import json
import math
import random
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.ge_datex_dri import GeDatexDriver, GeDatexOptions, requests
from edge_agent.drivers.ge_datex_dri import driver as plugin
from edge_agent.drivers.ge_datex_dri.frames import MAX_ESCAPED, FrameDecoder, enclose
from edge_agent.drivers.registry import build
from vitals.errors import UsageError
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

VECTORS = json.loads((Path(__file__).parent / "vectors" / "ge-datex-dri.json").read_text())
NONE = -32767
ON = 0x03  # present and active
NIBP = ("nibp_sys", "nibp_dia", "nibp_mean")

# The monitor, written from the sheet: offset in the body and count of numbers of each group.
GROUPS = {
    "ecg": (0, 5), "p1": (16, 4), "p2": (30, 4), "p3": (44, 4), "p4": (58, 4), "nibp": (72, 4),
    "t1": (86, 1), "t2": (94, 1), "t3": (102, 1), "t4": (110, 1), "spo2": (118, 4), "co2": (132, 4),
    "o2": (146, 2), "n2o": (156, 2), "aa": (166, 3), "flow": (178, 8), "co": (200, 4), "nmt": (214, 3),
    "svo2": (232, 1), "p5": (240, 4), "p6": (254, 4),
}  # fmt: skip


def numeric(class_=0, **groups):
    """A subrecord of 278 bytes; each group is (status, label, numbers…), what is left out is -32767."""
    body = bytearray(270)
    for name, (offset, count) in GROUPS.items() if class_ == 0 else ():
        status, label, *numbers = groups.pop(name, (0, 0))
        numbers += [NONE] * (count - len(numbers))
        struct.pack_into(f"<IH{count}h", body, offset, status, label, *numbers)
    for offset, data in groups.pop("raw", {}).items():
        body[offset : offset + len(data)] = data
    assert not groups
    return struct.pack("<I", 1_800_000_000) + bytes(body) + struct.pack("<BBH", 0, 0, class_ << 8)


def record(*parts, main_type=0, level=9, time=1_800_000_000):
    """A payload; each part is (subrecord type, bytes)."""
    table, data = b"", b""
    for kind, part in parts:
        table += struct.pack("<hB", len(data), kind)
        data += part
    table = (table + struct.pack("<hB", 0, 0xFF)).ljust(24, b"\0")[:24]
    return struct.pack("<hBBHIBBHh", 40 + len(data), 1, level, 0, time, 0, 0, 0, main_type) + table + data


def values(**groups):
    return enclose(record((1, numeric(**groups))))


def wave(samples, status=0):
    return struct.pack("<hHH", len(samples), status, 0) + struct.pack(f"<{len(samples)}h", *samples)


def alarms(*lines, silence=0):
    shown = [*lines, *[("", 0)] * 5][:5]
    data = struct.pack("<hhhhh", 0, 1, 0, 0, silence)
    data += b"".join(struct.pack("<80shhh12x", text.encode("latin-1"), 1, color, 1) for text, color in shown)
    return enclose(record((1, data + bytes(10)), main_type=4))


def heart(rate):
    return values(ecg=(ON, 0, rate))


def cuff(*numbers, label=0, status=ON):
    return values(nibp=(status, label, *numbers))


def rates(heard):
    return [seen.values["hr"] for seen in heard.observations if "hr" in seen.values]


def vectors(direction):
    found = [vector for vector in VECTORS if vector["direction"] == direction]
    return pytest.mark.parametrize("vector", found, ids=[vector["name"] for vector in found])


def fresh():
    return GeDatexDriver(GeDatexOptions())


def observed(data):
    """What a fresh driver makes of these bytes."""
    return fresh().feed(data, 0).observations


def screen(**groups):
    """The values of one record beside the cuff pressure."""
    return observed(values(**groups))[-1]


# --- the published examples


@vectors("to_device")
def test_example_is_what_the_driver_says(vector):
    (expected,) = vector["expect"]
    said, wanted = expected["command"], bytes.fromhex(vector["hex"])
    if said.get("maintype") == 1:
        assert requests.waveforms(said["types"], level=9) == wanted
        assert wanted in build("ge-datex-dri", {"waves": ["ecg1", "pleth", "co2"]}).start(0)
        return
    level, interval_s = said["level"], said["interval_s"]
    assert requests.displayed_values(level=level, interval_s=interval_s, classes=said["classes"]) == wanted
    if interval_s > 0:
        assert wanted in build("ge-datex-dri", {"levels": [level], "interval": f"{interval_s}s"}).start(0)
    if interval_s == 0:
        assert wanted in fresh().start(0)


# --- framing


STREAM = bytes.fromhex(next(vector["hex"] for vector in VECTORS if vector["name"] == "stream-lost-flag"))


def test_frames_do_not_depend_on_how_the_line_splits_them(listen):
    whole = listen("ge-datex-dri", STREAM)
    assert whole.good == 4
    for size in (1, 2, 3, 5, 64, 320, 321):
        assert listen("ge-datex-dri", STREAM, size=size) == whole
    for at in range(1, len(STREAM)):
        driver = fresh()
        parts = [driver.feed(STREAM[:at], 0), driver.feed(STREAM[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad


@given(seed=st.integers(0, 2**32), size=st.integers(1, 700))
@settings(max_examples=40, deadline=None)
def test_damaged_frames_do_not_depend_on_how_the_line_splits_them(listen, damage, seed, size):
    data = damage(b"".join(heart(rate) for rate in range(60, 68)), seed=seed, rate=0.002)
    data += random.Random(seed).randbytes(20) + bytes(2 * MAX_ESCAPED + 7) + heart(90)
    whole = listen("ge-datex-dri", data)
    assert listen("ge-datex-dri", data, size=size) == whole


@pytest.mark.parametrize("number", range(256))
def test_every_byte_and_every_checksum_survives_its_escapes(number):
    payload = record((1, bytes([number, 0x7D, 0x7E, 0x5D, 0x5E])), main_type=8)
    (back,) = FrameDecoder().feed(enclose(payload))
    assert back == payload
    assert enclose(payload).count(0x7E) == 2


def test_no_flipped_bit_gives_another_value_or_costs_another_frame(listen):
    """Every bit of a frame between two others, its flags included."""
    before, hit, after = heart(60), values(ecg=(ON, 0, 0x7D), p1=(ON, 1, 0x7E7D, 0x7D7E, 0x0B5E, 70)), heart(80)
    for bit in range(8 * len(hit)):
        flipped = bytearray(hit)
        flipped[bit // 8] ^= 1 << bit % 8
        assert rates(listen("ge-datex-dri", before + bytes(flipped) + after)) == [60, 80], bit


@given(bits=st.integers(0, 8 * 1155 - 1), vector=st.sampled_from(["four-subrecords-1152", "wave-ecg-pleth-co2"]))
@settings(max_examples=200, deadline=None)
def test_no_flipped_bit_in_a_long_frame_is_accepted(listen, bits, vector):
    frame = bytearray.fromhex(next(found["hex"] for found in VECTORS if found["name"] == vector))
    frame[bits // 8 % len(frame)] ^= 1 << bits % 8
    heard = listen("ge-datex-dri", bytes(frame))
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.bad or bits // 8 % len(frame) in (0, len(frame) - 1)


def test_a_lost_byte_costs_its_frame_and_no_other(listen):
    before, hit, after = heart(60), heart(70), heart(80)
    for at in range(len(hit)):
        heard = listen("ge-datex-dri", before + hit[:at] + hit[at + 1 :] + after)
        # Two flags in a row mean the same as one.
        assert rates(heard) == ([60, 70, 80] if at in (0, len(hit) - 1) else [60, 80]), at


def test_a_lost_shared_flag_costs_the_two_frames_it_stood_between(listen):
    data = heart(60)[:-1] + heart(70)[1:-1] + heart(80)
    assert rates(listen("ge-datex-dri", data)) == [80]


@given(noise=st.binary(max_size=4000))
@settings(max_examples=100, deadline=None)
def test_after_any_noise_the_second_frame_is_read(noise, listen):
    assert rates(listen("ge-datex-dri", noise + heart(60) + heart(80)))[-1] == 80


def test_a_megabyte_of_noise_is_no_reading(listen):
    heard = listen("ge-datex-dri", random.Random(20).randbytes(1_000_000), size=4096)
    assert (heard.observations, heard.good) == ([], 0)
    assert {bad.reason for bad in heard.bad} >= {"bad_length", "bad_frame"}


def test_noise_without_a_flag_is_dropped_and_told_piece_by_piece():
    decoder = FrameDecoder()
    for _ in range(20):
        assert all(bad == BadFrame(reason="bad_length", size=MAX_ESCAPED) for bad in decoder.feed(bytes(1000)))
        assert len(decoder._rest) <= MAX_ESCAPED
    payload = record((1, b"x"), main_type=8)
    assert decoder.feed(enclose(payload))[-1] == payload


@given(data=st.binary(max_size=600), size=st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_raise_or_pass_for_a_reading(listen, data, size):
    heard = listen("ge-datex-dri", data, size=size)
    assert heard.observations == []
    assert all(bad.size > 0 for bad in heard.bad)


@given(
    main_type=st.sampled_from([0, 1, 4, 5, 8]),
    table=st.lists(st.tuples(st.integers(-5, 900), st.sampled_from([0, 1, 2, 4, 8, 9, 200, 255])), max_size=8),
    data=st.binary(max_size=900),
)
@settings(max_examples=300, deadline=None)
def test_whatever_a_well_formed_frame_says_words_are_ours_and_values_in_range(main_type, table, data):
    entries = b"".join(struct.pack("<hB", *entry) for entry in table).ljust(24, b"\xff")
    payload = record((1, data), main_type=main_type)
    driver = fresh()
    heard = driver.feed(enclose(payload[:16] + entries + payload[40:]), 0)
    assert heard.good + len(heard.bad) == 1
    for seen in heard.observations:
        assert not set(seen.values) & set(seen.missing)
        assert all(PARAMETERS[name].plausible(value) for name, value in seen.values.items())
        assert set(seen.missing) <= set(PARAMETERS)
        assert set(seen.missing.values()) <= MISSING_REASONS
        assert set(seen.flags) <= DEVICE_STATES


def test_a_length_that_is_not_the_payloads_is_refused_even_with_a_good_checksum(listen):
    payload = bytearray(record((1, numeric(ecg=(ON, 0, 70)))))
    struct.pack_into("<h", payload, 0, len(payload) - 1)
    assert listen("ge-datex-dri", enclose(bytes(payload))).reasons() == ["bad_length"]


def test_a_subrecord_that_is_cut_is_refused(listen):
    """The layout with 270 bytes per class is a memory image of a client, not the wire."""
    heard = listen("ge-datex-dri", enclose(record((1, numeric(ecg=(ON, 0, 70))[:274]))))
    assert (heard.observations, heard.reasons()) == ([], ["bad_frame"])


def test_our_own_requests_echoed_are_no_monitor(listen):
    said = build("ge-datex-dri", {"waves": ["ecg1"]}).start(0) + requests.alarm_status(level=9)
    heard = listen("ge-datex-dri", said)
    assert (heard.observations, heard.good, set(heard.reasons())) == ([], 0, {"bad_frame"})


def test_the_tail_of_a_frame_is_forgiven_when_the_line_opens(listen):
    heard = listen("ge-datex-dri", heart(60)[5:] + heart(70))
    assert (rates(heard), heard.bad) == ([70], [])


def test_a_frame_cut_by_the_end_is_told(listen):
    assert listen("ge-datex-dri", heart(60) + heart(70)[:-1]).reasons() == ["incomplete"]


def test_starting_again_forgets_half_a_frame():
    driver, data = fresh(), heart(60)
    driver.feed(data[:50], 0)
    driver.start(0)
    assert driver.feed(data[50:], 0).observations == ()


@pytest.mark.parametrize("main_type", [5, 8])
def test_records_of_other_kinds_prove_the_link_and_say_nothing(main_type, listen):
    heard = listen("ge-datex-dri", enclose(record((1, b"anything"), main_type=main_type)))
    assert (heard.observations, heard.good) == ([], 1)


def test_trends_are_not_taken_for_present_values(listen):
    heard = listen("ge-datex-dri", enclose(record((2, numeric(ecg=(ON, 0, 60))), (3, numeric(ecg=(ON, 0, 61))))))
    assert (heard.observations, heard.good) == ([], 1)


# --- values


@pytest.mark.parametrize("rate", [0, 1, 127, 128, 185, 255, 256, 300, 350])
def test_a_heart_rate_is_read_whole(rate):
    assert screen(ecg=(ON, 0, rate)).values["hr"] == rate


@pytest.mark.parametrize("rate", [127, 128, 185, 255, 256, 300])
def test_a_pulse_rate_is_read_whole(rate):
    assert screen(spo2=(ON, 1, 9700, rate)).values == {"spo2": 97, "pr": rate}


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (-32767, "not_measured"),
        (-32766, "stale"),
        (-32765, "calibrating"),
        (-32764, "out_of_range"),
        (-32763, "out_of_range"),
        (-32762, "not_calibrated"),
        (-32001, "invalid_code"),
        (-32500, "invalid_code"),
        (-32768, "invalid_code"),
        (-32000, "out_of_range"),  # a number, but none a heart can have
    ],
)
def test_a_code_is_no_number_and_has_its_reason(code, reason):
    seen = screen(ecg=(ON, 0, code))
    assert (dict(seen.values), seen.missing["hr"]) == ({}, reason)


def test_zero_saturation_and_pulse_are_no_measurement():
    seen = screen(spo2=(ON, 1, 0, 0))
    assert (dict(seen.values), dict(seen.missing)) == ({}, {"spo2": "out_of_range", "pr": "out_of_range"})


def test_a_module_that_is_not_there_says_nothing():
    numbers = {"ecg": (0x02, 0, 70), "spo2": (0, 1, 9700, 70), "p1": (0, 1, 9000, 9000, 9000), "t1": (0, 1, 3700)}
    seen = screen(**numbers, o2=(0, 0, 1600, 2100), co2=(0, 0, 520, 3, 16, 7600))
    assert (dict(seen.values), dict(seen.missing), seen.flags) == ({}, {}, ())


def test_a_module_that_does_not_measure_is_inactive_whatever_its_numbers():
    seen = screen(ecg=(1, 0, 70, 0, 0, 0, 16), spo2=(1, 1, 9700, 70), p1=(1, 1, 9000, 9000, 9000), t1=(1, 7, 3300))
    names = "hr rr spo2 pr abp_sys abp_dia abp_mean temp_skin".split()
    assert (dict(seen.values), dict(seen.missing)) == ({}, dict.fromkeys(names, "inactive"))


def test_venous_saturation_is_not_pulse_oximetry():
    seen = screen(spo2=(ON, 2, 6800, 70))
    assert (dict(seen.values), dict(seen.missing)) == ({}, {})


@pytest.mark.parametrize(
    ("co2", "ecg", "rate", "reason"),
    [
        ((ON, 1, 520, 3, 12, 7600), (ON, 0, 70, 0, 0, 0, 18), 12, None),
        ((ON, 1, 520, 3, NONE, 7600), (ON, 0, 70, 0, 0, 0, 18), 18, None),
        ((0, 0), (ON, 0, 70, 0, 0, 0, 18), 18, None),
        ((1, 0), (ON, 0, 70, 0, 0, 0, 18), 18, None),
        ((1, 0), (ON, 0, 70, 0, 0, 0, -32765), None, "calibrating"),
        ((ON, 0, 520, 3, -32766, 7600), (ON, 0, 70, 0, 0, 0, NONE), None, "stale"),
        ((1, 0), (1, 0), None, "inactive"),
        ((0, 0), (0, 0), None, None),
    ],
)
def test_breathing_is_counted_by_the_gas_module_else_by_the_chest(co2, ecg, rate, reason):
    seen = screen(co2=co2, ecg=ecg)
    assert (seen.values.get("rr"), seen.missing.get("rr")) == (rate, reason)


@pytest.mark.parametrize(("end_tidal", "ambient", "pressure"), [(520, 7600, 39.52), (0, 7600, 0.0), (1000, 6000, 60.0)])
def test_carbon_dioxide_becomes_a_pressure(end_tidal, ambient, pressure):
    assert screen(co2=(ON, 1, end_tidal, 3, 16, ambient)).values["etco2"] == pressure


def test_carbon_dioxide_without_ambient_pressure_is_not_guessed():
    seen = screen(co2=(ON, 1, 520, 3, 16, -32765))
    assert seen.missing["etco2"] == "calibrating"
    assert seen.device["etco2_pct"] == 5.2


def test_a_record_of_extended_classes_alone_leaves_vital_signs_alone():
    ecg12 = struct.pack("<IH12h", ON, 0, *range(10, 130, 10))
    arrhythmia = struct.pack("<IH3h", ON, 0, 71, 845, 3)
    bis = struct.pack("<IH4h", ON, 0, 42, 95, 30, 0)
    entropy = struct.pack("<IH3h", ON, 0, 45, 47, NONE)
    parts = [
        (1, numeric(class_=1, raw={0: arrhythmia, 48: ecg12})),
        (1, numeric(class_=2, raw={96: bis, 112: entropy})),
        (1, numeric(class_=3, raw={0: struct.pack("<IH3h", ON, 0, 250, 200, 1700)})),
        (1, numeric(class_=4)),
    ]
    (seen,) = observed(enclose(record(*parts)))
    assert (dict(seen.values), dict(seen.missing)) == ({}, {})
    wanted = {"arrhythmia_pvc": 3, "ecg12_st_i": 0.1, "ecg12_st_v6": 1.2, "bis_bis": 42, "bis_sqi": 95}
    wanted |= {"entropy_se": 45, "entropy_re": 47, "entropy_bsr": None, "gas_exchange_vo2": 250}
    assert {name: seen.device[name] for name in wanted} == wanted


def test_order_of_subrecords_does_not_matter():
    (seen,) = observed(enclose(record((1, numeric(class_=2)), (1, numeric(ecg=(ON, 0, 70))), level=11)))
    assert seen.values["hr"] == 70
    assert seen.device["level"] == 11


# --- channels go by label


PRESSURES = [
    *((label, "abp") for label in (1, 8, 16, 17)),
    *((label, "cvp") for label in (2, 4, 18, 22)),
    *((label, "icp") for label in (7, 19)),
    *((label, None) for label in (0, 3, 5, 6, 9, 10, 11, 12, 13, 14, 15, 20, 21, 23, 999)),
]


@pytest.mark.parametrize("channel", ["p1", "p4", "p6"])
@pytest.mark.parametrize(("label", "name"), PRESSURES)
def test_a_pressure_is_called_by_its_label_on_whichever_channel(channel, label, name):
    seen = screen(**{channel: (ON, label, 1350, 850, 1025, 72)})
    wanted = {"abp": {"abp_sys": 13.5, "abp_dia": 8.5, "abp_mean": 10.25}, None: {}}
    assert dict(seen.values) == wanted.get(name, {name: 10.25})
    assert dict(seen.missing) == {}
    assert seen.device[f"{channel}_sys"] == 13.5


TEMPERATURES = [
    *((label, "temp_core") for label in (1, 10, 15)),
    (7, "temp_skin"),
    *((label, "temp") for label in (2, 3, 4, 5, 6, 11, 12, 13, 14, 16)),
    *((label, None) for label in (0, 8, 9, 17)),
]


@pytest.mark.parametrize("channel", ["t1", "t4"])
@pytest.mark.parametrize(("label", "name"), TEMPERATURES)
def test_a_temperature_is_called_by_its_label_and_a_room_has_no_fever(channel, label, name):
    seen = screen(**{channel: (ON, label, 3712)})
    assert dict(seen.values) == ({name: 37.12} if name else {})
    assert seen.device[channel] == 37.12


def test_staff_can_say_what_a_channel_without_a_meaning_measures():
    data = values(p1=(ON, 9, 12000, 8000, 9500, 70), t1=(ON, 11, 3700), t2=(ON, 7, 3300), p2=(ON, 2, NONE, NONE, 800))
    chosen = {"P1": "abp", "T1": "temp_core", "SKIN": "none", "CVP": "none"}
    (seen,) = build("ge-datex-dri", {"labels": chosen}).feed(data, 0).observations
    assert dict(seen.values) == {"abp_sys": 120, "abp_dia": 80, "abp_mean": 95, "temp_core": 37}
    assert dict(seen.missing) == {}


def test_two_channels_with_one_meaning_are_never_mixed():
    """The first with a number speaks, for all three of its numbers."""
    good = (ON, 16, 12000, 8000, 9500)
    assert screen(p1=(ON, 1, 11000, NONE, 9000), p2=good).missing == {"abp_dia": "not_measured"}
    assert screen(p1=(ON, 1), p2=good).values["abp_sys"] == 120
    assert screen(p1=(1, 1, 11000, 7000, 9000), p2=good).values["abp_sys"] == 120
    assert screen(p1=(ON, 1), p2=(1, 16)).missing["abp_sys"] == "not_measured"


# --- states


@pytest.mark.parametrize(
    ("group", "bit", "flag"),
    [
        ("ecg", 2, "asystole"),
        ("ecg", 7, "artifact"),
        ("ecg", 8, "artifact"),
        ("ecg", 9, None),
        ("ecg", 10, "pacer"),
        ("ecg", 11, "lead_off"),
        ("ecg", 12, "lead_off"),
        ("ecg", 13, "lead_off"),
        ("p3", 2, "calibrating"),
        ("co2", 2, "apnea"),
        ("co2", 3, "calibrating"),
        ("co2", 4, "calibrating"),
        ("co2", 5, "occlusion"),
        ("co2", 6, None),
        ("flow", 2, None),
        ("flow", 3, "calibrating"),
        ("flow", 5, "occlusion"),
    ],
)
def test_status_bits_are_states_of_a_module_that_measures(group, bit, flag):
    assert screen(**{group: (ON | 1 << bit, 0)}).flags == ((flag,) if flag else ())
    assert screen(**{group: (1 | 1 << bit, 0)}).flags == ()


def test_states_of_values_waves_and_alarms_stand_together_until_each_is_too_old():
    driver = fresh()

    def flags(data, now):
        return driver.feed(data, now).observations[-1].flags

    lead_off = enclose(record((1, wave([1] * 300, status=8)), main_type=1))
    assert flags(values(co2=(ON | 4, 0)), 0) == ("apnea",)
    assert flags(lead_off, 500) == ("apnea", "lead_off")
    assert flags(alarms(("APNEA", 3)), 600) == ("apnea", "device_alarm", "lead_off")
    assert flags(heart(70), 3_500) == ("device_alarm", "lead_off")
    assert flags(heart(70), 5_000) == ("device_alarm",)
    assert flags(alarms(), 6_000) == ()
    assert flags(alarms(("APNEA", 3)), 7_000) == ("device_alarm",)
    assert flags(heart(70), 17_000) == ("device_alarm",)
    assert flags(heart(70), 17_001) == ()


def test_alarm_lines_are_told_with_their_priority():
    (seen,) = observed(alarms(("ASYSTOLE", 3), ("SpO2 probe off\x07", 1), ("", 3), ("message", 0), silence=5))
    assert seen.flags == ("alarm_silenced", "device_alarm")
    assert seen.device["alarms"] == [
        {"text": "ASYSTOLE", "priority": "red"},
        {"text": "SpO2 probe off", "priority": "white"},
        {"text": "message", "priority": "none"},
    ]
    assert (dict(seen.values), dict(seen.missing)) == ({}, {})


@pytest.mark.parametrize("lines", [(), (("", 3),), (("All quiet", 0),)])
def test_no_text_or_no_priority_is_no_alarm(lines):
    assert observed(alarms(*lines))[0].flags == ()


def test_a_cut_alarm_record_is_refused(listen):
    assert listen("ge-datex-dri", enclose(record((1, bytes(499)), main_type=4))).reasons() == ["bad_frame"]


# --- the cuff


def told(driver, *frames):
    """What each frame says of the cuff: sys, a reason, or None."""
    result = []
    for frame in frames:
        seen = [seen for seen in driver.feed(frame, 0).observations if seen.aperiodic]
        assert len(seen) <= 1
        result.append(seen[0].values.get("nibp_sys", seen[0].missing.get("nibp_sys")) if seen else None)
    return result


NEW, NEXT = (12600, 7100, 8900, 74), (13000, 7200, 9100, 75)
OLD, MEASURING = 1 << 8, 1 << 5


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([cuff(*NEW), cuff(*NEW), cuff(*NEXT), cuff(*NEXT)], [126, None, 130, None]),
        # Grown old is no news; nor does an old pressure become a new one.
        ([cuff(*NEW), cuff(*NEW, label=OLD), cuff(*NEW, label=OLD)], [126, None, None]),
        ([cuff(*NEW, label=OLD), cuff(*NEW, label=OLD)], ["stale", None]),
        # The same numbers again, but measured again: the old bit went, or the cuff was at work.
        ([cuff(*NEW), cuff(*NEW, label=OLD), cuff(*NEW), cuff(*NEW)], [126, None, 126, None]),
        ([cuff(*NEW), cuff(*NEW, label=MEASURING), cuff(*NEW), cuff(*NEW)], [126, None, 126, None]),
        # Numbers under a working cuff are not its result.
        ([cuff(*NEXT, label=MEASURING), cuff(*NEW)], [None, 126]),
        ([cuff(*NEW), cuff(label=MEASURING), cuff(*NEXT)], [126, None, 130]),
        # Reasons are said once too.
        ([cuff(), cuff(), cuff(*NEW), cuff(), cuff()], ["not_measured", None, 126, "not_measured", None]),
        ([cuff(status=1), cuff(status=1)], ["inactive", None]),
        ([cuff(*NEW, status=1), cuff(*NEW)], ["inactive", 126]),
        ([cuff(*NEW, status=0)], [None]),
        ([cuff(*NEW), cuff(-32766, -32766, -32766), cuff(*NEXT)], [126, None, 130]),
    ],
)
def test_a_cuff_pressure_is_told_once_per_measurement(frames, said):
    assert told(fresh(), *frames) == said


def test_a_cuff_pressure_stands_alone_and_never_among_the_repeated_values():
    (pressure, rest) = observed(values(nibp=(ON, 3, *NEW), ecg=(ON, 0, 70)))
    assert pressure.aperiodic
    assert dict(pressure.values) == {"nibp_sys": 126, "nibp_dia": 71, "nibp_mean": 89}
    assert dict(rest.values) == {"hr": 70}
    assert not rest.aperiodic
    assert not set(rest.missing) & set(NIBP)


def test_a_cuff_measurement_without_all_its_numbers_says_which_are_missing():
    (pressure, _) = observed(cuff(12600, NONE, 8900, 74))
    assert dict(pressure.values) == {"nibp_sys": 126, "nibp_mean": 89}
    assert dict(pressure.missing) == {"nibp_dia": "not_measured"}


def test_reopening_the_line_does_not_measure_the_pressure_again():
    driver = fresh()
    assert told(driver, cuff(*NEW)) == [126]
    driver.start(1_000)
    assert told(driver, cuff(*NEW), cuff(*NEXT)) == [None, 130]


# --- waves


def waves(*parts, before=b""):
    driver = fresh()
    driver.feed(before, 0)
    (seen,) = driver.feed(enclose(record(*parts, main_type=1)), 0).observations
    return seen


@pytest.mark.parametrize(
    ("type_", "name", "rate_hz", "unit", "sample"),
    [
        (1, "ecg", 300, "uV", 1000),
        (2, "ecg2", 300, "uV", 1000),
        (4, "p1", 100, "mm[Hg]", 10),
        (36, "p7", 100, "mm[Hg]", 10),
        (8, "pleth", 100, "", 1000),
        (9, "co2_w", 25, "%", 10),
        (10, "o2_w", 25, "%", 10),
        (13, "awp", 25, "cm[H2O]", 100),
        (14, "flow", 25, "", 1000),
        (15, "resp", 25, "Ohm", 10),
        (18, "eeg1", 100, "uV", 100),
        (23, "vol", 25, "", 1000),
    ],
)
def test_a_wave_has_its_name_rate_and_unit(type_, name, rate_hz, unit, sample):
    seen = waves((type_, wave([1000] * rate_hz)))
    (found,) = seen.waves.items()
    assert found[0] == name
    assert (found[1].rate_hz, found[1].unit, set(found[1].samples)) == (rate_hz, unit, {sample})
    assert len(found[1].samples) == rate_hz


def test_a_pressure_wave_is_called_after_the_label_of_its_channel():
    before = values(p1=(ON, 2), p2=(ON, 1), p3=(ON, 7), p4=(ON, 8))
    seen = waves(*((type_, wave([1000])) for type_ in (4, 5, 6, 7)), before=before)
    assert set(seen.waves) == {"cvp", "abp_w", "icp", "p4"}


@pytest.mark.parametrize(("status", "flags"), [(0, ()), (1, ("gap",)), (4, ("pacer",)), (8, ("lead_off",)), (2, ())])
def test_wave_status_bits_are_states(status, flags):
    assert waves((1, wave([1, 2], status=status))).flags == flags


def test_a_sample_that_is_a_code_is_a_hole():
    samples = waves((15, wave([100, NONE, 200]))).waves["resp"].samples
    assert (samples[0], math.isnan(samples[1]), samples[2]) == (1, True, 2)


def test_a_wave_without_samples_or_unknown_is_left_out():
    seen = waves((1, wave([], status=1)), (29, wave([5])))
    assert (dict(seen.waves), seen.flags) == ({}, ("gap",))


@pytest.mark.parametrize("count", [-1, 3, 32767])
def test_a_wave_longer_than_its_record_is_refused(count, listen):
    data = struct.pack("<hHHhh", count, 0, 0, 1, 2)
    assert listen("ge-datex-dri", enclose(record((1, data), main_type=1))).reasons() == ["bad_frame"]


# --- the conversation


def asked(data):
    """Main type, level and body of each request."""
    return [
        (struct.unpack_from("<h", payload, 14)[0], payload[3], payload[40:]) for payload in FrameDecoder().feed(data)
    ]


def test_opening_stops_what_runs_and_asks_for_values_at_each_level():
    said = asked(fresh().start(0))
    stops, starts = said[:6], said[6:]
    assert [(kind, level) for kind, level, _ in stops] == [(0, 9), (1, 9), (0, 8), (1, 8), (0, 7), (1, 7)]
    assert {body for kind, _, body in stops if kind == 0} == {struct.pack("<BhIH", 1, 0, 0, 0)}
    assert {body[:2] for kind, _, body in stops if kind == 1} == {b"\x01\x00"}
    assert starts == [(0, level, struct.pack("<BhIH", 1, 5, 0x0E, 0)) for level in (9, 8, 7)]


def test_wanted_waves_are_asked_for_too():
    said = asked(build("ge-datex-dri", {"levels": [11], "waves": ["pleth", "resp"], "interval": "20s"}).start(0))
    assert said[2] == (0, 11, struct.pack("<BhIH", 1, 20, 0x0E, 0))
    assert said[3] == (1, 11, struct.pack("<hh8s20x", 0, 0, b"\x08\x0f\xff"))


def test_a_silent_monitor_is_asked_again_each_interval_and_five_seconds():
    driver = build("ge-datex-dri", {"levels": [9], "interval": "10s"})
    driver.start(1_000)
    said = [now for now in range(1_000, 60_000, 1_000) if driver.tick(now)]
    assert said == [16_000, 31_000, 46_000]
    assert driver.silence_s == 15


def test_a_monitor_that_answers_is_not_asked_again():
    driver = build("ge-datex-dri", {"levels": [9]})
    driver.start(0)
    for now in range(0, 60_000, 1_000):
        if now % 5_000 == 0:
            driver.feed(heart(70), now)
        assert driver.tick(now) == b""


def test_waves_that_stop_are_asked_for_again_although_values_come():
    driver = build("ge-datex-dri", {"levels": [9], "waves": ["ecg1"]})
    driver.start(0)
    driver.feed(enclose(record((1, wave([0] * 300)), main_type=1)), 2_000)
    driver.feed(heart(70), 5_000)
    assert driver.tick(11_999) == b""
    assert driver.tick(12_000) == requests.waveforms([1], level=9)


def test_noise_does_not_pass_for_an_answer():
    driver = build("ge-datex-dri", {"levels": [9]})
    driver.start(0)
    driver.feed(heart(70)[:-3] + b"\x7e\x7e", 9_000)
    assert driver.tick(10_000) == requests.displayed_values(level=9, interval_s=5)


def test_alarms_are_asked_for_after_each_set_of_values_at_the_level_of_the_monitor():
    data = enclose(record((1, numeric(ecg=(ON, 0, 70))), level=10))
    driver = fresh()
    driver.start(0)
    assert asked(driver.feed(data, 0).send) == [(4, 10, bytes(12))]
    quiet = build("ge-datex-dri", {"alarms": False})
    quiet.start(0)
    assert quiet.feed(data, 0).send == b""


def test_a_recording_is_not_talked_to():
    driver = build("ge-datex-dri", {"waves": ["ecg1"]})
    assert driver.feed(heart(70), 0).send == b""
    assert driver.tick(100_000) == b""
    assert driver.finish(100_000).send == b""


def test_at_the_end_the_monitor_is_told_to_stop():
    driver = build("ge-datex-dri", {"levels": [8]})
    driver.start(0)
    assert driver.finish(9).send == requests.stop_values(level=8) + requests.stop_waveforms(level=8)


def test_the_line_is_as_the_monitor_has_it():
    line = plugin.line
    assert (line.baud, line.bits, line.parity, line.stop, line.rtscts) == (19200, 8, "E", 1, True)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"interval": "4s"}, "whole seconds from 5s"),
        ({"interval": "5500ms"}, "whole seconds from 5s"),
        ({"interval": "10min"}, "whole seconds from 5s"),
        ({"levels": []}, "at least one level"),
        ({"levels": [9, 9]}, "none twice"),
        ({"levels": [13]}, "0 to 12"),
        ({"waves": ["ecg9"]}, "no waveform is called 'ecg9'"),
        ({"waves": ["pleth", "pleth"]}, "none twice"),
        ({"waves": ["ecg1", "ecg2", "co2"]}, "625 samples per second"),
        ({"labels": {"P9": "abp"}}, "no channel is labelled 'P9'"),
        ({"labels": {"P1": "temp"}}, "P1 cannot be 'temp'"),
        ({"labels": {"T1": "abp"}}, "T1 cannot be 'abp'"),
    ],
)
def test_an_option_that_cannot_work_is_refused_in_words(options, text):
    with pytest.raises(UsageError, match=text):
        build("ge-datex-dri", options)
