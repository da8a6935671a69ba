"""Late data: what a hub says of the alarms it found afterwards, in readings that came too late to be judged as live."""

from __future__ import annotations

import msgspec

from vitals.alarms import Alarm
from vitals.identity import WardId
from vitals.readings import Milliseconds


class LateSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `ward/<ward>/late`: once per gap that was filled. For looking back, never for paging."""

    ward: WardId
    time: Milliseconds
    start: Milliseconds  # the readings that came late were measured in [start, end]
    end: Milliseconds
    beds: list[str]  # whose readings came late
    records: int
    found: int  # alarms that nobody was told of at the time
    alarms: list[Alarm] = []  # the gravest of them, at most 20; all are in the history
