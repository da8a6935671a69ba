"""How good the clock of the gateway is, and what time it is: asked of the kernel, remembered as anchors."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from chassis.clock import Clock, SystemClock
from edge_agent.anchors import Anchor, Anchors
from vitals.readings import ClockQuality

_STATUS_OFFSET = 5 * ctypes.sizeof(ctypes.c_long)  # struct timex: modes, offset, freq, maxerror, esterror, status
_STA_UNSYNC = 0x0040  # linux/timex.h
_TIMEX_BYTES = 512  # larger than the struct on every architecture


def kernel_synced() -> bool | None:
    """Whether something disciplines the clock (NTP, PTP); None where the kernel does not say."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: ask, change nothing
    try:
        if ctypes.CDLL(None).adjtimex(buffer) < 0:
            return None
    except (OSError, AttributeError):
        return None
    return not ctypes.c_int.from_buffer(buffer, _STATUS_OFFSET).value & _STA_UNSYNC


class ClockWatch:
    """Watches the clocks of the machine. A good clock left alone holds over, it is not unknown."""

    def __init__(
        self,
        synced: Callable[[], bool | None] | None = None,
        clock: Clock | None = None,
        anchors: Anchors | None = None,
    ) -> None:
        self.anchors = anchors or Anchors("")
        self._synced = synced or kernel_synced
        self._clock = clock or SystemClock()
        self.found = [anchor] if (anchor := self.look()) is not None else []  # before anybody could ask

    @property
    def quality(self) -> ClockQuality:
        """How good the time is that GatewayClock tells."""
        return self.anchors.quality

    @property
    def wrong_by(self) -> int:
        """How far the clock of the machine is ahead of what it should show; 0 if nobody knows."""
        best = self.anchors.best
        return 0 if best is None else self._clock.wall_ms() - best.utc(self._clock.steady_ms())

    def look(self) -> Anchor | None:
        """Ask the kernel again, each few seconds. Returns an anchor that is worth keeping."""
        # Before the clock is read: it may be set in between, and then it was not good yet.
        synced = self._synced()
        return self.anchors.look(wall=self._clock.wall_ms(), steady=self._clock.steady_ms(), synced=synced)


class GatewayClock:
    """The machine's steady clock, and the time its anchors make of it: setting the machine's wall clock moves nothing.

    Before the first anchor it tells what the wall clock says, unless that is surely wrong.
    """

    def __init__(self, clock: Clock, anchors: Anchors) -> None:
        self._clock = clock
        self._anchors = anchors

    def wall_ms(self) -> int:
        return self._anchors.utc(self._clock.wall_ms(), self._clock.steady_ms())

    def steady_ms(self) -> int:
        return self._clock.steady_ms()
