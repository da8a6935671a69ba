"""The Ivy encoder against frames of a real capture, and its behaviour over time."""

import pytest

from firmware_sim.episode import Schedule, find_episode
from firmware_sim.monitors.ivy450c import HEAD, Ivy450c, Text, encode, encode_sample
from firmware_sim.monitors.monitor import Options
from firmware_sim.patient import Patient

KEYS = ["HR", "RR", "ETCO2", "SPO2", "NIBP", "P1", "P2", "T1", "T2"]
SAMPLES = 400


def texts_of(frame):
    """The lines of a frame as they were put in."""
    texts = []
    for line in frame[len(HEAD) + SAMPLES : -1].decode("ascii").split("\r")[:-1]:
        head, *fields = line.split(";")
        key, _, count = head.partition("=")
        numbers = tuple(float(field) if field else None for field in fields[: int(count)])
        texts.append(Text(key=key, numbers=numbers, label=fields[int(count)], alarm=fields[int(count) + 1]))
    return texts


def frames(data):
    """Each frame of clean bytes: its samples, and its lines by key."""
    parts = data.split(b"\xfe")[:-1]
    assert all(part.startswith(HEAD) for part in parts)
    return [
        (part[len(HEAD) : len(HEAD) + SAMPLES], {text.key: text for text in texts_of(part + b"\xfe")}) for part in parts
    ]


@pytest.fixture
def frame(bed, signs):
    """The last frame of so many seconds."""

    def run(*states, seconds=2, **values):
        return frames(Ivy450c(bed((0, signs(*states, **values))), Options()).step(seconds * 1_000))[-1]

    return run


@pytest.mark.parametrize("name", ["capture-frame-00", "capture-frame-08", "all-values-185", "line-missing"])
def test_frame_is_the_vector_byte_for_byte(vectors, name):
    data = bytes.fromhex(vectors("ivy450c", "frame")[name]["hex"])
    assert encode(data[len(HEAD) : len(HEAD) + SAMPLES], texts_of(data)) == data


def test_one_frame_leaves_each_second_with_its_lines_in_order():
    found = frames(Ivy450c(Patient(3), Options()).step(10_000))
    assert len(found) == 10
    assert all(list(texts) == KEYS for _, texts in found)
    assert all(len(samples) == SAMPLES and max(samples) < 0xFE for samples, _ in found)


def test_numbers_are_those_of_the_patient(frame):
    _, texts = frame(hr=185.0, pr=184.0, rr=16.0, etco2=38.0, abp_sys=245.0, abp_dia=130.0, abp_mean=168.0)
    assert texts["HR"].numbers == (185.0,)
    assert texts["RR"].numbers == (16.0,)
    assert texts["ETCO2"].numbers == (38.0,)
    assert texts["SPO2"] == Text(key="SPO2", numbers=(97.0,), label="PR=184 ")
    assert texts["P1"].numbers == (245.0, 130.0, 168.0)
    assert texts["T1"].numbers == (36.8,)


def test_what_is_not_measured_is_an_empty_field_and_never_zero(frame):
    _, texts = frame(*(), **dict.fromkeys(("hr", "pr", "spo2", "rr", "pi", "temp")))
    assert all(number is None for text in texts.values() for number in text.numbers)
    assert texts["P1"].label == texts["P2"].label == "NO TRANSDUCER"


@pytest.mark.parametrize(
    ("states", "key", "alarm"),
    [
        (("lead_off",), "HR", "LEAD OFF"),
        (("asystole",), "HR", "ASYSTOLE"),
        (("sensor_off",), "SPO2", "SENSOR OFF"),
        (("cuff_leak",), "NIBP", "CUFF LEAK"),
        (("occlusion",), "ETCO2", "LINE BLOCKED"),
        (("artifact",), "HR", ""),
    ],
)
def test_states_are_alarm_texts(frame, states, key, alarm):
    _, texts = frame(*states)
    assert texts[key].alarm == alarm
    assert all(text.alarm == "" for other, text in texts.items() if other != key)


def test_apnoea_is_told_after_twenty_seconds_without_a_breath_and_the_label_is_always_there(frame):
    before, after = frame(rr=1.0, seconds=19)[1]["RR"], frame(rr=1.0, seconds=21)[1]["RR"]
    assert (before.label, before.alarm) == ("APNEA: 20 SEC", "")
    assert (after.label, after.alarm, after.numbers) == ("APNEA: 20 SEC", "APNEA", (None,))


def test_pulse_of_a_cuff_measurement_stands_as_long_as_the_measurement():
    patient = Patient(3, schedule=Schedule(((0, find_episode("tachycardia")),)))
    found = [texts["NIBP"].numbers for _, texts in frames(Ivy450c(patient, Options()).step(110_000))]
    assert len(set(found)) == 1
    assert None not in found[0]


def test_arterial_wave_is_the_pressure_itself(frame):
    samples, _ = frame(abp_sys=131.0, abp_dia=71.0, abp_mean=91.0, hr=60.0)
    assert (min(samples[300:350]), max(samples[300:350])) == (pytest.approx(71, abs=1), pytest.approx(131, abs=2))


@pytest.mark.parametrize(
    ("state", "part"), [("lead_off", slice(0, 250)), ("sensor_off", slice(250, 300)), ("artifact", slice(300, 400))]
)
def test_sensor_that_is_not_there_draws_the_flat_line(frame, state, part):
    samples, _ = frame(state)
    assert set(samples[part]) == {0xFB}
    assert len(set(frame()[0][:300])) > 50


@pytest.mark.parametrize(("value", "byte"), [(None, 0xFB), (0.0, 100), (1.0, 150), (-9.0, 0), (9.0, 0xFD)])
def test_samples_never_look_like_framing(value, byte):
    assert encode_sample(value, 100, 50) == byte
