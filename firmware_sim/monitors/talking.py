"""The kinds of monitors that speak only when they are spoken to."""

from __future__ import annotations

from functools import partial

from firmware_sim.monitors import capnostream20, datex_dri
from firmware_sim.monitors.capnostream20 import Capnostream20
from firmware_sim.monitors.datex_dri import DatexDri
from firmware_sim.monitors.monitor import MonitorKind

TALKING: tuple[MonitorKind, ...] = (
    MonitorKind(name="ge-datex-dri", title=datex_dri.TITLE, baud=19_200, make=DatexDri, aliases=("dri",)),
    MonitorKind(
        name="capnostream20",
        title=capnostream20.TITLE,
        baud=115_200,
        make=Capnostream20,
        aliases=("capnostream",),
    ),
    MonitorKind(
        name="capnostream20-field-shift",
        title=capnostream20.TITLE_FIELD_SHIFT,
        baud=115_200,
        make=partial(Capnostream20, field_shift=True),
    ),
)
