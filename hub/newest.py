"""The newest word on each parameter of one bed: a number or why there is none, and when it was measured."""

from __future__ import annotations

from collections.abc import Mapping

from vitals.live import LiveValue
from vitals.parameters import PARAMETERS
from vitals.readings import Record

_STALE_MS = {name: parameter.stale_s * 1_000 for name, parameter in PARAMETERS.items()}
_SOONEST_STALE_MS = min(_STALE_MS.values())


class _Group:
    """Parameters that came in one record, and have come together ever since."""

    __slots__ = ("missing", "since", "time", "values")

    def __init__(self, record: Record, since: int) -> None:
        self.take(record, since)

    def take(self, record: Record, since: int) -> None:
        # Never changed, only exchanged: they are the record's own.
        self.values: Mapping[str, float] = record.values
        self.missing: Mapping[str, str] = record.flags  # why there is no value
        self.time = record.time
        self.since = since

    def drop(self, names: Mapping[str, object]) -> None:
        """A newer record speaks of these."""
        self.values = {name: value for name, value in self.values.items() if name not in names}
        self.missing = {name: reason for name, reason in self.missing.items() if name not in names}


class Newest:
    """Takes in records in their order.

    A monitor says the same parameters each second, and a cuff its own now and then: nothing is kept for each of them
    but for those that come together. Times are UTC ms: `time` by the gateway's clock, `since` by the hub's.
    """

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: list[_Group] = []  # no parameter stands in two of them

    def take(self, record: Record, since: int) -> None:
        """Take in the values of a record, and its reasons for having none: they were measured at `since`."""
        values, missing = record.values.keys(), record.flags.keys()
        for group in self._groups:
            if values == group.values.keys() and missing == group.missing.keys():
                group.take(record, since)
                return
        said = {**record.values, **record.flags}
        for group in self._groups:
            group.drop(said)
        self._groups = [group for group in self._groups if group.values or group.missing]
        if said:
            self._groups.append(_Group(record, since))

    def forget(self, until: int) -> None:
        """Nothing that was measured until then is of the present any more."""
        self._groups = [group for group in self._groups if group.since > until]

    def shown(self, now: int) -> dict[str, LiveValue]:
        """All of it as displays see it at `now`."""
        shown: dict[str, LiveValue] = {}
        for group in self._groups:
            time, age = group.time, now - group.since
            all_fresh = age <= _SOONEST_STALE_MS
            for name, value in group.values.items():
                fresh = all_fresh or age <= _STALE_MS[name]
                shown[name] = LiveValue(value=value, time=time, age_ms=age, fresh=fresh)
            for name, reason in group.missing.items():
                fresh = all_fresh or age <= _STALE_MS[name]
                shown[name] = LiveValue(reason=reason, time=time, age_ms=age, fresh=fresh)
        return shown
