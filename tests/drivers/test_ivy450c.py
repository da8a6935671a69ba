"""Ivy 450C: whole frames become observations, the cuff pressure is told once, anything else is counted."""

import json
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.ivy450c import IvyDriver, IvyOptions
from edge_agent.drivers.ivy450c.decoder import Frame, FrameDecoder
from edge_agent.drivers.ivy450c.readings import observe
from edge_agent.drivers.registry import build
from vitals.errors import UsageError
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES, MISSING_REASONS

VECTORS = json.loads((Path(__file__).parent / "vectors" / "ivy450c.json").read_text())
FLAT = b"\xfb" * 50
LINES = {
    "HR": "1;80;ECG-II-DIAG;",
    "RR": "1;16;APNEA: 20 SEC;",
    "ETCO2": "1;38;;",
    "SPO2": "1;97;PR=81 ;",
    "NIBP": "4;121;75;92;80;;",
    "P1": "3;111;73;88;;",
    "P2": "3;;;;NO TRANSDUCER;",
    "T1": "1;36.8;;",
    "T2": "1;33.1;;",
}
PERIODIC = {"hr", "rr", "etco2", "spo2", "pr", "abp_sys", "abp_dia", "abp_mean", "temp"}
CUFF = {"nibp_sys", "nibp_dia", "nibp_mean"}


def frame(*, ecg=bytes([100] * 200), p1=bytes([85] * 50), p2=FLAT, **lines):
    """A frame as the sheet says; lines are given as what stands behind the `=`."""
    text = "".join(f"{name}={lines.get(name, usual)}\r" for name, usual in LINES.items())
    waves = ecg + bytes(range(50)) + bytes([90] * 50) + p1 + p2
    return b"\xffANSAR-B " + waves + text.encode("latin-1") + b"\xfe"


def rate(pr):
    return frame(HR=f"1;{pr};ECG-II-MON;")


@pytest.fixture
def whole():
    """Everything a frame says, the cuff pressure included."""

    def read(data, **options):
        (found,) = FrameDecoder().feed(data)
        assert isinstance(found, Frame)
        return observe(found, IvyOptions(**options))

    return read


@pytest.fixture
def rates(listen):
    """The heart rates in a stream."""

    def read(data, **how):
        return [seen.values["hr"] for seen in listen("ivy450c", data, **how).observations if not seen.aperiodic]

    return read


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_the_driver_says_the_same_with_the_cuff_pressure_once_and_apart(vector, listen):
    heard = listen("ivy450c", bytes.fromhex(vector["hex"]))
    periodic = [seen for seen in heard.observations if not seen.aperiodic]
    cuffs = [seen for seen in heard.observations if seen.aperiodic]
    assert len(periodic) == heard.good == len(vector["expect"])
    assert len(cuffs) == (1 if vector["expect"] else 0)
    for seen, expected in zip(periodic, vector["expect"], strict=True):
        assert seen.values == {name: value for name, value in expected["values"].items() if name not in CUFF}
    for seen, expected in zip(cuffs, vector["expect"], strict=False):
        assert seen.values == {name: value for name, value in expected["values"].items() if name in CUFF}
        assert seen.missing == {name: value for name, value in expected["missing"].items() if name in CUFF}


def test_frames_do_not_depend_on_how_the_line_splits_them(listen):
    (vector,) = [vector for vector in VECTORS if vector["name"] == "capture-start-two-frames"]
    short = frame(T2="1;x;;")
    data = bytes.fromhex(vector["hex"]) + short + frame()[:99] + b"\x00\xff\xffANSAR-X" + frame() * 2 + b"\xffANS"
    whole_ = listen("ivy450c", data)
    assert len(whole_.observations) == 4
    assert whole_.reasons() == ["bad_frame", "incomplete", "resync", "resync"]
    for size in (1, 2, 3, 9, 100, 562):
        assert listen("ivy450c", data, size=size) == whole_
    for at in range(1, len(data)):
        driver = IvyDriver(IvyOptions())
        parts = [driver.feed(data[:at], 0), driver.feed(data[at:], 0), driver.finish(0)]
        assert [seen for part in parts for seen in part.observations] == whole_.observations
        assert [bad for part in parts for bad in part.bad] == whole_.bad


@pytest.mark.parametrize("rate", [0, 30, 127, 128, 185, 255, 256, 300, 350])
def test_rate_has_three_digits(rate, whole):
    assert whole(frame(HR=f"1;{rate};ECG-II-MON;")).values["hr"] == rate
    assert whole(frame(SPO2=f"1;97;PR={rate or 1} ;")).values["pr"] == (rate or 1)


def test_the_last_line_is_read(whole):
    assert whole(frame()).device["t2"] == 33.1
    assert whole(frame(), t2="temp_skin").values["temp_skin"] == 33.1


def test_the_setting_of_the_apnea_alarm_is_no_alarm(whole):
    observation = whole(frame())
    assert observation.flags == ()
    assert observation.device["rr_label"] == "APNEA: 20 SEC"


@pytest.mark.parametrize(
    ("lines", "flags"),
    [
        ({"RR": "1;;APNEA: 20 SEC;APNEA"}, ["apnea", "device_alarm"]),
        ({"HR": "1;;ECG-II-MON;LEAD OFF"}, ["device_alarm", "lead_off"]),
        ({"HR": "1;;ECG-II-MON;Check lead"}, ["device_alarm", "lead_off"]),
        ({"HR": "1;190;ECG-II-MON;HIGH RATE"}, ["device_alarm"]),
        ({"P1": "3;;;;;NO TRANSDUCER"}, []),
        ({"P1": "3;;;;NO TRANSDUCER;"}, []),
        ({"T2": "1;33.1;;HIGH"}, ["device_alarm"]),
        ({"RR": "1;16;APNEA: 20 SEC;HIGH"}, ["device_alarm"]),
    ],
)
def test_alarm_texts_are_states(lines, flags, whole):
    observation = whole(frame(**lines))
    assert list(observation.flags) == flags
    ((name, text),) = lines.items()
    assert observation.device[f"{name.lower()}_alarm"] == text.strip(";").split(";")[-1]


@pytest.mark.parametrize("number", ["", "80"])
def test_leads_that_are_off_win_over_a_heart_rate(number, whole):
    observation = whole(frame(HR=f"1;{number};ECG-II-MON;LEADS OFF"))
    assert observation.missing == {"hr": "lead_off"}


def test_empty_fields_are_missing_and_unmapped_inputs_are_not(whole):
    empty = {name: f"{usual[0]}{';' * (int(usual[0]) + 2)}" for name, usual in LINES.items()}
    observation = whole(frame(**empty))
    assert observation.values == {}
    assert observation.missing == dict.fromkeys(PERIODIC | CUFF, "not_measured")
    assert observation.device["p2"] == {"sys": None, "dia": None, "mean": None}
    assert observation.device["t2"] is None
    observation = whole(frame(**empty), p1="none", p2="cvp", t1="none", t2="temp_core")
    assert {"cvp", "temp_core"} <= set(observation.missing)
    assert not {"abp_mean", "temp"} & set(observation.missing)


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ({"SPO2": "1;0;PR=81 ;"}, "spo2"),
        ({"SPO2": "1;97;PR=0 ;"}, "pr"),
        ({"T1": "1;0.0;;"}, "temp"),
        ({"NIBP": "4;0;75;92;80;;"}, "nibp_sys"),
    ],
)
def test_nothing_is_measured_as_zero(lines, name, whole):
    assert whole(frame(**lines)).missing == {name: "out_of_range"}


def test_a_pressure_may_be_zero_or_less_and_a_monitor_without_a_beat_says_so(whole):
    observation = whole(frame(HR="1;0;ECG-II-MON;ASYSTOLE", RR="1;0;;", P1="3;2;-4;0;;"))
    assert observation.missing == {}
    assert [observation.values[name] for name in ("hr", "rr", "abp_sys", "abp_dia", "abp_mean")] == [0, 0, 2, -4, 0]


def test_inputs_are_what_the_settings_say(whole):
    observation = whole(frame(P2="3;14;8;11;;", p2=bytes([11] * 50)), p1="icp", p2="abp", t1="temp_core")
    assert observation.values["icp"] == 88
    assert [observation.values[f"abp_{part}"] for part in ("sys", "dia", "mean")] == [14, 8, 11]
    assert observation.values["temp_core"] == 36.8
    assert "temp" not in observation.values
    assert set(observation.waves["abp_w"].samples) == {11}
    assert set(observation.waves["p1_w"].samples) == {85}


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"p2": "abp"}, "p1 and p2"),
        ({"t2": "temp"}, "t1 and t2"),
        ({"p1": "pap"}, "p1"),
        ({"p3": "cvp"}, "p3"),
        ({"t1": None}, "t1"),
    ],
)
def test_an_option_that_cannot_be_meant_is_named(options, word):
    with pytest.raises(UsageError, match=word):
        build("ivy450c", options)


def test_both_inputs_may_be_left_out():
    build("ivy450c", {"p1": "none", "p2": "none", "t1": "none", "t2": "none"})


def test_traces_that_are_not_connected_are_no_wave(whole):
    assert set(whole(frame()).waves) == {"ecg", "resp", "pleth", "abp_w"}
    assert set(whole(frame(p1=FLAT, ecg=b"\xfb" * 200)).waves) == {"resp", "pleth"}
    assert set(whole(frame(p1=FLAT[1:] + b"\x10", p2=bytes(50))).waves) == {"ecg", "resp", "pleth", "abp_w", "p2_w"}


def test_the_cuff_pressure_is_told_when_it_changes_and_not_before(listen):
    readings = ["4;121;75;92;80;;"] * 5 + ["4;;;;;;"] * 3 + ["4;130;80;97;82;;"] * 5 + ["4;130;80;97;83;;"] * 2
    heard = listen("ivy450c", b"".join(frame(NIBP=reading) for reading in readings), size=50)
    cuffs = [seen for seen in heard.observations if seen.aperiodic]
    assert [seen.values.get("nibp_sys") for seen in cuffs] == [121, None, 130, 130]
    assert cuffs[1].missing == dict.fromkeys(CUFF, "not_measured")
    assert all(set(seen.values) | set(seen.missing) == CUFF for seen in cuffs)
    assert [seen.device["nibp_pulse"] for seen in cuffs] == [80, None, 82, 83]
    assert all(not CUFF & (set(seen.values) | set(seen.missing)) for seen in heard.observations if not seen.aperiodic)
    assert len(heard.observations) == 15 + 4


def test_a_cuff_pressure_from_before_the_line_opened_is_marked_so_and_told_once():
    driver = build("ivy450c", {})
    driver.start(0)
    heard = driver.feed(frame() * 3 + frame(NIBP="4;130;80;97;82;;"), 0)
    cuffs = [seen for seen in heard.observations if seen.aperiodic]
    assert [(seen.values["nibp_sys"], seen.flags) for seen in cuffs] == [(121, ("from_memory",)), (130, ())]
    assert all("from_memory" not in seen.flags for seen in heard.observations if not seen.aperiodic)
    driver.start(10)
    heard = driver.feed(frame(NIBP="4;130;80;97;82;;") * 3, 20)
    assert [seen.aperiodic for seen in heard.observations] == [False, False]


def test_states_stay_beside_a_cuff_pressure(listen):
    heard = listen("ivy450c", frame(HR="1;;ECG-II-MON;LEAD OFF"))
    assert [(seen.aperiodic, seen.flags) for seen in heard.observations] == [
        (True, ("device_alarm", "lead_off")),
        (False, ("device_alarm", "lead_off")),
    ]


@pytest.mark.parametrize(
    "damaged",
    [
        frame(T2="1;33.1;"),
        frame(T2="1;33.1;;;"),
        frame(T2="2;33.1;;"),
        frame(T1="1;51.0;;"),
        frame(T1="1;3.6.8;;"),
        frame(T1="1;-36.8;;"),
        frame(HR="1;351;ECG-II-MON;"),
        frame(HR="1;1850;ECG-II-MON;"),
        frame(HR="1;8 0;ECG-II-MON;"),
        frame(HR="1;8.0;ECG-II-MON;"),
        frame(HR="1;-80;ECG-II-MON;"),
        frame(HR="1;80;ECG-\x01;"),
        frame(HR="1;80;ECG-\xe4;"),
        frame(HR="3;80;ECG-II-MON;"),
        frame(SPO2="1;101;PR=81 ;"),
        frame(SPO2="1;97;PR=8x ;"),
        frame(SPO2="1;97;PR=999 ;"),
        frame(NIBP="4;121;75;92;;"),
        frame(NIBP="4;301;75;92;80;;"),
        frame(P1="3;351;73;88;;"),
        frame(P1="3;-51;73;88;;"),
        frame().replace(b"T2=", b"T3="),
        frame().replace(b"\rRR=", b"RR="),
        frame().replace(b"\r\xfe", b"\xfe"),
        frame().replace(b"\r\xfe", b"\r\r\xfe"),
        frame().replace(b"\r\xfe", b"\rx\xfe"),
        frame(ecg=bytes([100] * 199)),
        frame(ecg=bytes([100] * 201)),
        frame()[:409] + b"\xfe",
        frame()[:400] + b"\xfe",
        b"\xffANSAR-B \xfe",
    ],
)
def test_a_frame_that_does_not_fit_whole_is_counted_and_never_read(damaged, listen):
    heard = listen("ivy450c", damaged)
    assert (heard.observations, heard.good) == ([], 0)
    assert heard.bad == [BadFrame(reason="bad_frame", size=len(damaged))]


def test_after_a_damaged_frame_the_next_one_only_says_that_frames_come_again(rates, listen):
    data = rate(60) + rate(70).replace(b"RR=", b"RX=") + rate(80) + rate(90)
    assert rates(data) == [60, 90]
    assert listen("ivy450c", data).good == 3


@pytest.mark.parametrize("at", range(0, len(frame()), 7))
def test_one_lost_byte_costs_its_frame_and_the_next(at, rates):
    hit = rate(70)
    assert rates(rate(60) + hit[:at] + hit[at + 1 :] + rate(80) + rate(90) + rate(100))[-2:] == [90, 100]


def test_a_frame_that_another_one_interrupts_is_given_up(rates, listen):
    data = rate(60) + rate(70)[:300] + rate(80) + rate(90)
    assert rates(data) == [60, 90]
    assert listen("ivy450c", data).bad == [BadFrame(reason="incomplete", size=300)]


@pytest.mark.parametrize("at", range(1, len(frame()), 5))
def test_a_recording_that_begins_inside_a_frame_is_read_from_the_next(at, rates, listen):
    assert rates(rate(60)[at:] + rate(70) + rate(80)) == [70, 80]
    assert listen("ivy450c", rate(60)[at:] + rate(70)).bad == []


def test_on_a_live_line_the_first_frame_is_not_published():
    driver = build("ivy450c", {})
    driver.feed(rate(50)[:100], 0)
    assert driver.start(10) == b""
    heard = driver.feed(rate(50)[100:] + rate(60) + rate(70), 20)
    assert [seen.values["hr"] for seen in heard.observations if not seen.aperiodic] == [70]
    assert (heard.good, heard.bad) == (2, ())
    assert driver.tick(1_000) == b""


def test_a_frame_is_there_as_soon_as_its_last_byte_is():
    driver = build("ivy450c", {})
    data = frame()
    assert driver.feed(data[:-1], 0).observations == ()
    assert len(driver.feed(data[-1:], 0).observations) == 2


def test_a_frame_cut_by_the_end_is_no_fault(listen):
    assert listen("ivy450c", frame() + frame()[:300]).bad == []


def test_a_frame_may_have_1024_bytes_and_no_more(listen, rates):
    label = "x" * (1024 - len(frame(T2="1;33.1;;")))
    longest = frame(T2=f"1;33.1;{label};")
    assert len(longest) == 1024
    assert len(listen("ivy450c", longest).observations) == 2
    heard = listen("ivy450c", longest.replace(b"\xfe", b"") + b"x" + rate(60) + rate(70))
    assert heard.bad == [BadFrame(reason="bad_length", size=1024)]
    assert heard.observations[-1].values["hr"] == 70


def test_a_header_without_an_end_is_not_kept(listen):
    data = b"\xffANSAR-B " + b"9" * 100_000 + b"\xfe"
    heard = listen("ivy450c", data, size=1000)
    assert heard == listen("ivy450c", data)
    assert sum(bad.size for bad in heard.bad) == len(data)
    assert heard.reasons()[0] == "bad_length"


def test_silence_is_two_and_a_half_seconds():
    assert build("ivy450c", {}).silence_s == 2.5


def test_a_megabyte_of_noise_is_no_reading(listen):
    heard = listen("ivy450c", random.Random(20).randbytes(1_000_000), size=4096)
    assert (heard.observations, heard.good) == ([], 0)
    assert sum(bad.size for bad in heard.bad) == 1_000_000


_pieces = st.lists(
    st.one_of(
        st.sampled_from([frame(), frame()[:409], frame()[409:], b"\xff", b"\xfe", b"\xffANSAR-B ", b"\r", b";", b"="]),
        st.builds(lambda hr, spo2, pr: frame(HR=f"1;{hr};;", SPO2=f"1;{spo2};PR={pr} ;"), *[st.integers(-9, 999)] * 3),
        st.builds(
            lambda p, t: frame(P1=f"3;{p};{p};{p};;", T1=f"1;{t:.1f};;"), st.integers(-999, 999), st.floats(-9, 99)
        ),
        st.builds(lambda text: frame(HR=f"1;80;;{text}"), st.text(st.characters(max_codepoint=255), max_size=30)),
        st.binary(max_size=20),
    ),
    max_size=8,
)


@given(pieces=_pieces, size=st.integers(1, 600), p2=st.sampled_from(["none", "cvp", "icp"]))
@settings(max_examples=200, deadline=None)
def test_no_frame_raises_or_brings_a_value_out_of_range(listen, pieces, size, p2):
    data = b"".join(pieces)
    heard = listen("ivy450c", data, size=size, p2=p2)
    assert heard == listen("ivy450c", data, p2=p2)
    assert_sane(heard)


@given(data=st.binary(max_size=1500), size=st.integers(1, 300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_at_all_raise(listen, data, size):
    heard = listen("ivy450c", data, size=size)
    assert heard == listen("ivy450c", data)
    assert heard.observations == []


def assert_sane(heard):
    for seen in heard.observations:
        assert not set(seen.values) & set(seen.missing)
        assert set(seen.missing.values()) <= MISSING_REASONS
        assert set(seen.flags) <= DEVICE_STATES
        assert all(PARAMETERS[name].plausible(value) for name, value in seen.values.items())


@given(noise=st.binary(max_size=700))
@settings(max_examples=100, deadline=None)
def test_whatever_came_before_it_is_over_within_two_frames(listen, noise):
    heard = listen("ivy450c", noise + rate(60) + rate(70) + rate(80))
    assert [seen.values["hr"] for seen in heard.observations if not seen.aperiodic][-1] == 80
    assert 70 in [seen.values.get("hr") for seen in heard.observations]


def test_ten_minutes_of_a_bad_line_lose_what_was_hit_and_the_frame_after_it(damage, listen):
    """Each frame says its number in its rates and in its waves, so a mixture would be seen."""
    said = [(40 + n % 200, 60 + n % 40, n % 200) for n in range(600)]
    frames = [
        frame(HR=f"1;{hr};ECG-II-MON;", SPO2=f"1;{spo2};PR={hr} ;", ecg=bytes([wave] * 200)) for hr, spo2, wave in said
    ]
    parts = [damage(data, seed=n, rate=3e-4) for n, data in enumerate(frames)]
    heard = listen("ivy450c", b"".join(parts), size=137)
    assert_sane(heard)
    got = [seen for seen in heard.observations if not seen.aperiodic]
    whole_ = {(seen.values.get("hr"), seen.values.get("spo2"), seen.waves["ecg"].samples[100]) for seen in got}
    certain = [n for n in range(1, 600) if parts[n] == frames[n] and parts[n - 1] == frames[n - 1]]
    assert {said[n] for n in certain} <= whole_
    assert len(certain) > 380
    assert len(got) < 600
