"""The newest word on each parameter of one bed: a number or why there is none, and when it was measured."""

from __future__ import annotations

from collections.abc import Mapping

from vitals.live import LiveValue
from vitals.parameters import PARAMETERS
from vitals.readings import Record

_STALE_MS = {name: parameter.stale_s * 1_000 for name, parameter in PARAMETERS.items()}
_SOONEST_STALE_MS = min(_STALE_MS.values())


Measured = tuple[int, int]
"""When something was measured, UTC ms: by the gateway's clock, and by the hub's."""


class Newest:
    """Takes in records in their order.

    Most beds have one monitor that says the same parameters each second: then nothing is kept for each of them.
    """

    __slots__ = ("_apart", "_missing", "_together", "_values")

    def __init__(self) -> None:
        # Neither is ever changed, only exchanged: they may be a record's own. No parameter stands in both.
        self._values: Mapping[str, float] = {}
        self._missing: Mapping[str, str] = {}  # why there is no value
        self._together: Measured | None = None  # when all of it was measured, if that was one moment
        self._apart: dict[str, Measured] = {}  # when each was measured, if not

    def take(self, record: Record, when: Measured) -> None:
        """Take in the values of a record, and its reasons for having none."""
        values, missing = record.values, record.flags
        if values.keys() != self._values.keys() or missing.keys() != self._missing.keys():
            self._apart = {**self._times(), **dict.fromkeys(values, when), **dict.fromkeys(missing, when)}
            when_all = None
            values = {name: value for name, value in {**self._values, **values}.items() if name not in missing}
            missing = {name: why for name, why in {**self._missing, **missing}.items() if name not in record.values}
        else:
            when_all = when
        self._values, self._missing, self._together = values, missing, when_all

    def forget(self, until: int) -> None:
        """Nothing that was measured until then, UTC ms by the hub's clock, is of the present any more."""
        self._apart = {name: when for name, when in self._times().items() if when[1] > until}
        self._together = None
        self._values = {name: value for name, value in self._values.items() if name in self._apart}
        self._missing = {name: why for name, why in self._missing.items() if name in self._apart}

    def shown(self, now: int) -> dict[str, LiveValue]:
        """All of it as displays see it at `now`, UTC ms by the hub's clock."""
        if self._together is None or now - self._together[1] > _SOONEST_STALE_MS:
            return self._each(now)
        time, age = self._together[0], now - self._together[1]
        shown = {name: LiveValue(value=value, time=time, age_ms=age) for name, value in self._values.items()}
        for name, reason in self._missing.items():
            shown[name] = LiveValue(reason=reason, time=time, age_ms=age)
        return shown

    def _each(self, now: int) -> dict[str, LiveValue]:
        shown: dict[str, LiveValue] = {}
        for name, (time, since) in self._times().items():
            age = now - since
            shown[name] = LiveValue(
                value=self._values.get(name),
                reason=self._missing.get(name, ""),
                time=time,
                age_ms=age,
                fresh=age <= _STALE_MS[name],
            )
        return shown

    def _times(self) -> dict[str, Measured]:
        if self._together is None:
            return self._apart
        return dict.fromkeys((*self._values, *self._missing), self._together)
