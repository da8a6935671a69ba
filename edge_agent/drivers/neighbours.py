"""Whether two observations of an oximeter, one right after the other, look like one patient: for lack of a checksum."""

from __future__ import annotations

from vitals.readings import Observation

# How far a number may move from one packet to the next where nothing else tells a packet from noise.
MOST = {"pr": 30, "spo2": 10}


def look_alike(first: Observation, second: Observation) -> bool:
    """Two numbers must be near each other; that there is no number is believed at once. Chance seldom does either."""
    if "out_of_range" in {*first.missing.values(), *second.missing.values()}:
        return False
    return all(
        name in first.values and abs(first.values[name] - second.values[name]) <= most
        for name, most in MOST.items()
        if name in second.values
    )
