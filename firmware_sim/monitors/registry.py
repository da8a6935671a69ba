"""Every kind of monitor the simulator can be, by name."""

from __future__ import annotations

from firmware_sim.monitors import json_line
from firmware_sim.monitors.json_line import JsonLine
from firmware_sim.monitors.monitor import Monitor, MonitorKind, Options
from firmware_sim.monitors.nonin import TITLES, Format, NoninMonitor
from firmware_sim.monitors.talking import TALKING
from firmware_sim.signs import Source
from vitals.errors import UsageError


def _nonin(format_: Format, aliases: tuple[str, ...] = ()) -> MonitorKind:
    def make(source: Source, options: Options) -> Monitor:
        return NoninMonitor(source, format_, options)

    return MonitorKind(name=f"nonin-df{format_}", title=TITLES[format_], baud=9_600, make=make, aliases=aliases)


KINDS: tuple[MonitorKind, ...] = (
    _nonin(2, aliases=("nonin",)),
    _nonin(7),
    MonitorKind(
        name="json-line",
        title=json_line.TITLE,
        baud=115_200,
        make=JsonLine,
        aliases=("hobby-lines",),
        boots=True,
    ),
    *TALKING,
)


def find_kind(name: str) -> MonitorKind:
    """The monitor of this name or alias. Raises UsageError."""
    for kind in KINDS:
        if name == kind.name or name in kind.aliases:
            return kind
    raise UsageError(f"there is no monitor {name!r}; choose one of {', '.join(kind.name for kind in KINDS)}")
