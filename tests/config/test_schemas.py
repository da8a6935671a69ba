"""The JSON Schemas editors use are those of the code, and every document we ship fits its own."""

import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from wardline.schemas import DOCUMENTS, main, schema_text

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "config/schema"
SHIPPED = [
    ("edge", ROOT / "config/edge.example.yaml"),
    ("edge", ROOT / "config/compose/edge.yaml"),
    ("hub", ROOT / "config/hub.example.yaml"),
    ("hub", ROOT / "config/compose/hub.yaml"),
    ("pagers", ROOT / "config/pagers.example.yaml"),
    *(
        ("scenarios" if "scenarios" in path.name else "rules", path)
        for path in sorted((ROOT / "rules/sets").glob("*.yaml"))
    ),
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_schema_is_that_of_the_code(name):
    assert (FOLDER / f"{name}.schema.json").read_text() == schema_text(name), "run: make schema"


def test_there_is_no_schema_of_a_document_that_is_gone():
    assert {path.name for path in FOLDER.iterdir()} == {f"{name}.schema.json" for name in DOCUMENTS}


def test_the_descriptions_are_written_where_one_says(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["schemas", str(tmp_path)])
    assert main() == 0
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        assert path.read_bytes() == (ROOT / path.relative_to(tmp_path)).read_bytes()


@pytest.mark.parametrize(("name", "path"), SHIPPED, ids=lambda value: getattr(value, "name", value))
def test_a_document_we_ship_fits_its_schema(name, path):
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(("name", "path"), SHIPPED, ids=lambda value: getattr(value, "name", value))
def test_a_typing_error_does_not_fit(name, path):
    schema = json.loads((FOLDER / f"{name}.schema.json").read_text())
    document = yaml.safe_load(path.read_text()) | {"colour": "blue"}
    assert not jsonschema.Draft202012Validator(schema).is_valid(document)
