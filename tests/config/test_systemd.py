"""The service units: hardened, and they start commands that exist."""

import configparser
import re
import shlex
from pathlib import Path

import pytest

from wardline.cli import _parser

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "config/systemd").glob("*.service"))


def service(path: Path) -> dict[str, list[str]]:
    """The [Service] section; a key may stand several times."""
    section, keys = "", {}
    for line in path.read_text().splitlines():
        if line.startswith("["):
            section = line
        elif section == "[Service]" and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            keys.setdefault(key, []).append(value)
    return keys


def test_there_is_a_unit_for_the_hub_and_for_the_edge():
    assert [path.name for path in UNITS] == ["wardline-edge.service", "wardline-hub.service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_starts_a_command_that_exists(path):
    keys = service(path)
    for line in keys["ExecStart"] + keys["ExecStartPre"]:
        program, *words = shlex.split(line)
        assert program.endswith("/.venv/bin/wardline")
        assert _parser(words).parse_args(words).run
        assert words[2] == "--config"


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_is_hardened(path):
    keys = service(path)
    expected = {
        "User": "wardline",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "ProtectSystem": "strict",
        "ProtectHome": "yes",
        "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
        "SystemCallArchitectures": "native",
        "UMask": "0077",
        "Restart": "always",
    }
    assert {key: keys[key][-1] for key in expected} == expected
    assert keys["SystemCallFilter"]
    assert re.fullmatch(r"\d+[MG]", keys["MemoryMax"][-1])


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_names_documentation_that_exists(path):
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read_string(path.read_text())
    documentation = parser["Unit"]["Documentation"].removeprefix("file:/opt/wardline/")
    assert (ROOT / documentation).is_file()
