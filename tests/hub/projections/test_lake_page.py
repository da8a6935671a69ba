"""The page about the lake: its examples run, and its columns are the columns."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from hub.projections.lake.tables import STREAMS, TABLES
from tests.hub.export.conftest import Archivist, fill
from tests.hub.projections.lake_writer import copy, settings_of

PAGE = (Path(__file__).parents[3] / "docs/how-to/data-lake.md").read_text()
SNIPPETS = re.findall(r"(?ms)^```python\n(.*?)^```", PAGE)


@pytest.fixture
def lake(tmp_path, monkeypatch):
    archivist = Archivist(tmp_path / "journal.db")
    fill(archivist)
    copy(tmp_path, settings_of({"folder": "lake"}))
    archivist.journal.close()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=["pandas", "duckdb"])
def test_the_examples_run_and_find_something(lake, snippet):
    said, names = io.StringIO(), {}
    with contextlib.redirect_stdout(said):
        exec(compile(snippet, "data-lake.md", "exec"), names)
    if "by_minute" in names:
        found = names["by_minute"].reset_index().astype({"time": str}).to_dict("records")
        assert [(row["bed"], row["min"], row["max"], row["count"]) for row in found] == [
            ("1", 72, 73.5, 2),
            ("2", 60, 60, 1),
        ]
    else:
        assert (None, None, "temp", 36.8, 1, 0) in names["found"]
        assert ("icu", "1", "spo2", 97.0, 1, 1) in names["found"]
    assert said.getvalue().strip()


@pytest.mark.parametrize("table", TABLES)
def test_every_column_is_described_and_no_other(table):
    section = re.search(rf"(?ms)^`{table}`: .*?(?=^`\w+`: |^## )", PAGE)
    described = [name for line in re.findall(r"(?m)^\| (`.*?) \|", section[0]) for name in re.findall(r"`(\w+)`", line)]
    assert set(described) == {"date", *TABLES[table].names}
    assert len(described) == len(set(described))


def test_the_settings_on_the_page_are_settings():
    assert len(STREAMS) == len(TABLES)
    text = re.search(r"(?ms)^  lake:\n(.*?)^```", PAGE)[1]
    given = dict(re.findall(r"(?m)^    (\w+): +(\S+)", text))
    assert settings_of(given).keep == 2 * 365 * 24 * 3_600_000
