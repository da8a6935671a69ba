"""How good the system clock is, as the kernel knows it: synced, holdover or unsynced."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

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
    """Remembers whether the clock was ever good: a good clock left alone holds over, it is not unknown."""

    def __init__(self, synced: Callable[[], bool | None] = kernel_synced) -> None:
        self._synced = synced
        self._was_synced = False
        self.quality: ClockQuality = "unsynced"
        self.look()

    def look(self) -> ClockQuality:
        """Ask the kernel again; called each few seconds."""
        synced = self._synced()
        if synced is None:
            self.quality = "holdover"
        elif synced:
            self._was_synced = True
            self.quality = "synced"
        else:
            self.quality = "holdover" if self._was_synced else "unsynced"
        return self.quality
