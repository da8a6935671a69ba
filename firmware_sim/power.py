"""Power: a monitor that is switched off at times; each time it comes back as new, from its power-up output."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from firmware_sim.monitors.monitor import Monitor, MonitorKind, Options
from firmware_sim.signs import Later, Source

GRID_MS = 500  # as exact as a plug is pulled


class Powered:
    """Silent and deaf while `is_off(t_ms)`; looked at on a grid, so that slices of time change nothing."""

    def __init__(self, kind: MonitorKind, source: Source, options: Options, is_off: Callable[[int], bool]) -> None:
        self.name = kind.name
        self.title = kind.title
        self._kind = kind
        self._source = source
        self._options = options
        self._is_off = is_off
        self._looked_ms = 0
        self._since_ms = 0
        self._monitor: Monitor | None = None if is_off(0) else self._switched_on(0)

    def step(self, t_ms: int) -> bytes:
        """What the monitor sends while it is on."""
        out = bytearray()
        while self._looked_ms + GRID_MS <= t_ms:
            self._looked_ms += GRID_MS
            off = self._is_off(self._looked_ms)
            if off and self._monitor is not None:
                out += self._monitor.step(self._looked_ms - self._since_ms)
                self._monitor = None
            elif not off and self._monitor is None:
                self._monitor = self._switched_on(self._looked_ms)
        if self._monitor is not None:
            out += self._monitor.step(t_ms - self._since_ms)
        return bytes(out)

    def receive(self, data: bytes) -> None:
        """Nobody listens while it is off."""
        if self._monitor is not None:
            self._monitor.receive(data)

    def _switched_on(self, t_ms: int) -> Monitor:
        self._since_ms = t_ms
        return self._kind.make(Later(self._source, t_ms), replace(self._options, clock=self._options.clock.later(t_ms)))
