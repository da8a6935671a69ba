"""A driver is a folder: its README, sample, captures and quality list agree with the code."""

import json
from importlib.metadata import entry_points
from pathlib import Path

import msgspec
import pytest
import yaml

from edge_agent.drivers.registry import GROUP, build, find
from vitals.document import read_document

DRIVERS = Path(__file__).parents[2] / "edge_agent" / "drivers"
OWN = "edge_agent.drivers."
FOLDERS = sorted(path.parent for path in DRIVERS.glob("*/quality.yaml"))
CAPTURES = sorted(DRIVERS.glob("*/captures/*.bin"))

by_folder = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    done: bool
    why: str


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    items: list[Item]


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
    items = read_document((folder / "quality.yaml").read_text(), "quality.yaml", Quality).items
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
