"""The classes of numeric subrecords: 278 bytes become named groups."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from edge_agent.drivers.ge_datex_dri.groups import Group, Layout

SIZE = 278  # time, body, marker, reserved, class word
_BODY = slice(4, 274)
_CLASS_AT = 276

_PRESSURE = "sys/100 dia/100 mean/100 pulse"
PRESSURES = ("p1", "p2", "p3", "p4", "p5", "p6")
TEMPERATURES = ("t1", "t2", "t3", "t4")


class Class(IntEnum):
    """Which numbers a subrecord carries."""

    BASIC = 0
    EXT1 = 1
    EXT2 = 2
    EXT3 = 3


_LAYOUTS: dict[int, dict[str, Layout]] = {
    Class.BASIC: {
        "ecg": Layout(0, "hr st1/100 st2/100 st3/100 imp_rr"),
        **{name: Layout(16 + 14 * number, _PRESSURE) for number, name in enumerate(PRESSURES[:4])},
        "nibp": Layout(72, _PRESSURE),
        **{name: Layout(86 + 8 * number, "value/100") for number, name in enumerate(TEMPERATURES)},
        "spo2": Layout(118, "spo2/100 pulse ir_amp so2/100"),
        "co2": Layout(132, "et/100 fi/100 rr amb/10"),
        "o2": Layout(146, "et/100 fi/100"),
        "n2o": Layout(156, "et/100 fi/100"),
        "aa": Layout(166, "et/100 fi/100 mac/100"),
        "flow": Layout(178, "rr ppeak/100 peep/100 pplat/100 tv_insp/10 tv_exp/10 compliance/100 mv_exp/100"),
        "co": Layout(200, "co blood_temp/100 rvef/100 pcwp/100"),
        "nmt": Layout(214, "t1/10 tof_ratio/10 ptc"),
        "svo2": Layout(232, "svo2/100"),
        "p5": Layout(240, _PRESSURE),
        "p6": Layout(254, _PRESSURE),
    },
    Class.EXT1: {
        "arrhythmia": Layout(0, "hr rr_ms pvc"),
        "ecg12": Layout(
            48,
            "st_i/100 st_ii/100 st_iii/100 st_avl/100 st_avr/100 st_avf/100 "
            "st_v1/100 st_v2/100 st_v3/100 st_v4/100 st_v5/100 st_v6/100",
        ),
    },
    Class.EXT2: {
        "bis": Layout(96, "bis sqi emg sr"),
        "entropy": Layout(112, "se re bsr"),
    },
    Class.EXT3: {
        "gas_exchange": Layout(0, "vo2 vco2 ee"),
    },
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Numerics:
    """One numeric subrecord. Of a class nobody has described it has no groups."""

    kind: int
    groups: Mapping[str, Group]


def read_subrecord(data: bytes) -> Numerics | None:
    """The subrecord these bytes begin with; None if it is cut."""
    if len(data) < SIZE:
        return None
    kind, body = struct.unpack_from("<H", data, _CLASS_AT)[0] >> 8 & 0x0F, data[_BODY]
    return Numerics(kind=kind, groups={name: layout.read(body) for name, layout in _LAYOUTS.get(kind, {}).items()})
