"""Documents are strict: every problem at its line, all at once, and a typing error never goes unseen."""

from pathlib import Path
from typing import Annotated, Literal

import jsonschema
import msgspec
import pytest

from vitals.document import json_schema, read_document
from vitals.durations import Duration
from vitals.errors import DocumentError
from vitals.identity import DeviceId


class Limit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    parameter: str
    low: float | None = None
    high: Annotated[float, msgspec.Meta(le=300)] | None = None

    def __post_init__(self) -> None:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError("low must be below high")


class Ward(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    ward: DeviceId
    beds: Annotated[list[str], msgspec.Meta(min_length=1)]
    limits: list[Limit] = []
    hold: Duration = msgspec.field(default_factory=lambda: Duration(15_000))
    folder: Path = msgspec.field(default_factory=lambda: Path("data"))
    mode: Literal["strict", "quiet"] = "strict"
    titles: dict[str, str] = {}
    extra: Limit | None = None
    count: int = 1
    waves: list[str] | Literal["all", "none"] = "none"


GOOD = """\
ward: icu
beds: ["7", "8"]
limits:
  - parameter: hr
    low: 50
    high: 120
hold: 30s
folder: spool
titles:
  "7": window
"""


def problems(text: str) -> list[str]:
    with pytest.raises(DocumentError) as caught:
        read_document(text, "ward.yaml", Ward)
    return str(caught.value).splitlines()


def test_a_good_document_becomes_one_frozen_value():
    ward = read_document(GOOD, "ward.yaml", Ward)
    assert ward == Ward(
        ward="icu",
        beds=["7", "8"],
        limits=[Limit(parameter="hr", low=50.0, high=120.0)],
        hold=Duration(30_000),
        folder=Path("spool"),
        titles={"7": "window"},
    )
    with pytest.raises(AttributeError):
        ward.ward = "other"


def test_every_problem_of_a_document_comes_at_once_with_its_line():
    text = GOOD.replace("high: 120", "hgih: 120").replace("30s", "30").replace("low: 50", "low: fifty") + "modus: x\n"
    found = problems(text)
    assert [line.split(":")[1] for line in found] == ["5", "6", "7", "11"]
    assert "did you mean 'high'?" in found[1]
    assert "expected a duration with its unit" in found[2]
    assert "unknown key 'modus'" in found[3]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ward: icu", "ward: ICU 1", "ward.yaml:1: ward: Expected `str` matching regex"),
        ("ward: icu\n", "", "missing key 'ward'"),
        ('beds: ["7", "8"]', "beds: []", "ward.yaml:2: beds: expected at least 1 entries"),
        ('beds: ["7", "8"]', "beds: [7]", "ward.yaml:2: beds.0: Expected `str`, got `int`"),
        ('beds: ["7", "8"]', "beds: seven", "ward.yaml:2: beds: expected a list, got text"),
        ("low: 50", "low: 120", "limits.0: low must be below high"),
        ("low: 50", "low: true", "Expected `float`, got `bool`"),
        ("high: 120", "high: 301", "Expected `float` <= 300"),
        ("hold: 30s", "mode: loud", "Invalid enum value 'loud'"),
        ("hold: 30s", "count: 1.5", "Expected `int`, got `float`"),
        ("hold: 30s", "extra: 3", "extra: expected keys and values, got a number"),
        ('  "7": window', '  "7": 1', "titles.7: Expected `str`, got `int`"),
        ("folder: spool", "folder:", "folder: expected a path as text, got None"),
        ("folder: spool", "folder: 3", "ward.yaml:8: folder: expected a path as text, got 3"),
    ],
)
def test_a_mistake_is_named_where_it_stands(old, new, expected):
    assert old in GOOD
    [line] = problems(GOOD.replace(old, new))
    assert expected in line


@pytest.mark.parametrize("text", ["- a\n", "just text\n", "3\n"])
def test_a_document_that_is_no_mapping_is_refused(text):
    assert "expected keys and values" in problems(text)[0]


def test_the_schema_for_editors_says_what_the_reader_accepts():
    schema = json_schema(Ward, "Ward")
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    good = {"ward": "icu", "beds": ["7"], "hold": "30s", "folder": "spool"}
    assert validator.is_valid(good)
    assert not validator.is_valid(good | {"hold": 30})
    assert not validator.is_valid(good | {"wrad": "icu"})
    assert not validator.is_valid(good | {"mode": "loud"})


@pytest.mark.parametrize(("text", "read"), [("all", "all"), ("[pleth, ecg]", ["pleth", "ecg"]), ("[]", [])])
def test_a_list_may_have_a_word_in_its_place(text, read):
    assert read_document(GOOD + f"waves: {text}\n", "ward.yaml", Ward).waves == read


@pytest.mark.parametrize(("text", "words"), [("some", "waves: Invalid enum value"), ("[1]", "waves.0: Expected `str`")])
def test_another_word_or_a_bad_entry_is_a_problem_at_its_place(text, words):
    with pytest.raises(DocumentError) as error:
        read_document(GOOD + f"waves: {text}\n", "ward.yaml", Ward)
    assert words in str(error.value)
