"""Every kind of monitor the simulator can be, by name."""

from __future__ import annotations

from functools import partial

from firmware_sim.monitors import contec_cms50, ivy450c, json_line, masimo_ascii1, nellcor_ascii, nonin, nonin_ascii
from firmware_sim.monitors import nonin_once_a_second as nonin_slow
from firmware_sim.monitors import nonin_spot_check as nonin_spot
from firmware_sim.monitors.contec_cms50 import ContecLong, ContecShort
from firmware_sim.monitors.hobby_lines import SHAPES, HobbyBoard, Shape
from firmware_sim.monitors.ivy450c import Ivy450c
from firmware_sim.monitors.json_line import JsonLine
from firmware_sim.monitors.masimo_ascii1 import MasimoAscii1
from firmware_sim.monitors.monitor import Monitor, MonitorKind, Options
from firmware_sim.monitors.nellcor_ascii import NellcorAscii
from firmware_sim.monitors.nonin import NoninMonitor
from firmware_sim.monitors.talking import TALKING
from firmware_sim.signs import Source
from vitals.errors import UsageError


def _nonin(format_: nonin.Format, aliases: tuple[str, ...] = ()) -> MonitorKind:
    def make(source: Source, options: Options) -> Monitor:
        return NoninMonitor(source, format_, options)

    title = nonin.TITLES[format_]
    return MonitorKind(name=f"nonin-df{format_}", title=title, baud=9_600, make=make, aliases=aliases)


def _nonin_slow(format_: nonin_slow.Format) -> MonitorKind:
    def make(source: Source, options: Options) -> Monitor:
        return nonin_slow.NoninOnceASecond(source, format_, options)

    return MonitorKind(name=f"nonin-df{format_}", title=nonin_slow.TITLES[format_], baud=9_600, make=make)


def _board(shape: Shape) -> MonitorKind:
    make = partial(HobbyBoard, shape)
    return MonitorKind(name=shape.name, title=shape.title, baud=shape.baud, make=make, boots=True)


KINDS: tuple[MonitorKind, ...] = (
    _nonin_slow(1),
    _nonin(2, aliases=("nonin",)),
    _nonin(7),
    _nonin_slow(8),
    MonitorKind(name="nonin-df13", title=nonin_spot.TITLE, baud=9_600, make=nonin_spot.NoninSpotCheck),
    MonitorKind(name="nonin-ascii", title=nonin_ascii.TITLE, baud=9_600, make=nonin_ascii.NoninAscii),
    MonitorKind(
        name="contec-cms50-5byte",
        title=contec_cms50.SHORT_TITLE,
        baud=19_200,
        make=ContecShort,
        aliases=("contec-cms50",),
    ),
    MonitorKind(name="contec-cms50-9byte", title=contec_cms50.LONG_TITLE, baud=115_200, make=ContecLong),
    MonitorKind(name="masimo-ascii1", title=masimo_ascii1.TITLE, baud=9_600, make=MasimoAscii1, aliases=("masimo",)),
    MonitorKind(name="nellcor-ascii", title=nellcor_ascii.TITLE, baud=9_600, make=NellcorAscii, aliases=("nellcor",)),
    MonitorKind(name="ivy450c", title=ivy450c.TITLE, baud=9_600, make=Ivy450c, aliases=("ivy",)),
    MonitorKind(
        name="json-line",
        title=json_line.TITLE,
        baud=115_200,
        make=JsonLine,
        aliases=("hobby-lines",),
        boots=True,
    ),
    *(_board(shape) for shape in SHAPES),
    *TALKING,
)


def find_kind(name: str) -> MonitorKind:
    """The monitor of this name or alias. Raises UsageError."""
    for kind in KINDS:
        if name == kind.name or name in kind.aliases:
            return kind
    raise UsageError(f"there is no monitor {name!r}; choose one of {', '.join(kind.name for kind in KINDS)}")
