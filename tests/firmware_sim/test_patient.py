"""The patient: repeatable, within a body's bounds, quiet unless an episode says otherwise."""

import hashlib
import os
import statistics
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_sim.episode import Schedule, find_episode, shipped_episodes
from firmware_sim.monitors.monitor import Options
from firmware_sim.monitors.registry import KINDS
from firmware_sim.monitors.talking import TALKING
from firmware_sim.patient import BOUNDS, CUFF_INTERVAL_MS, Patient

ROOT = Path(__file__).parents[2]
WIDEST = (BOUNDS["nibp_dia"][0], BOUNDS["nibp_sys"][1])
ARTERY = dict.fromkeys(("abp_sys", "abp_dia", "abp_mean"), (15.0, WIDEST[1]))  # 15: what stays without a beat
BODY = {**BOUNDS, **ARTERY, "pr": BOUNDS["hr"], "nibp_mean": WIDEST}

# A change here changes what every seed means: fine when the model is meant to change, never by accident.
DIGESTS = {
    "nonin-df1": "cdbc89ced9ff32544a5626bf389252cd915605f454f6aaa91b02c19840a38b8a",
    "nonin-df2": "72ec4da8abc1f4550b5300cdb66300b4a0c2b7bf853278e03bbaa182de8f737d",
    "nonin-df7": "9fa390a15f4819fd7207bc410ace5a167815a79e8a25e3f13f24573dfa920a58",
    "nonin-df8": "d4cd1883d54783b35b29f8a7b2506afa4755bb6ad278ace88f2abd3e7e275085",
    "nonin-df13": "82e4bff420abb5ce13b8b91b29dab5c47783d904de51183a16225eb12a07ac5f",
    "nonin-ascii": "4d4c455cb6f0699691cf67d730e1bc112c3f3e1350514ceac8a202bf6a5fb391",
    "contec-cms50-5byte": "15ebdecffbc8b31110c0a7ea3530d71efb4c29e053afc15eb3aee00b3fbb2519",
    "contec-cms50-9byte": "093de2944bcab867c58a36e4b0a5ea509d8be14b0a570f5e6d98eb45f7696119",
    "masimo-ascii1": "ee59ab248ecfc70a053492db1d93e91a8a646f138fcfd460f567e190775e782a",
    "nellcor-ascii": "04301d85357910bbc3d8b5abf866278c195dca853b8869660e67a9b0f60f4cf4",
    "ivy450c": "1ebf4c4d20d161ed05e2dfb0773ad3f751b9e2c26251d8cd11098cbfe1c34839",
    "json-line": "5589d5e1f5b2054668529e42d054999fe2557d0d5600d982dfa59e5f19aaa3e0",
    "hobby-json": "8f00b690f6dbccadc324f402c2514e844b148849afc4f3a81134c8968afcf40b",
    "hobby-json-snake": "5541e4905e09f1936e7bc8f95d87553edeb521e43f0c0d72e64e2115e4aa2156",
    "hobby-csv": "9775bd08c6b9b9b8499c155a81688d0e0a3b652452b4a2820981897685a181e6",
    "hobby-key-value": "8b4ffddaca612447ee12410cc84d7b740ab85873a22b3e4851ae29b2a510684a",
    "sparkfun-spo2": "a970019dc861eebd88ad0ef7f49bbcf2de322f43ab05e7ac7cd8fa2c6003c7c2",
    "sparkfun-bpm": "1e7310a1a3d4187b9269fdd1521ebce15d65f7b2cbb6406f3ac6a80defa05619",
    "max30100lib": "0a127062a172186433527b22816065ecd34a063d3ba3f753f235d8fa3c5ce1cc",
    "ad8232": "37b0bc2df8599ef958a54bec61c28121f995cc1b5e664a0826eb0528b9131b3b",
}


WAKE = {"contec-cms50-9byte": bytes.fromhex("7D81A1808080808080")}  # silent until it is told to start
UNASKED = [kind for kind in KINDS if kind not in TALKING]


def digest(kind, seed, seconds=60):
    monitor = kind.make(Patient(seed), Options(seed=seed))
    monitor.receive(WAKE.get(kind.name, b""))
    return hashlib.sha256(monitor.step(seconds * 1_000)).hexdigest()


@pytest.mark.parametrize("kind", UNASKED, ids=lambda kind: kind.name)
def test_bytes_of_a_seed_are_the_ones_they_always_were(kind):
    assert digest(kind, 7) == DIGESTS[kind.name]


@pytest.mark.parametrize("kind", UNASKED, ids=lambda kind: kind.name)
def test_another_seed_is_another_patient(kind):
    assert digest(kind, 7) != digest(kind, 8)


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_bytes_are_the_same_in_another_process(hash_seed):
    program = (
        "import hashlib; from firmware_sim.patient import Patient; from firmware_sim.monitors.registry import *;"
        "from firmware_sim.monitors.monitor import Options; kind = find_kind('json-line');"
        "print(hashlib.sha256(kind.make(Patient(7), Options(seed=7)).step(60000)).hexdigest())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    assert answer.stdout.strip() == DIGESTS["json-line"]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(-(2**40), 2**40),
    episode=st.sampled_from(sorted(shipped_episodes())),
    start_s=st.integers(0, 100),
)
def test_no_seed_and_no_episode_leaves_the_bounds_of_a_body(seed, episode, start_s):
    patient = Patient(seed, schedule=Schedule(((start_s * 1_000, find_episode(episode)),)))
    for t_ms in range(0, 400_000, 2_000):
        for name, value in patient.at(t_ms).values.items():
            low, high = BODY[name]
            assert low <= value <= high, name


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_quiet_patient_has_nothing_to_alarm_about(seed):
    patient = Patient(seed)
    for t_ms in range(0, 600_000, 2_000):
        values = patient.at(t_ms).values
        assert 50 < values["hr"] < 100
        assert 9 <= values["rr"] <= 21
        assert 94 <= values["spo2"] <= 100
        assert 95 < values["nibp_sys"] < 160
        assert values["nibp_dia"] < values["nibp_mean"] < values["nibp_sys"]
        assert 36.0 <= values["temp"] <= 37.6
        assert 32 <= values["etco2"] <= 46
        assert values["abp_dia"] < values["abp_mean"] < values["abp_sys"] < 160


def test_patient_moves():
    patient = Patient(3)
    rates = {patient.at(t_ms).values["hr"] for t_ms in range(0, 120_000, 1_000)}
    assert len(rates) > 3


def test_signs_do_not_depend_on_how_often_one_asks():
    often, seldom = Patient(4), Patient(4)
    for t_ms in range(0, 60_000, 40):
        often.at(t_ms)
    assert often.at(60_000) == seldom.at(60_000)


def test_held_numbers_stand_still():
    patient = Patient(5, held={"hr": 185.0, "spo2": 92.0})
    for t_ms in range(0, 60_000, 500):
        values = patient.at(t_ms).values
        assert (values["hr"], values["pr"], values["spo2"]) == (185.0, 185.0, 92.0)


def test_cuff_pressure_stands_until_the_next_inflation():
    patient = Patient(6)
    pressures = [patient.at(t_ms).values["nibp_sys"] for t_ms in range(0, 10 * CUFF_INTERVAL_MS, 10_000)]
    changes = [index for index, (a, b) in enumerate(pairwise(pressures), 1) if a != b]
    assert changes
    assert all(index * 10_000 % CUFF_INTERVAL_MS == 0 for index in changes)


def test_heart_breath_and_pressure_move_together():
    patients = (Patient(seed) for seed in range(30))
    moved = [(patient.at(0).values, patient.at(600_000).values) for patient in patients]
    rates = [after["hr"] - before["hr"] for before, after in moved]
    pressures = [after["abp_sys"] - before["abp_sys"] for before, after in moved]
    breaths = [after["rr"] - before["rr"] for before, after in moved]
    assert statistics.correlation(rates, pressures) > 0.25
    assert statistics.correlation(rates, breaths) > 0.25


def test_slower_breathing_leaves_more_co2_and_none_leaves_no_number():
    calm, slow, still = (Patient(8, held={"rr": rr}).at(10_000).values.get("etco2") for rr in (16.0, 6.0, 2.0))
    assert slow > calm + 5
    assert still is None


def test_arterial_pressure_moves_between_two_cuffs():
    patient = Patient(9)
    values = [patient.at(t_ms).values for t_ms in range(0, CUFF_INTERVAL_MS, 1_000)]
    assert len({entry["abp_sys"] for entry in values}) > 2
    assert len({entry["nibp_sys"] for entry in values}) == 1
