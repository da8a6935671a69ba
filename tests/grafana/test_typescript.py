"""The dashboards against the types of Grafana's own front end, where npm can fetch them."""

import json
import os
from pathlib import Path

import pytest

from grafana.boards import dashboards, text_of
from grafana.check import panels_of
from grafana.typescript import type_errors
from rules.library import read_set
from vitals.errors import LinkError, UsageError

pytestmark = pytest.mark.node

BOARDS = dashboards(read_set("adult-ward"))


@pytest.fixture(scope="module")
def errors_of():
    """type_errors, with the packages in the cache of this machine; skipped where they cannot be had."""
    try:
        type_errors({})
    except (UsageError, LinkError) as error:  # a registry out of reach says nothing about the dashboards
        pytest.skip(str(error))
    return type_errors


def test_every_dashboard_panel_and_option_has_the_type_grafana_expects(errors_of):
    assert errors_of(BOARDS) == []


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda board: board.update(refresh=5), "ward.json: Type 'number' is not assignable to type 'string'"),
        (lambda board: board["panels"][1]["gridPos"].update(h="8"), "ward.json: Type 'string' is not assignable"),
        (lambda board: panels_of(board)[1]["options"].update(cellHeight="tall"), "panel Beds, options: "),
        (lambda board: board["panels"][1]["options"].update(cellHight="sm"), "panel Beds, options: "),
    ],
)
def test_a_wrong_type_is_found(errors_of, spoil, said):
    board = json.loads(text_of(BOARDS["ward-overview.json"]))
    spoil(board)
    found = errors_of({"ward.json": board})
    assert any(said in problem for problem in found), found


def test_without_npm_it_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="npm is not installed"):
        type_errors(BOARDS, tmp_path)


def test_packages_that_cannot_be_fetched_are_said(monkeypatch, tmp_path):
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'no such host' >&2\nexit 1\n")
    npm.chmod(0o755)
    node = Path(tmp_path / "node")
    node.symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin:/bin")
    with pytest.raises(LinkError, match=r"npm cannot fetch @grafana/schema.*no such host"):
        type_errors(BOARDS, tmp_path / "cache")
