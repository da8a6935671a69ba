"""The cuff pressure: the monitor repeats it in every record, we say it once per measurement."""

from __future__ import annotations

from edge_agent.drivers.ge_datex_dri.groups import Group
from edge_agent.drivers.ge_datex_dri.numerics import MEASURING_CUFF, OLD_CUFF

_PARTS = ("sys", "dia", "mean")
_OLD = {f"nibp_{part}": "stale" for part in _PARTS}


def read_cuff(nibp: Group) -> tuple[dict[str, float], dict[str, str]]:
    """Values and missing as the record has them."""
    values: dict[str, float] = {}
    missing: dict[str, str] = {}
    for part in _PARTS:
        nibp.put(part, f"nibp_{part}", values, missing)
    # The monitor says so when a pressure is older than a minute. It must not alarm again.
    return ({}, dict(_OLD)) if nibp.active and nibp.label & OLD_CUFF else (values, missing)


class CuffMemory:
    """Knows the measurement that was told last, and whether another one must have happened since."""

    def __init__(self) -> None:
        self._told: tuple[dict[str, float], dict[str, str], int] | None = None
        self._again = False  # the same numbers would be a new measurement

    def take(self, nibp: Group) -> tuple[dict[str, float], dict[str, str]] | None:
        """Values and missing to be told now; None if there is nothing new."""
        if not nibp.present:
            return None
        if nibp.active and nibp.label & MEASURING_CUFF:
            self._again = True
            return None  # its numbers are of the measurement before, or of a cuff still deflating
        values, missing = read_cuff(nibp)
        if not values and self._told is not None:
            self._again = self._again or missing == _OLD
            # That a measurement has grown old is no news: it is shown with its age.
            if missing == _OLD or (not self._told[0] and self._told[1] == missing):
                return None
        told = (values, missing, nibp.raw["pulse"] if values else 0)
        if told == self._told and not self._again:
            return None
        self._told, self._again = told, False
        return values, missing
