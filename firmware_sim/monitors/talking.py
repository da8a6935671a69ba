"""The kinds of monitors that speak only when they are spoken to."""

from __future__ import annotations

from firmware_sim.monitors import datex_dri
from firmware_sim.monitors.datex_dri import DatexDri
from firmware_sim.monitors.monitor import MonitorKind

TALKING: tuple[MonitorKind, ...] = (
    MonitorKind(name="ge-datex-dri", title=datex_dri.TITLE, baud=19_200, make=DatexDri, aliases=("dri",)),
)
