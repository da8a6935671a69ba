"""The page of devices: driver folders become `docs/reference/devices.md`. Run as `python -m wardline.devices_page`."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from edge_agent import drivers
from edge_agent.drivers.driver import DriverPlugin, SerialLine
from edge_agent.drivers.registry import GROUP, find
from vitals.document import read_document
from vitals.parameters import PARAMETERS
from wardline.listening import spelled

PAGE = Path("docs/reference/devices.md")
FOLDERS = Path(drivers.__file__).parent
_OWN = "edge_agent.drivers."

Kind = Literal["capture", "document", "implementation", "constructed"]
KINDS: dict[Kind, str] = {
    "capture": "public capture",
    "document": "maker's document",
    "implementation": "public implementation",
    "constructed": "constructed",
}

_HEAD = """\
# Devices

Generated from the driver folders by `make schema`; do not edit. Wardline is a secondary notification system, never the
primary alarm of a monitor. No driver was tested on a physical device unless its evidence says so.

Which driver understands a device that is plugged in: [`wardline doctor`](commands.md#wardline-doctor). How a device
gets into the settings of a gateway: [settings](settings.md#edge-agent). Systems that send JSON, HL7 or MQTT over the
network need no driver.

"""


class Item(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One question every driver answers."""

    id: str
    done: bool
    why: str


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the reading of a protocol rests on."""

    kind: Kind
    what: str


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `quality.yaml` of a driver: what it is for, what it tells, what that rests on, and what was tested."""

    devices: str
    asked: Annotated[bool, msgspec.Meta(description="It speaks when it is asked, not by itself")]
    parameters: list[str]
    waves: list[str]
    states: list[str]
    evidence: Annotated[list[Evidence], msgspec.Meta(min_length=1)]
    items: list[Item]


def read_quality(folder: Path) -> Quality:
    """The list of one driver folder. Raises DocumentError."""
    return read_document((folder / "quality.yaml").read_text(encoding="utf-8"), str(folder / "quality.yaml"), Quality)


def devices_page() -> str:
    """The text of the page."""
    found = list(_own_plugins())
    lines = ["| driver | devices | line | speaks | evidence |", "|---|---|---|---|---|"]
    lines += [_row(plugin, read_quality(folder)) for plugin, folder in found]
    sections = [_section(plugin, folder, read_quality(folder)) for plugin, folder in found]
    return _HEAD + "\n".join(lines) + "\n" + "".join(sections)


def _own_plugins() -> Iterator[tuple[DriverPlugin, Path]]:
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        if point.value.startswith(_OWN):
            yield find(point.name), FOLDERS / point.value.removeprefix(_OWN).split(":")[0]


def _row(plugin: DriverPlugin, quality: Quality) -> str:
    evidence = ", ".join(dict.fromkeys(KINDS[item.kind] for item in quality.evidence))
    speaks = "when asked" if quality.asked else "by itself"
    return f"| [`{plugin.name}`](#{plugin.name}) | {quality.devices} | {_lines(plugin)} | {speaks} | {evidence} |"


def _section(plugin: DriverPlugin, folder: Path, quality: Quality) -> str:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    sample = (folder / "sample.yaml").read_text(encoding="utf-8").strip()
    parts = [
        f"\n## {plugin.name}\n\n{plugin.title}. For {quality.devices}.",
        _table(
            ("line", _lines(plugin)),
            ("speaks", "when it is asked" if quality.asked else "by itself"),
            ("silent after", _silence(plugin)),
            ("parameters", ", ".join(_parameter(name) for name in quality.parameters)),
            ("waves", _names(quality.waves)),
            ("alarms and states", _names(quality.states)),
        ),
        "### Cable and line\n\n" + _chapter(readme, "Wiring"),
        "### Settings\n\n" + _chapter(readme, "Settings").removeprefix("See `sample.yaml`. ").strip(),
        f"```yaml\n{sample}\n```",
        "### Known quirks\n\n" + _chapter(readme, "Quirks"),
        "### Evidence\n\n" + "\n".join(f"- {KINDS[item.kind]}: {item.what}" for item in quality.evidence),
        f"More in the [notes of the driver](../../edge_agent/drivers/{folder.name}/README.md).",
    ]
    return "\n\n".join(parts) + "\n"


def _lines(plugin: DriverPlugin) -> str:
    if not plugin.serial:
        return "UDP"
    return ", ".join(_line(line) for line in (plugin.line, *plugin.other_lines))


def _line(line: SerialLine) -> str:
    return spelled(line) + (" RTS/CTS" if line.rtscts else "")


def _silence(plugin: DriverPlugin) -> str:
    return f"{plugin.build(plugin.options()).silence_s:g} s"


def _parameter(name: str) -> str:
    unit = PARAMETERS[name].unit
    return f"`{name}` ({unit})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "none"


def _table(*rows: tuple[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {text} |" for name, text in rows)])


def _chapter(readme: str, title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", readme, flags=re.M | re.S)
    if found is None:
        raise ValueError(f"a driver's README has no section {title!r}")
    return found[1].strip()


def main() -> int:
    """Write the page below the folder named on the command line, or below this one."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path()
    (root / PAGE).write_text(devices_page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
