"""Anchors: moments when the true time was known. They tell the time of every other moment of the same boot.

The kernel's steady clock ticks like its wall clock and is never set, so one anchor is enough to date all that happens
between two boots, before it and after it. Pure: what the clocks and the kernel say are arguments.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from edge_agent.stamp import CLOCK_CEILING_MS, CLOCK_FLOOR_MS
from vitals.readings import ClockQuality

STEP_MS = 500  # NTP slews what is less; a clock that differs by more was set
DOUBT_MS = 30_000  # a clock that was set after it was known must stay so for this long to be believed
RENEW_MS = 600_000  # how often an anchor is kept although nothing has changed
SLEW_MS = 20  # or when the clock has been slewed by so much
HUB_ERROR_MS = 1_000  # the hub's word on the time may be as old as this
DRIFT_PPM = 100  # of a quartz nobody disciplines; boards without a clock chip stay below
GOOD_MS = 1_000  # a time known as well as this is as good as one measured by a synced clock

Source = Literal["kernel", "hub"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """When the steady clock of this boot showed `steady`, it was `wall`, give or take `error_ms`."""

    boot: str
    steady: int
    wall: int
    error_ms: int
    source: Source

    @property
    def offset(self) -> int:
        """What makes a wall time of a steady one."""
        return self.wall - self.steady

    def utc(self, steady: int) -> int:
        """The time when the steady clock of this boot showed `steady`."""
        return min(max(0, steady + self.offset), CLOCK_CEILING_MS)

    def error_at(self, steady: int) -> int:
        """How far `utc` of that moment may be off."""
        return self.error_ms + abs(steady - self.steady) * DRIFT_PPM // 1_000_000

    def quality_at(self, steady: int) -> ClockQuality:
        """What a record of that moment says about its clock."""
        return "synced" if self.source == "kernel" and self.error_at(steady) <= GOOD_MS else "holdover"


def nearest(anchors: Iterable[Anchor], steady: int) -> Anchor | None:
    """The anchor that knows best what time it was then."""
    return min(anchors, key=lambda anchor: anchor.error_at(steady), default=None)


class Anchors:
    """What one boot knows of the time: the anchor in force, and what to say while there is none."""

    def __init__(self, boot: str, known: Iterable[Anchor] = (), floor: int = CLOCK_FLOOR_MS) -> None:
        """`floor`: it is later than this, whatever the clock says."""
        self.boot = boot
        self.best: Anchor | None = max(
            (anchor for anchor in known if anchor.boot == boot), key=lambda anchor: anchor.steady, default=None
        )
        self._kept = self.best
        self._floor = max(floor, CLOCK_FLOOR_MS)
        self._begin: int | None = None
        self._doubted: Anchor | None = None
        self._synced: bool | None = False

    @property
    def quality(self) -> ClockQuality:
        """How good `utc` is."""
        if self._synced is None:
            return "holdover"
        if self.best is None:
            return "unsynced"
        return "synced" if self._synced and self.best.source == "kernel" and self._doubted is None else "holdover"

    def look(self, *, wall: int, steady: int, synced: bool | None) -> Anchor | None:
        """What the clocks show, and whether something disciplines them. Returns an anchor that is worth keeping.

        `synced` None: the kernel does not say.
        """
        self._begin = steady if self._begin is None else self._begin
        self._synced = synced if wall >= CLOCK_FLOOR_MS or synced is None else False
        if not self._synced:
            self._doubted = None
            return None
        seen = Anchor(boot=self.boot, steady=steady, wall=wall, error_ms=0, source="kernel")
        best = self.best
        if best is None or best.source == "hub" or abs(seen.offset - best.offset) <= STEP_MS:
            return self._adopt(seen)
        doubted = self._doubted
        if doubted is None or abs(doubted.offset - seen.offset) > STEP_MS:
            self._doubted = seen
        elif steady - doubted.steady >= DOUBT_MS:
            return self._adopt(seen)
        return None

    def heard(self, *, time: int, steady: int, error_ms: int) -> Anchor | None:
        """The hub said `time`, at most `error_ms` ago. Believed where NTP has never said anything in this boot."""
        best = self.best
        if time < CLOCK_FLOOR_MS or error_ms > HUB_ERROR_MS or (best is not None and best.source == "kernel"):
            return None
        seen = Anchor(boot=self.boot, steady=steady, wall=time, error_ms=error_ms, source="hub")
        # What the hub says is on its way for a while: of two that agree, the later time is the better one.
        if best is not None and -HUB_ERROR_MS <= seen.offset - best.offset <= 0:
            return None
        return self._adopt(seen)

    def utc(self, wall: int, steady: int) -> int:
        """The time at `steady`, when the wall clock shows `wall`."""
        if self.best is not None:
            return self.best.utc(steady)
        if wall >= self._floor or self._synced is None:
            return min(max(0, wall), CLOCK_CEILING_MS)
        return self._floor + max(0, steady - (self._begin if self._begin is not None else steady))

    def _adopt(self, seen: Anchor) -> Anchor | None:
        kept = self._kept
        self.best = seen
        self._doubted = None
        if (
            kept is not None
            and kept.source == seen.source
            and abs(kept.offset - seen.offset) <= SLEW_MS
            and 0 <= seen.steady - kept.steady < RENEW_MS
        ):
            return None
        self._kept = seen
        return seen
