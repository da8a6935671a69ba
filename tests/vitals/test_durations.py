"""Durations carry their unit, always."""

import pytest

from vitals.durations import Duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("250ms", 250),
        ("15s", 15_000),
        ("1.5s", 1_500),
        ("2min", 120_000),
        ("1h", 3_600_000),
        (" 3 s ", 3_000),
        ("0s", 0),
    ],
)
def test_a_duration_is_its_number_in_milliseconds(text, milliseconds):
    assert Duration.parse(text) == milliseconds


@pytest.mark.parametrize("text", ["15", 15, 1.5, "", "s", "-1s", "15 m", "1d", "1:30", None, "15S", "1e3s", "١s"])
def test_a_number_without_its_unit_is_refused(text):
    with pytest.raises(ValueError, match="expected a duration with its unit"):
        Duration.parse(text)


def test_a_duration_knows_its_seconds():
    assert Duration(1_500).seconds == 1.5
