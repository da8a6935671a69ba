"""YAML without its traps: what stands there is what is read, or there is a problem at that line."""

import pytest

from vitals.errors import DocumentError
from vitals.yamldoc import MAX_DEPTH, MAX_DOCUMENT_BYTES, load


def problems(text: str) -> list[tuple[int, str]]:
    with pytest.raises(DocumentError) as caught:
        load(text, "ward.yaml")
    return [(problem.line, problem.text) for problem in caught.value.problems]


def test_plain_data_comes_out_with_its_lines():
    document = load("ward: icu\nbeds:\n  - id: '7'\n    limit: 1.5\n  - id: x\n", "ward.yaml")
    assert document.data == {"ward": "icu", "beds": [{"id": "7", "limit": 1.5}, {"id": "x"}]}
    assert document.line(("beds", 0, "limit")) == 4
    assert document.line(("beds", 1, "id")) == 5
    assert document.line(("beds", 1, "nothing", "here")) == 5


@pytest.mark.parametrize(
    ("value", "trap"),
    [
        ("1:30", "base-60"),
        ("12:30:45", "base-60"),
        ("010", "octal"),
        ("0777", "octal"),
        ("off", "true or false"),
        ("NO", "true or false"),
        ("y", "true or false"),
        (".inf", "finite"),
        ("-.inf", "finite"),
        (".nan", "finite"),
        ("0x1F", "finite decimal"),
        ("1.0e+999", "finite decimal"),
        ("!!python/object:os.system x", "tag"),
        ("!!binary aGk=", "tag"),
        ("!secret x", "tag"),
    ],
)
def test_a_value_yaml_would_misread_is_a_problem_at_its_line(value, trap):
    [(line, text)] = problems(f"first: 1\nsecond: {value}\n")
    assert line == 2
    assert trap in text


@pytest.mark.parametrize("value", ["'1:30'", '"010"', "'off'", "'y'"])
def test_the_same_in_quotes_is_text(value):
    assert load(f"key: {value}", "f").data == {"key": value.strip("'\"")}


def test_a_date_stays_text_and_an_empty_value_is_none():
    assert load("since: 2026-11-20\nuntil:\n", "f").data == {"since": "2026-11-20", "until": None}


def test_a_duplicate_key_is_a_problem_that_names_the_first():
    assert problems("high: 120\nlow: 50\nhigh: 130\n") == [(3, "duplicate key 'high' (first on line 1)")]


def test_every_problem_is_reported_at_once():
    assert [line for line, _ in problems("a: off\nb: 1:30\na: 1\nc: .nan\n")] == [1, 2, 3, 4]


def test_an_alias_is_refused_so_that_a_bomb_never_unfolds():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    assert all("anchors and aliases" in text for _, text in problems(bomb))


def test_an_alias_to_itself_is_refused():
    assert problems("a: &a\n  - *a\n")


@pytest.mark.parametrize("text", ["", "# only a comment\n"])
def test_an_empty_document_says_so(text):
    assert problems(text) == [(1, "document is empty")]


@pytest.mark.parametrize("text", ["a: [1, 2", "a: b: c", "\tx: 1", "a: 'x", "{", "a: 1\n---\nb: 2\n", "\x00"])
def test_what_is_not_yaml_says_where(text):
    [(line, reason)] = problems(text)
    assert line >= 1
    assert reason.startswith("not YAML")


def test_a_key_that_is_a_list_is_refused():
    assert problems("? [a, b]\n: 1\n") == [(1, "a key must be plain text")]


def test_depth_and_size_are_bounded():
    assert any("nested too deeply" in text for _, text in problems("[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2)))
    assert problems("[" * 100_000)
    assert "larger than" in problems("a: " + "x" * MAX_DOCUMENT_BYTES)[0][1]
