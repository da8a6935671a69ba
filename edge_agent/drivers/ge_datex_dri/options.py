"""Options of the driver `ge-datex-dri`."""

from __future__ import annotations

from typing import Annotated

import msgspec

from edge_agent.drivers.ge_datex_dri import labels
from edge_agent.drivers.ge_datex_dri.requests import MAX_WAVES
from edge_agent.drivers.ge_datex_dri.waves import MAX_RATE_HZ, SIGNALS
from vitals.durations import Duration

MAX_LEVEL = 12


class GeDatexOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is asked of the monitor, and what its channels are called."""

    interval: Annotated[
        Duration, msgspec.Meta(description="How often the monitor sends its values: whole seconds, 5s to 300s")
    ] = msgspec.field(default_factory=lambda: Duration(5_000))
    levels: Annotated[
        tuple[int, ...],
        msgspec.Meta(description="Interface levels to ask for; a monitor answers only a level it supports"),
    ] = (9, 8, 7)
    waves: Annotated[
        tuple[str, ...],
        msgspec.Meta(description="Waveforms to ask for, at most 8 and 600 samples per second together"),
    ] = ()
    labels: Annotated[
        dict[str, str],
        msgspec.Meta(description="Our name for a channel by its label on the monitor, such as P1: abp or T2: none"),
    ] = msgspec.field(default_factory=dict)
    alarms: Annotated[
        bool, msgspec.Meta(description="Ask for the alarm texts on the monitor's screen after each set of values")
    ] = True

    def __post_init__(self) -> None:
        if not 5_000 <= self.interval <= 300_000 or self.interval % 1_000:
            raise ValueError("interval: expected whole seconds from 5s to 300s")
        if not self.levels or len(set(self.levels)) < len(self.levels):
            raise ValueError("levels: expected at least one level, and none twice")
        if not all(0 <= level <= MAX_LEVEL for level in self.levels):
            raise ValueError(f"levels: expected 0 to {MAX_LEVEL}")
        for wave in self.waves:
            if wave not in SIGNALS:
                raise ValueError(f"waves: no waveform is called {wave!r}; use {', '.join(SIGNALS)}")
        if len(set(self.waves)) < len(self.waves) or len(self.waves) > MAX_WAVES:
            raise ValueError(f"waves: expected at most {MAX_WAVES}, and none twice")
        rate = sum(SIGNALS[wave].rate_hz for wave in self.waves)
        if rate > MAX_RATE_HZ:
            raise ValueError(
                f"waves: {rate} samples per second; the monitor sends at most {MAX_RATE_HZ}, ask for fewer"
            )
        labels.check(self.labels)
