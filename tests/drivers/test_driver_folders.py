"""A driver is a folder: its README, sample, captures and quality list agree with the code."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import pytest
import yaml

from edge_agent.drivers.registry import GROUP, build, find
from vitals.parameters import PARAMETERS
from vitals.vocabulary import DEVICE_STATES
from wardline.devices_page import PAGE, devices_page, read_quality

DRIVERS = Path(__file__).parents[2] / "edge_agent" / "drivers"
OWN = "edge_agent.drivers."
FOLDERS = sorted(path.parent for path in DRIVERS.glob("*/quality.yaml"))
CAPTURES = sorted(DRIVERS.glob("*/captures/*.bin"))

by_folder = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


def name_of(folder):
    return folder.name.replace("_", "-")


def test_every_driver_of_ours_has_its_folder():
    values = [point.value for point in entry_points(group=GROUP)]
    ours = {value.split(":")[0].removeprefix(OWN) for value in values if value.startswith(OWN)}
    assert {folder.name for folder in FOLDERS} == ours


@by_folder
def test_the_sample_settings_build_the_driver(folder):
    (sample,) = yaml.safe_load((folder / "sample.yaml").read_text())
    assert sample["driver"] == name_of(folder)
    assert sample["id"]
    assert sample["serial"]["path"].startswith("/dev/serial/by-id/")
    build(sample["driver"], sample["options"])


@by_folder
def test_the_readme_names_every_option(folder):
    readme = (folder / "README.md").read_text()
    for option in find(name_of(folder)).options.__struct_fields__:
        assert f"`{option}`" in readme
    assert "never the primary alarm" in readme


@by_folder
def test_the_quality_list_answers_every_question(folder):
    items = read_quality(folder).items
    asked = "examples splits noise damage rates missing readme sample captures hardware".split()
    assert [item.id for item in items] == asked
    assert all(item.why for item in items)


@pytest.mark.parametrize("capture", CAPTURES, ids=[f"{path.parts[-3]}-{path.stem}" for path in CAPTURES])
def test_a_capture_is_read_as_expected(capture, listen):
    expected = [json.loads(line) for line in capture.with_suffix(".expected.jsonl").read_text().splitlines()]
    chosen = capture.with_suffix(".options.json")  # where the driver cannot tell by itself what it hears
    options = json.loads(chosen.read_text()) if chosen.exists() else {}
    heard = listen(name_of(capture.parents[1]), capture.read_bytes(), size=61, **options)
    got = [
        {
            "values": dict(seen.values),
            "missing": dict(seen.missing),
            "flags": list(seen.flags),
            "waves": {name: list(wave.samples) for name, wave in seen.waves.items()},
        }
        for seen in heard.observations
    ]
    assert got == expected
    assert got


def test_each_driver_has_captures():
    assert {path.parts[-3] for path in CAPTURES} == {folder.name for folder in FOLDERS}


@by_folder
def test_what_the_recordings_and_examples_tell_is_declared(folder):
    quality = read_quality(folder)
    assert set(quality.parameters) <= set(PARAMETERS)
    assert set(quality.states) <= DEVICE_STATES
    told = [json.loads(line) for file in folder.glob("captures/*.jsonl") for line in file.read_text().splitlines()]
    vectors = json.loads((Path(__file__).parent / "vectors" / f"{name_of(folder)}.json").read_text())
    told += [event for vector in vectors for event in vector["expect"]]
    for event in told:
        assert {*event.get("values", {}), *event.get("missing", {})} <= set(quality.parameters)
        assert set(event.get("waves", {})) <= set(quality.waves)
        assert set(event.get("flags", ())) <= set(quality.states)


@by_folder
def test_evidence_is_not_only_our_own(folder):
    assert {item.kind for item in read_quality(folder).evidence} - {"constructed"}


def test_the_page_of_devices_is_up_to_date():
    assert (DRIVERS.parents[1] / PAGE).read_text() == devices_page(), "run `make schema`"
