"""A finger in a probe: signs over time become whether the probe is off, searches for the pulse, or sees it."""

from __future__ import annotations

from firmware_sim.signs import Signs

OFF = frozenset({"sensor_off", "no_sensor"})
LOW_PI = 0.4  # %, where oximeters complain about perfusion


class Finger:
    """What an oximeter remembers of its probe. Follow it at fixed times, so that slices of time change nothing."""

    def __init__(self, search_ms: int) -> None:
        self._search_ms = search_ms
        self._lost_ms: int | None = None
        self._found_ms: int | None = None
        self.off = False
        self.searching = False
        self.lost_for_ms = 0  # how long there was no pulse to measure

    @property
    def measures(self) -> bool:
        """Whether there are numbers."""
        return not self.off and not self.searching

    def follow(self, t_ms: int, signs: Signs) -> None:
        """Take what is so at `t_ms`."""
        pulse = signs.get("pr") is not None
        self.off = bool(signs.states & OFF)
        if self.off or not pulse:
            if self._lost_ms is None:
                self._lost_ms = t_ms
            self._found_ms = None
        elif self._lost_ms is not None:
            if self._found_ms is None:
                self._found_ms = t_ms
            if t_ms - self._found_ms >= self._search_ms:
                self._lost_ms = self._found_ms = None
        self.searching = not self.off and self._lost_ms is not None
        self.lost_for_ms = 0 if self._lost_ms is None else t_ms - self._lost_ms


def whole(value: float | None, lowest: int, highest: int) -> int | None:
    """A number a frame can carry, or None."""
    return None if value is None or not lowest <= round(value) <= highest else round(value)
