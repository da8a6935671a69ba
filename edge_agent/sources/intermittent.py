"""Single measurements: parameters that stay meaningful long after they were made, and are told again meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from vitals.parameters import PARAMETERS

STANDING_S = 900  # what the catalogue keeps valid this long is measured now and then, not each second

INTERMITTENT = frozenset(name for name, parameter in PARAMETERS.items() if parameter.stale_s >= STANDING_S)


def longest_age(parameters: Iterable[str], max_age_ms: int) -> int:
    """How old a measurement of these may be: a cuff pressure is told as long as it stands on the monitor."""
    names = list(parameters)
    if not names or not INTERMITTENT.issuperset(names):
        return max_age_ms
    return max(max_age_ms, min(PARAMETERS[name].stale_s for name in names) * 1_000)
