"""The kinds of monitors that hold a conversation: they say next to nothing until somebody asks."""

from __future__ import annotations

from functools import partial

from firmware_sim.monitors import capnostream20, datex_dri, intellivue
from firmware_sim.monitors.capnostream20 import Capnostream20
from firmware_sim.monitors.datex_dri import DatexDri
from firmware_sim.monitors.intellivue import IntelliVue
from firmware_sim.monitors.intellivue_frames import IntelliVueDatagrams
from firmware_sim.monitors.medibus import EVITA_4, EVITA_V500, Generation, Medibus
from firmware_sim.monitors.monitor import MonitorKind


def _medibus(generation: Generation, aliases: tuple[str, ...] = ()) -> MonitorKind:
    make = partial(Medibus, generation)
    return MonitorKind(name=generation.name, title=generation.title, baud=19_200, make=make, aliases=aliases)


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
    MonitorKind(
        name="intellivue",
        title=intellivue.TITLE,
        baud=115_200,
        make=IntelliVue,
        datagrams=IntelliVueDatagrams,
    ),
    _medibus(EVITA_4, aliases=("evita",)),
    _medibus(EVITA_V500),
)
