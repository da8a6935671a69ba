"""Waves of the bedside: they follow the heart and the breath of the patient, through every episode."""

from itertools import pairwise

import pytest

from firmware_sim import waves
from firmware_sim.bedside import Bedside
from firmware_sim.episode import Schedule, find_episode
from firmware_sim.patient import Patient

RATE_HZ = 100


def samples(name, *, seconds=60, start_s=10, episode=None, **held):
    schedule = Schedule(((0, find_episode(episode)),)) if episode else None
    bedside = Bedside(Patient(5, held=held, schedule=schedule))
    return [bedside.wave(name, start_s * 1_000 + index * 1_000 / RATE_HZ) for index in range(seconds * RATE_HZ)]


def cycles(wave):
    """How often the wave rises through the middle of its range."""
    middle = (max(wave) + min(wave)) / 2
    return sum(1 for before, now in pairwise(wave) if before < middle <= now)


@pytest.mark.parametrize("name", ["ecg_ii", "pleth", "abp_w"])
@pytest.mark.parametrize("hr", [40.0, 72.0, 128.0, 185.0])
def test_wave_of_the_heart_beats_as_often_as_the_heart(name, hr):
    assert cycles(samples(name, hr=hr)) == pytest.approx(hr, abs=1)


@pytest.mark.parametrize("name", ["resp", "co2_w"])
@pytest.mark.parametrize("rr", [6.0, 15.0, 32.0])
def test_wave_of_the_breath_comes_as_often_as_the_breath(name, rr):
    assert cycles(samples(name, rr=rr)) == pytest.approx(rr, abs=1)


def test_arterial_wave_runs_between_the_two_pressures():
    wave = samples("abp_w", nibp_sys=150.0, nibp_dia=80.0)
    assert (max(wave), min(wave)) == (pytest.approx(150, abs=1), pytest.approx(80, abs=1))


def test_co2_reaches_the_end_tidal_number_and_returns_to_none():
    wave = samples("co2_w", etco2=41.0)
    assert (max(wave), min(wave)) == (pytest.approx(41, abs=1), pytest.approx(0, abs=0.1))


def test_pulse_wave_grows_with_perfusion():
    strong, weak = samples("pleth", pi=4.0), samples("pleth", pi=0.4)
    assert max(strong) > 5 * max(weak)


def test_pulse_comes_after_the_beat_of_the_ecg():
    ecg, pleth = samples("ecg_ii", seconds=1, hr=60.0), samples("pleth", seconds=1, hr=60.0)
    behind = (pleth.index(max(pleth)) - ecg.index(max(ecg))) % RATE_HZ
    assert 5 <= behind <= 40


def test_heart_that_stands_still_draws_flat_lines():
    for name in ("ecg_ii", "pleth", "abp_w"):
        wave = samples(name, start_s=30, seconds=20, episode="asystole")
        assert max(wave) - min(wave) < 2


def test_ventricular_tachycardia_is_wide_and_fast():
    wide = samples("ecg_ii", start_s=5, seconds=30, episode="ventricular-tachycardia")
    normal = samples("ecg_ii", seconds=30, hr=192.0)
    assert cycles(wide) == pytest.approx(96, abs=4)
    high = [sum(1 for value in wave if value > max(wave) / 2) / len(wave) for wave in (wide, normal)]
    assert high[0] > 2 * high[1]


def test_breath_that_stops_stops_its_waves():
    moving, still = (samples("resp", start_s=start_s, seconds=10, episode="apnoea") for start_s in (0, 40))
    assert max(moving) - min(moving) > 0.5
    assert max(still) - min(still) < 0.01
    assert set(samples("co2_w", start_s=40, seconds=10, episode="apnoea")) == {0.0}


@pytest.mark.parametrize(
    ("name", "episode"),
    [
        ("ecg_ii", "lead-off"),
        ("resp", "lead-off"),
        ("pleth", "probe-off"),
        ("pleth", "unplugged"),
        ("co2_w", "occlusion"),
    ],
)
def test_sensor_that_is_off_draws_nothing(name, episode):
    assert set(samples(name, start_s=10, seconds=10, episode=episode)) == {None}


@pytest.mark.parametrize("name", ["ecg_ii", "resp", "pleth"])
def test_movement_shows_in_the_waves_of_the_skin(name):
    clean, shaken = samples(name, start_s=4, seconds=10), samples(name, start_s=4, seconds=10, episode="motion")
    assert sum(abs(a - b) for a, b in zip(clean, shaken, strict=True)) / len(clean) > 0.05


def test_waves_do_not_depend_on_what_else_is_asked():
    alone = samples("ecg_ii", seconds=5)
    bedside = Bedside(Patient(5))
    asked = []
    for index in range(5 * RATE_HZ):
        t_ms = 10_000 + index * 1_000 / RATE_HZ
        bedside.wave("resp", t_ms)
        asked.append(bedside.wave("ecg_ii", t_ms))
    assert asked == alone


def test_beat_of_the_ventricles_is_as_wide_at_every_rate():
    widths_s = []
    for hr in (60.0, 120.0, 180.0):
        beat = [waves.ecg(phase / 1_000, hr) for phase in range(1_000)]
        widths_s.append(sum(1 for value in beat if value > 0.55) / 1_000 * 60 / hr)
    assert widths_s == [pytest.approx(widths_s[0], rel=0.1)] * 3
