"""Detection: each driver recognises its own recordings, and no driver those of another."""

import json
import random
from pathlib import Path

import pytest

from edge_agent.detection import Detection, candidates, families
from edge_agent.drivers import nonin
from edge_agent.drivers.registry import find, names

DRIVERS = Path(__file__).parents[2] / "edge_agent" / "drivers"
CAPTURES = sorted(DRIVERS.glob("*/captures/*.bin"))
LATE = (0, 17)  # bytes we came too late for
# Recordings that are made of damage, or too short to be told from it.
LEAST_BYTES = 600


def heard(data, piece=64):
    detection = Detection(candidates(find(name) for name in names()))
    for at in range(0, len(data), piece):
        detection.feed(data[at : at + piece], at)
    return [verdict for verdict in detection.verdicts() if verdict.recognised]


def long_enough(capture):
    """The recording, again and again: a device does not stop after a few frames."""
    data = capture.read_bytes()
    return data * (1 + LEAST_BYTES // len(data))


@pytest.mark.parametrize("late", LATE)
@pytest.mark.parametrize("capture", CAPTURES, ids=[f"{path.parts[-3]}-{path.stem}" for path in CAPTURES])
def test_nobody_takes_the_recording_of_another_device_for_its_own(capture, late):
    owner = capture.parts[-3].replace("_", "-")
    best = heard(long_enough(capture)[late:])[:1]
    assert {verdict.candidate.plugin.name for verdict in best} <= {owner}


CLEAN = [
    path
    for path in CAPTURES
    if not any(word in path.stem for word in ("late", "byte-lost", "digits-lost", "bad", "flipped"))
]


@pytest.mark.parametrize("capture", CLEAN, ids=[f"{path.parts[-3]}-{path.stem}" for path in CLEAN])
def test_a_clean_recording_is_recognised_with_the_options_it_needs(capture):
    best = heard(long_enough(capture))[0]
    needed = capture.with_suffix(".options.json")
    options = json.loads(needed.read_text()) if needed.exists() else {}
    assert best.candidate.plugin.name == capture.parts[-3].replace("_", "-")
    assert dict(best.candidate.chosen) == options
    assert best.says


def test_each_driver_on_a_serial_line_has_a_clean_recording_to_be_recognised_by():
    own = {name for name in names() if find(name).serial}
    assert {path.parts[-3].replace("_", "-") for path in CLEAN} == own


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_nobody(seed):
    assert heard(random.Random(seed).randbytes(3_000)) == []


def test_silence_is_nobody():
    assert heard(b"") == []


def test_every_form_of_a_device_is_listened_for_with_the_preset_first():
    chosen = [dict(candidate.chosen) for candidate in candidates([nonin.driver])]
    assert chosen[0] == {}
    assert {"format": "df8"} in chosen
    assert len(chosen) == 7


def test_drivers_are_grouped_by_what_a_port_must_be_set_to_and_datagrams_have_none():
    found = families([find(name) for name in names()])
    assert nonin.driver in next(family for line, family in found.items() if (line.baud, line.parity) == (9600, "N"))
    assert "intellivue-udp" not in {plugin.name for family in found.values() for plugin in family}
    assert {line.dtr for line in found} == {False}
