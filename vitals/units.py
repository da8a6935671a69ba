"""Units as people and devices write them, converted to those of the parameter catalogue; others are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vitals.parameters import PARAMETERS

_RATES = dict.fromkeys(("/min", "1/min", "bpm", "{beats}/min", "{breaths}/min", "breaths/min", "rpm"), (1.0, 0.0))
_BY_TARGET: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "/min": {**_RATES, "Hz": (60.0, 0.0), "/s": (60.0, 0.0)},
    "%": {"%": (1.0, 0.0), "percent": (1.0, 0.0), "fraction": (100.0, 0.0), "1": (100.0, 0.0)},
    "mm[Hg]": {
        "mm[Hg]": (1.0, 0.0),
        "mmHg": (1.0, 0.0),
        "kPa": (7.500_616_83, 0.0),
        "Pa": (0.007_500_616_83, 0.0),
        "hPa": (0.750_061_683, 0.0),
        "mbar": (0.750_061_683, 0.0),
        "cm[H2O]": (0.735_559_24, 0.0),
        "cmH2O": (0.735_559_24, 0.0),
    },
    "Cel": {
        **dict.fromkeys(("Cel", "C", "°C", "degC"), (1.0, 0.0)),
        **dict.fromkeys(("[degF]", "degF", "F", "°F"), (5 / 9, -160 / 9)),
        "K": (1.0, -273.15),
    },
    "mmol/L": {"mmol/L": (1.0, 0.0)},
    "kg": {"kg": (1.0, 0.0), "g": (0.001, 0.0), "[lb_av]": (0.453_592_37, 0.0), "lb": (0.453_592_37, 0.0)},
}
_GLUCOSE = {"mg/dL": (1 / 18.0156, 0.0)}  # molar mass 180.156 g/mol; it holds for no other substance


@dataclass(frozen=True, slots=True)
class Conversion:
    """From a sender's unit to the catalogue's."""

    factor: float
    offset: float

    def apply(self, value: float) -> float:
        """The same quantity in the catalogue's unit, without the dust of the multiplication."""
        if self.factor == 1.0 and self.offset == 0.0:
            return value
        return round(value * self.factor + self.offset, 4)


def known_units(parameter: str) -> tuple[str, ...]:
    """Every unit in which a parameter of the catalogue can arrive."""
    table = _BY_TARGET[PARAMETERS[parameter].unit]
    return (*table, *_GLUCOSE) if parameter == "glucose" else tuple(table)


def conversion(parameter: str, unit: str) -> Conversion | None:
    """How values of `parameter` in `unit` become ours; None if nobody knows."""
    table = _BY_TARGET[PARAMETERS[parameter].unit]
    found = table.get(unit) or (_GLUCOSE.get(unit) if parameter == "glucose" else None)
    return Conversion(*found) if found else None


def measured_in(unit: str) -> tuple[str, Conversion] | None:
    """The catalogue unit that `unit` becomes whatever the parameter, and how; None for an unknown unit."""
    for target, table in (*_BY_TARGET.items(), ("mmol/L", _GLUCOSE)):
        if unit in table:
            return target, Conversion(*table[unit])
    return None


UNITS = tuple(sorted({unit for table in (*_BY_TARGET.values(), _GLUCOSE) for unit in table}))
"""Every unit that can be converted."""
