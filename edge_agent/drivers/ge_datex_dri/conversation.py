"""What is said to the monitor and when: stop, start, ask again when it has fallen silent, and stop at the end."""

from __future__ import annotations

from edge_agent.drivers.ge_datex_dri import requests
from edge_agent.drivers.ge_datex_dri.options import GeDatexOptions
from edge_agent.drivers.ge_datex_dri.waves import SIGNALS

PATIENCE_MS = 5_000  # beyond the interval


class Conversation:
    """Our half of the talk. Silent until `start`: a recording is not talked to."""

    def __init__(self, options: GeDatexOptions) -> None:
        self._options = options
        self._types = [SIGNALS[name].type for name in options.waves]
        self._live = False
        self._values_at = self._waves_at = 0  # last heard or last asked for
        self.silence_ms = options.interval + PATIENCE_MS

    def start(self, now: int) -> bytes:
        """Stop what another host may have asked for, then ask."""
        self._live = True
        return self.stop() + self._ask_values(now) + self._ask_waves(now)

    def stop(self) -> bytes:
        """The monitor sends until it is told not to."""
        if not self._live:
            return b""
        return b"".join(
            requests.stop_values(level=level) + requests.stop_waveforms(level=level) for level in self._options.levels
        )

    def heard_values(self, level: int, now: int) -> bytes:
        """Values arrived; ask for the alarms at the level this monitor speaks."""
        self._values_at = now
        return requests.alarm_status(level=level) if self._live and self._options.alarms else b""

    def heard_waves(self, now: int) -> None:
        """Waves arrived."""
        self._waves_at = now

    def tick(self, now: int) -> bytes:
        """A monitor that was restarted or replugged has forgotten what it was asked for."""
        said = b""
        if self._live and now - self._values_at >= self.silence_ms:
            said += self._ask_values(now)
        if self._live and now - self._waves_at >= self.silence_ms:
            said += self._ask_waves(now)
        return said

    def _ask_values(self, now: int) -> bytes:
        self._values_at = now
        interval_s = self._options.interval // 1_000
        return b"".join(requests.displayed_values(level=level, interval_s=interval_s) for level in self._options.levels)

    def _ask_waves(self, now: int) -> bytes:
        self._waves_at = now
        if not self._types:
            return b""
        return b"".join(requests.waveforms(self._types, level=level) for level in self._options.levels)
