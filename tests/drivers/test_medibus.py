"""MEDIBUS: what a device says becomes observations, and our side of the conversation keeps it talking."""

import json
import random
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.medibus import MedibusDriver, MedibusOptions, curves
from edge_agent.drivers.medibus.frames import LONGEST, Code, FrameDecoder
from edge_agent.drivers.medibus.replies import device_time
from edge_agent.drivers.registry import build

VECTORS = json.loads((Path(__file__).parent / "vectors" / "medibus.json").read_text())
SAID = [vector for vector in VECTORS if vector["direction"] == "to_device"]

X = b"8214'Evita V500'02.00:06.00"
OLD = b"8214'Evita 4'02.00:03.00"


def framed(start, code, data):
    """A frame written from the protocol: start, code, data, sum of all in two hexadecimal digits, CR."""
    head = bytes([start, ord(code) if isinstance(code, str) else code])
    head += data if isinstance(data, bytes) else data.encode("ascii")
    return head + f"{sum(head) % 256:02X}\r".encode("ascii")


def answer(code, data=""):
    return framed(0x01, code, data)


def order(code, data=""):
    return framed(0x1B, code, data)


def cp1(**records):
    """Measured data: `cp1(DC=" 72")`."""
    return answer("$", "".join(f"{code}{value:<4}" for code, value in records.items()))


def alarm(code, page="'", priority=31, text="PAW HIGH"):
    return answer(page, f"{chr(0x30 + priority)}{code}{text:<12}")


def text(**messages):
    codes = {code.removeprefix("T"): said for code, said in messages.items()}
    return answer("*", "".join(f"{code}{chr(0x30 + len(said))}{said}\x03" for code, said in codes.items()))


def offer(*records):
    """Realtime configuration: code, interval in us, minimum, maximum, greatest count."""
    return answer("S", "".join(f"{code}{us:8}{low:5}{high:5}{full}" for code, us, low, high, full in records))


PAW_FLOW = offer(("00", 16000, -50, 150, "FFF"), ("01", 16000, -180, 180, "FFF"))


def record(*counts, head=b""):
    """A realtime record with a sample for each of the first streams."""
    samples = b"".join(bytes([0x80 | count & 0x3F, 0x80 | count >> 6]) for count in counts)
    return bytes([0xD0 | (1 << len(counts)) - 1]) + head + samples


def states(heard):
    return [observation.flags for observation in heard.observations]


def numbers(heard):
    return [observation for observation in heard.observations if "cp1" in observation.device]


def publishable(heard):
    return [seen for seen in heard.observations if seen.values or seen.missing or seen.flags]


# Every example of the sheet.


@pytest.mark.parametrize("vector", SAID, ids=[vector["name"] for vector in SAID])
def test_published_command_is_said_by_the_driver(vector):
    device = Device(waves=["paw", "flow"])
    device.replies |= {"S": PAW_FLOW}
    device.run(30_000)
    device.sent += device.driver.finish(device.now).send
    if vector["name"] == "cmd-nop":
        device = Device(poll="5s")
        device.run(5_000)
    assert bytes.fromhex(vector["hex"]) in device.sent


# Reading numbers.


@pytest.mark.parametrize("rate", [127, 128, 185, 255, 256, 300])
def test_fast_hearts_are_read_right(rate, listen):
    (seen,) = listen("medibus", cp1(DC=rate, E1=rate)).observations
    assert seen.values == {"hr": rate, "pr": rate}


@pytest.mark.parametrize(
    ("said", "value"),
    [("-  3", -3), (" -3 ", -3), ("3.5 ", 3.5), ("  12", 12), ("12  ", 12), ("-.5 ", -0.5), ("12. ", 12), ("   0", 0)],
)
def test_a_number_may_stand_anywhere_in_its_field(said, value, listen):
    (seen,) = listen("medibus", cp1(A5=said)).observations
    assert seen.values == {"cvp": value}


@pytest.mark.parametrize("said", ["    ", "-   ", "----", " -- "])
def test_blanks_and_dashes_are_no_measurement(said, listen):
    (seen,) = listen("medibus", cp1(DC=said, EB=" 97 ")).observations
    assert (seen.values, seen.missing) == ({"spo2": 97}, {"hr": "not_measured"})


@pytest.mark.parametrize("said", ["****", "+72 ", "7 2 ", "ERR ", "1-2 ", "7,2 "])
def test_anything_else_is_the_device_saying_something_we_do_not_know(said, listen):
    (seen,) = listen("medibus", cp1(DC=said)).observations
    assert (seen.values, seen.missing) == ({}, {"hr": "device_invalid"})


@pytest.mark.parametrize(
    ("code", "said", "name"),
    [("DC", "9999", "hr"), ("EB", "101 ", "spo2"), ("EB", "0   ", "spo2"), ("F0", "12", "fio2")],
)
def test_what_no_device_can_measure_is_out_of_range(code, said, name, listen):
    (seen,) = listen("medibus", cp1(**{code: said})).observations
    assert (seen.values, seen.missing) == ({}, {name: "out_of_range"})


def test_each_vital_sign_has_its_code(listen):
    said = {
        "DC": 72, "E1": 71, "EB": 97, "D6": 14, "D2": 120, "CD": 90, "C8": 75,
        "A5": 8, "37": 12, "C3": 37.2, "66": 36.1, "E6": 38, "F0": 40,
    }  # fmt: skip
    (seen,) = listen("medibus", cp1(**said)).observations
    assert seen.values == {
        "hr": 72, "pr": 71, "spo2": 97, "rr": 14, "abp_sys": 120, "abp_mean": 90, "abp_dia": 75,
        "cvp": 8, "icp": 12, "temp": 37.2, "temp_skin": 36.1, "etco2": 38, "fio2": 40,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said", "values", "missing"),
    [
        ({"D5": 13, "D6": 14, "D7": 15}, {"rr": 14}, {}),
        ({"D7": 15, "D5": 13}, {"rr": 13}, {}),
        ({"D7": 15}, {"rr": 15}, {}),
        ({"D6": "", "D7": 15}, {"rr": 15}, {}),
        ({"D6": "", "D7": ""}, {}, {"rr": "not_measured"}),
        ({"B4": 15}, {}, {}),
    ],
)
def test_breaths_are_counted_by_the_best_source(said, values, missing, listen):
    (seen,) = listen("medibus", cp1(**said)).observations
    assert (seen.values, seen.missing) == (values, missing)


@pytest.mark.parametrize("code", ["%", "&", ",", "-", ")"])
def test_limits_and_settings_are_no_measurements(code, listen):
    value = "72   " if code == ")" else "72  "
    (seen,) = listen("medibus", answer(code, "DC" + value)).observations
    assert (seen.values, seen.missing) == ({}, {})
    assert list(seen.device.values()) == [{"DC": 72}]


def test_numbers_of_the_second_codepage_are_not_those_of_the_first(listen):
    (seen,) = listen("medibus", answer("+", "DC72  21450 ")).observations
    assert (seen.values, seen.device) == ({}, {"cp2": {"DC": 72, "21": 450}, "ventilator": {"vte_ml": 450}})


def test_an_empty_reply_of_a_device_in_standby_is_no_fault(listen):
    heard = listen("medibus", cp1() + answer("*") + answer("'") + answer(")") + answer("S"))
    assert (heard.good, heard.bad) == (5, [])


# Units of CO2.


@pytest.mark.parametrize(
    ("said", "options", "mmhg"),
    [
        ({"E6": 38}, {}, 38),
        ({"E3": 5.1}, {}, 38.25),
        ({"DB": 5.0}, {}, 38.0),
        ({"DB": 5.0}, {"ambient_mbar": 850}, 31.88),
        ({"DB": 5.0, "6B": 850}, {}, 31.88),
        ({"DB": 5.0, "6B": 20}, {}, 38.0),
        ({"E6": 38, "E3": 5.1, "DB": 5.0}, {}, 38),
    ],
)
def test_co2_is_converted_to_mmhg(said, options, mmhg, listen):
    (seen,) = listen("medibus", cp1(**said), **options).observations
    assert seen.values == pytest.approx({"etco2": mmhg}, abs=0.01)


@pytest.mark.parametrize(("unit", "values"), [("22", {"etco2": 38}), ("23", {"etco2": 37.5}), ("24", {"etco2": 38.0})])
def test_of_several_units_the_selected_one_counts(unit, values, listen):
    heard = listen("medibus", text(**{f"T{unit}": "CO2"}) + cp1(E6=38, E3=5.0, DB=5.0))
    assert numbers(heard)[0].values == pytest.approx(values, abs=0.01)


def test_a_number_under_another_unit_than_the_selected_one_is_of_no_known_unit(listen):
    heard = listen("medibus", text(T23="kPa") + cp1(E6=5.1))
    assert (numbers(heard)[0].values, numbers(heard)[0].missing) == ({}, {"etco2": "unit_unsupported"})


def test_no_co2_measured_is_no_trouble_with_its_unit(listen):
    assert numbers(listen("medibus", text(T23="kPa") + cp1(E3="")))[0].missing == {"etco2": "not_measured"}


# Measurements that are made once.


def test_a_cuff_pressure_is_told_once_and_with_its_age(listen):
    said = [cp1(DC=72, **{"96": 120, "91": 90, "8C": 75, "92": age}) for age in (3, 3, 4, 0, 1)]
    heard = listen("medibus", b"".join(said))
    singles = [seen for seen in heard.observations if seen.aperiodic]
    assert [seen.age_ms for seen in singles] == [180_000, 0]
    assert {tuple(seen.values.items()) for seen in singles} == {
        (("nibp_sys", 120), ("nibp_mean", 90), ("nibp_dia", 75))
    }
    assert [seen.values for seen in numbers(heard)] == [{"hr": 72}] * 5


def test_without_an_age_a_cuff_pressure_is_new_when_it_differs_and_of_unknown_time_at_first(listen):
    said = [cp1(**{"96": high, "8C": 75}) for high in (120, 120, "", 120, 125)]
    heard = listen("medibus", b"".join(said))
    singles = [seen for seen in heard.observations if seen.aperiodic]
    assert [(seen.values["nibp_sys"], seen.untimed) for seen in singles[:1]] == [(120, True)]
    assert [(seen.values["nibp_sys"], seen.untimed) for seen in singles[-1:]] == [(125, False)]
    assert numbers(heard)[2].missing == {"nibp_sys": "not_measured"}


def test_a_lost_link_does_not_tell_the_cuff_pressure_again():
    driver = MedibusDriver(MedibusOptions())
    driver.start(0)
    said = cp1(**{"96": 120, "91": 90, "8C": 75})
    assert sum(seen.aperiodic for seen in driver.feed(said, 0).observations) == 1
    driver.tick(20_000)
    assert sum(seen.aperiodic for seen in driver.feed(said, 20_000).observations) == 0


def test_weight_is_read_from_x_devices_alone(listen):
    said = cp1(F2=3250, FA=2)
    (seen,) = [seen for seen in listen("medibus", answer("R", X) + said).observations if seen.aperiodic]
    assert (seen.values, seen.age_ms) == ({"weight": 3.25}, 7_200_000)
    assert not [seen for seen in listen("medibus", answer("R", OLD) + said).observations if seen.aperiodic]


# Two code maps.


@pytest.mark.parametrize(
    ("device", "options", "name"),
    [
        (X, {}, "mv_inspiratory_l_min"),
        (OLD, {}, "compliance_frac_ml_mbar"),
        (b"", {}, None),
        (b"8214'Evita 4'", {}, None),
        (OLD, {"map": "medibus-x"}, "mv_inspiratory_l_min"),
        (X, {"map": "medibus"}, "compliance_frac_ml_mbar"),
    ],
)
def test_what_a_code_means_goes_by_the_version_or_by_the_settings(device, options, name, listen):
    seen = listen("medibus", answer("R", device) + cp1(**{"06": 7.5, "7D": 22}), **options).observations[-1]
    assert seen.device["ventilator"] == ({name: 7.5} if name else {}) | {"pip_mbar": 22}


def test_a_code_without_a_meaning_for_us_is_kept_as_it_is(listen):
    (seen,) = listen("medibus", cp1(**{"2A": 0.99})).observations
    assert seen.device == {"cp1": {"2A": 0.99}}


# Alarms and texts.


@pytest.mark.parametrize(
    ("page", "code", "flags"),
    [
        ("'", "10", ("device_alarm",)),
        ("'", "00", ("apnea", "device_alarm")),
        ("'", "98", ("apnea", "device_alarm")),
        ("'", "35", ("device_alarm", "sensor_fault")),
        ("'", "4B", ("device_alarm", "low_battery")),
        (".", "00", ("device_alarm",)),
        ("#", "98", ("device_alarm",)),
    ],
)
def test_an_alarm_is_a_state_and_keeps_its_text(page, code, flags, listen):
    (seen,) = listen("medibus", alarm(code, page)).observations
    assert seen.flags == flags
    assert seen.device["alarms"] == [{"priority": 31, "code": code, "text": "PAW HIGH"}]


@pytest.mark.parametrize(
    ("said", "state"),
    [
        (alarm("96"), "asystole"),
        (alarm("92"), "lead_off"),
        (alarm("5C", "."), "critical_battery"),
        (text(T62="SIMULATION ON"), "demo"),
        (text(T5D="Audio pause"), "alarm_silenced"),
    ],
)
def test_some_states_are_told_by_x_devices_alone(said, state, listen):
    assert state in listen("medibus", answer("R", X) + said).observations[-1].flags
    assert state not in listen("medibus", answer("R", OLD) + said).observations[-1].flags
    assert state not in listen("medibus", said).observations[-1].flags


def test_states_stay_until_their_own_page_says_otherwise(listen):
    data = cp1(DC=72)
    heard = listen(
        "medibus",
        alarm("4B") + data + alarm("10", ".") + data + answer("'") + data + answer(".") + data,
    )
    assert [seen.flags for seen in numbers(heard)] == [
        ("device_alarm", "low_battery"),
        ("device_alarm", "low_battery"),
        ("device_alarm",),
        (),
    ]


def test_states_that_did_not_change_are_told_with_the_numbers_only(listen):
    heard = listen("medibus", (alarm("4B") + cp1(DC=72)) * 3)
    assert [bool(seen.flags) for seen in heard.observations] == [True, True, False, True, False, True]


@pytest.mark.parametrize("code", ["1E", "54"])
def test_a_device_in_standby_says_so(code, listen):
    heard = listen("medibus", text(**{f"T{code}": "STANDBY"}) + cp1(DC="") + text(T06="SIMV") + cp1(DC=72))
    assert [seen.flags for seen in numbers(heard)] == [("standby",), ()]


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("35", {"pr": "sensor_fault", "spo2": "sensor_fault"}),
        ("01", {"pr": "signal_lost", "spo2": "signal_lost"}),
        ("D9", {"etco2": "sensor_fault"}),
        ("3D", {"etco2": "signal_lost"}),
    ],
)
def test_a_number_whose_sensor_is_gone_is_withheld(code, missing, listen):
    (seen,) = numbers(listen("medibus", alarm(code) + cp1(DC=72, E1=71, EB=97, E6=38)))
    assert seen.missing == missing
    assert set(seen.values) == {"hr", "pr", "spo2", "etco2"} - set(missing)


def test_the_name_of_the_patient_is_never_told(listen):
    (seen,) = listen("medibus", text(T60="FIRST", T61="LAST", T06="SIMV")).observations
    assert seen.device == {"text": {"06": "SIMV"}}


@pytest.mark.parametrize(
    ("said", "time"),
    [
        (" 9:33 7-OCT-14", "2014-10-07T09:33:00"),
        (" 9:33:00 7-OKT-14", "2014-10-07T09:33:00"),
        (" 9:33 07-OCT-14", "2014-10-07T09:33:00"),
        ("09:33 7-OKT-14", "2014-10-07T09:33:00"),
        ("23:59:5931-DEZ-25", "2025-12-31T23:59:59"),
        ("00:00:0029-FEB-24", "2024-02-29T00:00:00"),
        ("00:00:0029-FEB-23", None),
        ("24:00:0001-MAI-23", None),
        ("09:33:007-QQQ-14", None),
        ("", None),
    ],
)
def test_the_clock_of_the_device_is_read_as_it_is_written_in_the_field(said, time):
    assert device_time(said.encode()) == time


# Frames.


@pytest.mark.parametrize("size", [1, 2, 3, 5, 61])
def test_observations_do_not_depend_on_how_the_line_splits_them(size, session, listen):
    whole = listen("medibus", session)
    assert len(publishable(whole)) == 4
    assert listen("medibus", session, size=size) == whole


def test_a_session_may_be_cut_at_any_byte(session, listen):
    whole = listen("medibus", session)
    for at in range(1, len(session)):
        driver = MedibusDriver(MedibusOptions())
        parts = [driver.feed(session[:at], 0), driver.feed(session[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole.observations
        assert [bad for part in parts for bad in part.bad] == whole.bad
        assert b"".join(part.send for part in parts) == answer("0")


@given(seed=st.integers(0, 2**32), size=st.integers(1, 400))
@settings(max_examples=60, deadline=None)
def test_a_damaged_session_does_not_depend_on_how_the_line_splits_it(listen, damage, session, seed, size):
    data = damage(session * 3, seed=seed, rate=0.01)
    assert listen("medibus", data, size=size) == listen("medibus", data)


@given(data=st.binary(max_size=600), size=st.integers(1, 200))
@settings(max_examples=200, deadline=None)
def test_no_bytes_at_all_raise(listen, data, size):
    heard = listen("medibus", data, size=size)
    assert publishable(heard) == []
    assert all(isinstance(bad, BadFrame) and bad.size > 0 for bad in heard.bad)


@given(
    pieces=st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from([PAW_FLOW, order("Q"), order("V"), order("U"), answer("Q"), answer("T"), answer("R", X)]),
            st.tuples(st.sampled_from("$+%&,-'.#()*RS0QTVI"), st.text(st.characters(codec="ascii"), max_size=40)).map(
                lambda pair: answer(*pair)
            ),
            st.lists(st.integers(0x80, 0xFF), max_size=40).map(bytes),
        ),
        max_size=12,
    ),
    live=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_whatever_good_frames_say_nothing_raises_and_values_have_reasons_or_ranges(pieces, live):
    driver = build("medibus", {"waves": ["paw", "flow"] if live else []})
    if live:
        driver.start(0)
    for now, piece in enumerate(pieces):
        for seen in driver.feed(piece, now * 700).observations:
            assert not set(seen.values) & set(seen.missing)
        driver.tick(now * 700 + 1)
    driver.finish(20_000)


def test_a_megabyte_of_noise_is_no_reading(listen):
    heard = listen("medibus", random.Random(20).randbytes(1_000_000), size=4096)
    assert (heard.observations, heard.good) == ([], 0)
    assert {bad.reason for bad in heard.bad} <= {"bad_checksum", "bad_frame", "incomplete", "resync", "bad_length"}


def test_noise_before_a_frame_costs_nothing_but_itself(listen):
    for seed in range(50):
        noise = random.Random(seed).randbytes(200)
        heard = listen("medibus", noise + cp1(DC=72))
        assert heard.observations[-1].values == {"hr": 72}


@pytest.mark.parametrize(
    "frame",
    [
        cp1(DC=185, EB=" 97", D6=" 14", A5="-  3"),
        answer("+", "21450 22460 "),
        alarm("4B"),
        text(T06="Mode SIMV", T22="mmHg"),
        answer("R", OLD),
        answer("(", "09:33:007-OKT-14"),
        answer(")", "01 40  0B 5.0 "),
        PAW_FLOW,
    ],
    ids=["data", "data-cp2", "alarm", "text", "device", "time", "settings", "curves"],
)
def test_no_single_flipped_bit_gives_a_wrong_reading(frame, listen):
    (right,) = listen("medibus", frame).observations
    for bit in range(8 * len(frame)):
        hit = bytearray(frame)
        hit[bit // 8] ^= 1 << bit % 8
        # A blank in the place of the digit 0 is still the same checksum.
        for seen in listen("medibus", bytes(hit)).observations:
            assert seen == right


@given(
    records=st.dictionaries(st.integers(0, 255), st.integers(-99, 999), min_size=1, max_size=20),
    bit=st.integers(0, 10_000),
)
@settings(max_examples=400, deadline=None)
def test_no_flipped_bit_anywhere_gives_a_wrong_number(listen, records, bit):
    frame = cp1(**{f"{code:02X}": f"{value:4}" for code, value in records.items()})
    hit = bytearray(frame)
    hit[bit // 8 % len(frame)] ^= 1 << bit % 8
    (right,) = numbers(listen("medibus", frame))
    for seen in numbers(listen("medibus", bytes(hit))):
        assert seen.device["cp1"].items() <= right.device["cp1"].items()


@pytest.mark.parametrize("at", range(1, 17))
def test_a_lost_byte_costs_its_frame_and_no_other(at, listen):
    frame = cp1(EB=" 97", DC=" 72")
    heard = listen("medibus", frame[:at] + frame[at + 1 :] + cp1(DC=80))
    assert [seen.values for seen in numbers(heard)] == [{"hr": 80}]
    assert heard.bad


def test_realtime_bytes_may_stand_anywhere_in_a_frame(listen):
    frame = cp1(DC=72)
    for at in range(len(frame) + 1):
        heard = listen("medibus", frame[:at] + record(2048, 1365) + frame[at:])
        assert [seen.values for seen in numbers(heard)] == [{"hr": 72}]
        assert heard.bad == []


def test_flow_control_is_ignored_anywhere(listen):
    frame = cp1(DC=72)
    for at in range(len(frame) + 1):
        assert len(listen("medibus", frame[:at] + b"\x13\x11" + frame[at:]).observations) == 1


def test_a_command_inside_a_reply_is_answered_and_the_reply_is_not_lost(listen):
    frame = cp1(DC=72)
    for at in range(1, len(frame)):
        driver = MedibusDriver(MedibusOptions())
        heard = driver.feed(frame[:at] + order("0") + frame[at:], 0)
        assert [seen.values for seen in heard.observations] == [{"hr": 72}]
        assert heard.send == answer("0")


def test_a_reply_cut_by_the_next_is_given_up(listen):
    heard = listen("medibus", cp1(EB=97)[:-3] + cp1(DC=72))
    assert [seen.values for seen in heard.observations] == [{"hr": 72}]
    assert heard.reasons() == ["incomplete"]


def test_a_command_cut_by_a_reply_is_given_up(listen):
    heard = listen("medibus", b"\x1bQ" + cp1(DC=72))
    assert [seen.values for seen in heard.observations] == [{"hr": 72}]
    assert [(bad.reason, bad.size) for bad in heard.bad] == [("incomplete", 2)]


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_command_without_end_takes_the_reply_around_it_along(size, listen):
    data = b"\x01$DC72  " + order("J", "A" * 5_000) + cp1(DC=72)
    assert listen("medibus", data, size=size) == listen("medibus", data)
    assert {bad.reason for bad in listen("medibus", data).bad} == {"bad_length", "resync"}


def test_the_tail_of_a_frame_is_forgiven_when_the_line_opens_and_no_other():
    driver = MedibusDriver(MedibusOptions())
    driver.start(0)
    assert driver.feed(b"DC72  3F\r" + answer("Q"), 0).bad == ()
    assert [bad.reason for bad in driver.feed(b"DC72  3F\r" + answer("0"), 0).bad] == ["resync"]


def test_a_frame_without_end_is_not_kept():
    decoder = FrameDecoder()
    found = decoder.feed(b"\x01$" + b"A" * 50_000 + b"\x1b0" + b"B" * 50_000)
    held = [part for part in vars(decoder).values() if isinstance(part, (bytes, bytearray))]
    assert sum(len(part) for part in held) <= 2 * LONGEST
    assert {bad.reason for bad in found} == {"bad_length", "resync"}
    assert sum(bad.size for bad in found) > 100_000 - 256


@pytest.mark.parametrize(
    "frame",
    [
        answer("$", "DC72  E"),
        answer("$", "XX72  "),
        answer("'", "O10PAW HIGH"),
        answer("'", "q10PAW HIGH    "),
        answer("$", "DC7\x032 "),
        answer("*", "069Mode SIMV"),
        answer("*", "068Mode SIMV\x03"),
        answer("*", "069Mode SIMV."),
        answer("*", "069Mode\x03SIMV\x03"),
        answer("R", "8214"),
        answer("S", "00"),
        answer("S", "00   16000  -50  1x0FFF"),
        answer("(", "noon"),
        answer("z"),
    ],
)
def test_a_reply_with_the_right_sum_but_the_wrong_shape_is_refused(frame, listen):
    heard = listen("medibus", frame)
    assert (heard.observations, heard.reasons(), heard.good) == ([], ["bad_frame"], 0)


def test_ten_minutes_of_a_bad_line_publish_nothing_wrong(damage, listen):
    """Heart and pulse rate say the same in each reply, so a mixture would be seen."""
    said = [cp1(DC=40 + number % 256, E1=40 + number % 256) for number in range(600)]
    parts = [damage(frame, seed=number, rate=3e-3) for number, frame in enumerate(said)]
    untouched = [part == frame for part, frame in zip(parts, said, strict=True)]
    heard = listen("medibus", b"".join(parts), size=37)
    got = [seen.values for seen in numbers(heard)]
    assert all(values["hr"] == values["pr"] for values in got)
    assert len(got) >= sum(untouched) - 2
    assert 400 < sum(untouched) < 580


# Curves.


def test_each_curve_has_its_name_its_unit_and_its_rate(listen):
    offered = offer(
        ("00", 16000, -50, 150, "FFF"),
        ("02", 16000, 0, 100, "1FF"),
        ("07", 32000, 0, 10, "3E8"),
        ("06", 32000, 0, 75, "3E8"),
    )
    heard = listen("medibus", offered + record(2048, 0x1FF, 500, 500) * 3)
    waves = heard.observations[-1].waves
    assert {name: (wave.rate_hz, wave.unit) for name, wave in waves.items()} == {
        "00": (62.5, "mbar"),
        "pleth": (62.5, "%"),
        "co2_w": (31.25, "mm[Hg]"),
    }
    assert waves["pleth"].samples == (100, 100, 100)
    assert waves["co2_w"].samples == (37.5031,) * 3


def test_samples_come_in_stretches_of_half_a_second_and_the_rest_at_the_end(listen):
    heard = listen("medibus", PAW_FLOW + b"".join(record(n, 0) for n in range(100)))
    assert [len(seen.waves["00"].samples) for seen in heard.observations[1:]] == [32, 32, 32, 4]
    assert [sample for seen in heard.observations[1:] for sample in seen.waves["00"].samples] == [
        pytest.approx(n / 4095 * 200 - 50, abs=1e-4) for n in range(100)
    ]


def test_the_other_order_of_the_bits_can_be_set(listen):
    data = PAW_FLOW + bytes([0xD1, 0xA0, 0x80])
    assert listen("medibus", data, bit_order="high-first").observations[-1].waves["00"].samples == (50.0244,)
    assert listen("medibus", data).observations[-1].waves["00"].samples != (50.0244,)


def test_streams_behind_the_fourth_are_announced_by_their_own_commands(listen):
    offered = offer(*((f"{code:02X}", 16000, 0, 4095, "FFF") for code in range(0x20, 0x2A)))
    fifth_and_tenth = bytes([0xD1, 0xC4, 0xC1, 0xC5, 0xC2, 0x81, 0x80, 0x82, 0x80, 0x83, 0x80])
    waves = listen("medibus", offered + fifth_and_tenth).observations[-1].waves
    assert {name: wave.samples for name, wave in waves.items()} == {"20": (1,), "24": (2,), "29": (3,)}


@pytest.mark.parametrize(
    "broken",
    [
        record(1, 2)[:-2],
        record(1, 2)[:-1],
        record(1, 2) + b"\x80\x80",
        record(1, 2, head=b"\xcf\xc0"),
        record(1, 2)[:3] + b"\xc6\xc0" + record(1, 2)[3:],
        record(1, 2)[:2] + b"\xf0" + record(1, 2)[3:],
    ],
    ids=["sample-lost", "byte-lost", "sample-added", "told-corrupt", "command-late", "no-such-byte"],
)
def test_a_broken_record_is_a_hole_between_two_stretches(broken, listen):
    heard = listen("medibus", PAW_FLOW + record(10, 20) * 3 + broken + record(30, 40) * 2)
    assert [len(seen.waves["00"].samples) for seen in heard.observations[1:]] == [3, 2]
    assert heard.bad


def test_a_count_above_the_greatest_is_a_broken_record(listen):
    offered = offer(("02", 16000, 0, 100, "1FF"))
    heard = listen("medibus", offered + record(0x1FF) + record(0x200) + record(0))
    assert [seen.waves["pleth"].samples for seen in heard.observations[1:]] == [(100,), (0,)]
    assert heard.reasons() == ["bad_frame"]


@pytest.mark.parametrize(
    "useless",
    [("00", 0, -50, 150, "FFF"), ("00", 16000, 150, 150, "FFF"), ("00", 16000, -50, 150, "000")],
)
def test_a_curve_that_cannot_be_scaled_is_stepped_over(useless, listen):
    heard = listen("medibus", offer(useless, ("01", 16000, -180, 180, "FFF")) + record(1, 1365))
    assert {name: wave.samples for name, wave in heard.observations[-1].waves.items()} == {"01": (-60.0,)}


def test_samples_without_end_are_not_kept(listen):
    driver = MedibusDriver(MedibusOptions())
    driver.feed(PAW_FLOW, 0)
    bad = driver.feed(record(1, 2) + b"\x80" * 100_000, 0).bad
    assert sum(lost.size for lost in bad) > 100_000 - 256


def test_the_breathing_phase_last_told_goes_with_the_curves(listen):
    breaths = record(1, 2, head=b"\xc6\xc0") + record(1, 2) + record(1, 2, head=b"\xc6\xc1") + record(1, 2)
    assert listen("medibus", PAW_FLOW + breaths).observations[-1].device == {"phase": "expiration"}
    assert listen("medibus", PAW_FLOW + breaths[:12]).observations[-1].device == {"phase": "inspiration"}
    assert listen("medibus", PAW_FLOW + record(1, 2)).observations[-1].device == {}


def test_realtime_bytes_nobody_asked_for_are_nothing(listen):
    heard = listen("medibus", record(1, 2) * 10)
    assert (heard.observations, heard.bad) == ([], [])


@pytest.mark.parametrize(
    ("count", "on", "off"),
    [
        (1, "d0c1c1c0c0", "d0c1c0c0c0"),
        (4, "d0c1cfc0c0", "d0c1c0c0c0"),
        (5, "d0c1cfc2c1c0c0", "d0c1c0c2c0c0c0"),
        (12, "d0c1cfc2cfc3cfc0c0", "d0c1c0c2c0c3c0c0c0"),
    ],
)
def test_streams_are_switched_four_by_four(count, on, off):
    assert (curves.enable(count).hex(), curves.disable(count).hex()) == (on, off)


# The conversation.


class Device:
    """A device on the other end of the line: it answers each command after a while, or as the test says."""

    def __init__(self, **options):
        self.driver = build("medibus", options)
        self.now = 0
        self.replies = {"R": answer("R", OLD), "$": cp1(DC=72, EB=97)}
        self.deaf = set()
        self.sent = b""
        self.seen = []
        self.asked = []  # (time, command) of each request
        self.open = 0  # requests without an answer
        self.most_open = 0
        self._inbox = []
        self.hear(self.driver.start(0))

    def hear(self, data):
        self.sent += data
        slow = bytes(byte for byte in data if byte < 0x80)
        for frame in slow.split(b"\r")[:-1]:
            if frame[:1] != b"\x1b":
                continue
            assert sum(frame[:-2]) % 256 == int(frame[-2:], 16)
            code = chr(frame[1])
            self.asked.append((self.now, code))
            if code not in self.deaf:
                self.open += 1
                self.most_open = max(self.most_open, self.open)
                self._inbox.append(self.replies.get(code, answer(code)))

    def say(self, data):
        heard = self.driver.feed(data, self.now)
        self.seen += heard.observations
        self.hear(heard.send)
        return heard

    def run(self, ms):
        for _ in range(ms // 50):
            self.now += 50
            if self._inbox:
                self.open -= 1
                self.say(self._inbox.pop(0))
            self.hear(self.driver.tick(self.now))

    def codes(self, since=0):
        return "".join(code for at, code in self.asked if at >= since)


def test_the_handshake_names_the_device_and_its_states_before_any_number():
    device = Device()
    device.run(2_000)
    assert device.codes().startswith("QR*'$+'.*")
    assert device.most_open == 1


def test_a_round_of_questions_begins_each_second():
    device = Device()
    device.run(20_000)
    rounds = [at for at, code in device.asked if code == "$"]
    assert 19 <= len(rounds) <= 20
    assert {later - earlier for earlier, later in pairwise(rounds)} <= {1_000, 1_050}
    assert set("(%&,-)") <= set(device.codes())
    assert sum("hr" in seen.values for seen in device.seen) == len(rounds)


def test_only_x_devices_are_asked_for_the_third_page_of_alarms():
    for name, asked in ((X, True), (OLD, False)):
        device = Device()
        device.replies["R"] = answer("R", name)
        device.run(3_000)
        assert ("#" in device.codes()) == asked


def test_a_device_that_is_switched_on_later_is_called_until_it_answers():
    device = Device()
    device.deaf = set("Q")
    device.asked.clear()
    device._inbox.clear()
    device.run(30_000)
    assert set(device.codes()) == {"Q"}
    assert 10 <= len(device.asked) <= 13
    device.deaf = set()
    device.run(5_000)
    assert "hr" in device.seen[-1].values or "$" in device.codes()


def test_a_question_without_an_answer_holds_up_the_others_for_three_seconds_only():
    device = Device()
    device.deaf = set("+")
    device.run(20_000)
    times = {code: [at for at, asked in device.asked if asked == code] for code in "+'"}
    waited = [min(at for at in times["'"] if at > asked) - asked for asked in times["+"][:-1]]
    assert set(waited) <= {3_000, 3_050}
    assert device.codes().count("$") >= 4


def test_a_damaged_answer_is_asked_for_once_more_and_then_given_up():
    device = Device()
    device.replies["+"] = b"\x01+21450 00\r"
    device.run(3_000)
    assert "++'" in device.codes()
    assert "+++" not in device.codes()


def test_a_question_the_device_heard_damaged_is_asked_again():
    device = Device()
    device.replies["+"] = answer("\x15")
    device.run(3_000)
    assert "++'" in device.codes()


def test_ten_seconds_of_silence_begin_the_conversation_anew():
    device = Device()
    device.say(alarm("4B"))
    device.run(3_000)
    device.deaf = set("$+'.*)(%&,-0RQ")
    device._inbox.clear()
    fell_silent = device.now
    device.run(10_200)
    (called,) = [at for at, code in device.asked if code == "Q" and at > fell_silent]
    assert 9_000 <= called - fell_silent <= 10_100
    device.deaf = set()
    device.seen.clear()
    back = device.now
    device.run(4_000)
    assert "QR*'$" in device.codes(since=back)
    assert next(seen.flags for seen in device.seen if "hr" in seen.values) == ()


@pytest.mark.parametrize("how", ["silence", "icc", "stop"])
def test_states_of_before_are_forgotten_when_the_conversation_begins_anew(how):
    driver = MedibusDriver(MedibusOptions())
    driver.start(0)
    driver.feed(answer("Q") + alarm("4B") + text(T1E="STANDBY"), 0)
    assert driver.feed(cp1(DC=72), 0).observations[0].flags == ("device_alarm", "low_battery", "standby")
    if how == "silence":
        driver.tick(10_000)
    else:
        driver.feed(order("Q" if how == "icc" else "U"), 1_000)
    assert driver.feed(cp1(DC=72), 10_000).observations[0].flags == ()


def test_only_the_answer_to_the_call_begins_the_conversation():
    driver = MedibusDriver(MedibusOptions())
    driver.start(0)
    assert driver.feed(cp1(DC=72) + answer("0"), 10).send == b""
    assert driver.feed(answer("Q"), 20).send == order("R")


def test_a_device_that_only_talks_in_curves_is_called_again():
    device = Device()
    device.run(1_000)
    device.deaf = set("$+'.*)(%&,-0RQS")
    device._inbox.clear()
    fell_silent = device.now
    for _ in range(220):
        device.say(record(1, 2))
        device.run(50)
    assert "Q" in device.codes(since=fell_silent)


def test_keep_alive_fills_long_pauses():
    device = Device(poll="5s")
    device.run(20_000)
    pauses = [later - earlier for (earlier, _), (later, _) in pairwise(device.asked)]
    assert max(pauses) <= 2_100
    assert "0" in device.codes()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("Q", answer("Q")),
        ("0", answer("0")),
        ("U", answer("U")),
        ("I", answer("I")),
        ("R", answer("R", "0161'Wardline'01.00:03.00")),
        ("(", answer("(")),
        ("J", answer("J")),
        ("z", answer("z")),
    ],
)
def test_each_command_of_the_device_is_answered(code, said):
    heard = MedibusDriver(MedibusOptions()).feed(order(code, "24" if code == "J" else ""), 0)
    assert (heard.send, heard.good) == (said, 1)


def test_a_damaged_command_is_answered_by_nak():
    heard = MedibusDriver(MedibusOptions()).feed(b"\x1b000\r", 0)
    assert heard.send == bytes.fromhex("011531360d")
    assert [bad.reason for bad in heard.bad] == ["bad_checksum"]


def test_a_device_that_begins_anew_is_asked_who_it_is_again():
    device = Device()
    device.say(alarm("4B"))
    device.run(5_000)
    restarted = device.now
    assert device.say(order("Q")).send.startswith(answer("Q"))
    device.run(4_000)
    assert "R*'" in device.codes(since=restarted)


def test_a_device_that_calls_us_all_the_time_is_still_read():
    device = Device()
    device.run(1_000)
    for _ in range(20):
        device.say(order("Q"))
        device.run(500)
    assert sum("hr" in seen.values for seen in device.seen) >= 5


def test_calls_of_the_device_do_not_pile_up_questions():
    device = Device()
    device.run(3_000)
    for _ in range(50):
        device.say(order("Q"))
    device.asked.clear()
    device.run(5_000)
    assert device.codes().count("R") <= 2


def test_a_device_that_ends_the_conversation_is_called_again_after_a_while():
    device = Device()
    device.run(3_000)
    ended = device.now
    device._inbox.clear()
    device.say(order("U"))
    device.asked.clear()
    device.run(2_000)
    assert device.codes(since=ended) == ""
    device.run(4_000)
    assert device.codes(since=ended).startswith("QR")


def test_a_changed_clock_is_asked_for():
    device = Device()
    device.replies["("] = answer("(", "09:33:0007-OCT-14")
    device.run(1_200)
    changed = device.now
    device.say(order("I"))
    device.run(500)
    assert "(" in device.codes(since=changed)[:3]
    assert "2014-10-07T09:33:00" in [seen.device_time for seen in device.seen]


def test_curves_are_ordered_enabled_and_read():
    device = Device(waves=["flow", "co2"])
    device.replies["S"] = offer(
        ("00", 16000, -50, 150, "FFF"), ("01", 16000, -180, 180, "FFF"), ("07", 16000, 0, 10, "FFF")
    )
    device.run(3_000)
    assert order("T", "01010701") in device.sent
    assert bytes.fromhex("d0c1c3c0c0") in device.sent
    device.seen.clear()
    device.say(record(1365, 4095) * 33)
    (seen,) = [seen for seen in device.seen if seen.waves]
    assert seen.waves["01"].samples == (-60.0,) * 32
    assert seen.waves["co2_w"].samples == (75.0062,) * 32


def test_curves_are_not_asked_for_unless_they_are_wanted():
    device = Device()
    device.replies["S"] = PAW_FLOW
    device.run(5_000)
    assert not set("ST") & set(device.codes())
    assert max(device.sent) < 0x80


def test_curves_that_stay_away_are_asked_for_again():
    device = Device(waves=["paw"])
    device.replies["S"] = PAW_FLOW
    device.run(40_000)
    assert device.codes().count("S") == 2


def test_curves_that_come_are_not_asked_for_again():
    device = Device(waves=["paw"])
    device.replies["S"] = PAW_FLOW
    for _ in range(50):
        device.run(1_000)
        device.say(record(1) * 63)
    assert device.codes().count("S") == 1


def test_a_device_whose_curves_changed_is_told_to_stop_them_and_asked_anew():
    device = Device(waves=["paw"])
    device.replies["S"] = PAW_FLOW
    device.run(3_000)
    changed = device.now
    heard = device.say(order("V"))
    assert heard.send.startswith(bytes.fromhex("d0c1c0c0c0") + answer("V"))
    device.seen.clear()
    device.say(record(4095) * 40)
    assert not [seen for seen in device.seen if seen.waves]
    device.run(1_000)
    assert "ST" in device.codes(since=changed)
    device.say(record(4095) * 40)
    assert [seen for seen in device.seen if seen.waves]


def test_a_recording_is_only_listened_to(session):
    driver = MedibusDriver(MedibusOptions())
    assert driver.feed(session, 0).send == answer("0")  # to the command the recording holds
    assert driver.tick(60_000) == b""
    assert driver.finish(60_000).send == b""


def test_goodbye_is_said():
    device = Device()
    device.run(1_000)
    assert device.driver.finish(device.now).send == order("U")


@pytest.mark.parametrize(
    "options", [{"poll": "100ms"}, {"poll": "10s"}, {"waves": ["paw", "paw"]}, {"ambient_mbar": 9}]
)
def test_options_that_cannot_work_are_refused(options):
    with pytest.raises(Exception, match=next(iter(options))):
        build("medibus", options)


def test_every_code_has_the_number_of_the_sheet():
    assert {code.name: f"{code:02X}" for code in (Code.ICC, Code.DEVICE_ID, Code.STOP, Code.RT_CONFIG_CHANGED)} == {
        "ICC": "51",
        "DEVICE_ID": "52",
        "STOP": "55",
        "RT_CONFIG_CHANGED": "56",
    }


@pytest.fixture(scope="module")
def session():
    """What an X device says in two seconds: a little of everything, with a command inside a reply."""
    data = cp1(DC=185, EB=" 97", E6=38, **{"96": 120, "8C": 75, "92": 3})
    return (
        answer("Q")
        + answer("R", X)
        + text(T06="Mode SIMV", T22="mmHg")
        + PAW_FLOW
        + alarm("4B")
        + b"".join(record(n, 2 * n, head=b"\xc6\xc1") for n in range(20))
        + data[:9]
        + order("0")
        + record(5, 6)
        + data[9:]
        + answer("'")
        + answer("(", " 9:33 7-OCT-14")
        + b"".join(record(n, 2 * n) for n in range(20))
        + cp1(DC=72, EB="")
        + answer(")", "01 40  0B 5.0 ")
    )
