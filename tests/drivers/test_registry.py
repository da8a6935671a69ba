"""The registry: a name becomes a driver, ours or an outside one, and a broken one stays alone."""

import sys
from pathlib import Path

import pytest

from edge_agent.drivers.registry import build, find, names
from vitals.errors import UsageError


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Install an outside package: `outside(entry_point_name, "python source")`."""

    def install(name, source, package="acme_oximeter"):
        (tmp_path / f"{package}.py").write_text(source)
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[wardline.drivers]\n{name} = {package}:driver\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, package, raising=False)

    yield install
    for package in ("acme_oximeter", "other_oximeter"):
        sys.modules.pop(package, None)


ACME = """
import msgspec
from edge_agent.drivers.driver import DriverPlugin, Heard, SerialLine
from vitals.readings import Observation

class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    site: str = "finger"

class Acme:
    silence_s = 3.0
    def __init__(self, options): self.options = options
    def start(self, now): return b"GO\\r"
    def feed(self, data, now): return Heard(observations=(Observation(values={"spo2": float(data[0])}),), good=1)
    def tick(self, now): return b""
    def finish(self, now): return Heard()

driver = DriverPlugin(name="acme", title="Acme", options=Options, line=SerialLine(baud=19200), build=Acme)
"""


@pytest.mark.parametrize(("name", "baud"), [("nonin", 9600), ("hobby-lines", 115200)])
def test_our_drivers_are_found_by_name(name, baud):
    assert name in names()
    assert find(name).name == name
    assert find(name).line.baud == baud
    assert build(name, {}).feed(b"", 0).observations == ()


def test_an_outside_driver_is_found_and_takes_its_options(outside):
    outside("acme", ACME)
    assert {"acme", "hobby-lines", "nonin"} <= set(names())
    assert list(names()) == sorted(names())
    driver = build("acme", {"site": "ear"})
    assert driver.start(0) == b"GO\r"
    assert driver.feed(b"\x61", 0).observations[0].values == {"spo2": 97}


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("raise RuntimeError('no licence')", "no licence"),
        ("import module_nobody_has", "module_nobody_has"),
        ("this is no python", "SyntaxError"),
        ("driver = 7", "is of type int, not a DriverPlugin"),
        ("", "AttributeError"),
        (ACME.replace('name="acme"', 'name="other"'), "'other'"),
    ],
)
def test_a_broken_outside_driver_is_named_and_takes_no_other_down(source, word, outside):
    outside("acme", source)
    with pytest.raises(UsageError, match="acme") as error:
        find("acme")
    assert word in str(error.value)
    assert find("nonin").name == "nonin"


def test_an_outside_package_cannot_replace_our_driver_by_taking_its_name(outside):
    outside("nonin", ACME)
    assert find("nonin").title.startswith("Nonin")


def test_two_outside_packages_with_one_name_are_both_named(outside):
    outside("acme", ACME)
    outside("acme", ACME, package="other_oximeter")
    with pytest.raises(UsageError, match=r"acme-oximeter.*other-oximeter"):
        find("acme")


def test_an_unknown_driver_is_answered_with_those_there_are():
    with pytest.raises(UsageError, match=r"did you mean 'nonin'.*hobby-lines, .*nonin"):
        find("nonim")


@pytest.mark.parametrize(
    ("options", "word"),
    [({"formt": "df2"}, "did you mean 'format'"), ({"format": "df9"}, "df9"), ({"format": 2}, "format")],
)
def test_a_wrong_option_is_named(options, word):
    with pytest.raises(UsageError, match=word):
        build("nonin", options)


def test_all_wrong_options_are_named_at_once():
    with pytest.raises(UsageError, match=r"format.*model"):
        build("nonin", {"format": "df9", "model": "big"})


def test_the_driver_of_the_how_to_does_what_it_says(outside):
    """The guide's own text is installed and fed."""
    guide = (Path(__file__).parents[2] / "docs" / "how-to" / "add-a-driver.md").read_text()
    outside("acme", guide.split("```python\n")[1].split("```")[0])
    driver = build("acme", {"label": "SPO2"})
    heard = driver.feed(b"SPO2=97\nSPO2=---\nnoise\nSPO2=0\nSPO2=\xb2\nSPO2=9", 0)
    assert [(dict(seen.values), dict(seen.missing)) for seen in heard.observations] == [
        ({"spo2": 97}, {}),
        ({}, {"spo2": "sensor_off"}),
    ]
    assert (heard.good, len(heard.bad)) == (2, 3)
    assert driver.finish(0).observations[0].values == {"spo2": 9}
