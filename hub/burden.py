"""The burden of a hub's alarms: what its journal tells of a span of time, added up."""

from __future__ import annotations

from collections.abc import Iterable

from hub.history import History
from rules.burden import DAY_MS, Burden, burden
from rules.episodes import Ledger
from vitals.identity import BedKey


def burden_of(
    history: History, beds: Iterable[BedKey], *, start: int, end: int, now: int, ward: str | None = None
) -> Burden:
    """The alarms raised in [start, end) at `beds`, of one ward or of all; nothing after `now` is counted as time.

    A bed that is no longer in the settings counts if it had an alarm then. The journal is read from a day before to a
    day after: an alarm that stood longer than a day before the span is not seen in its time in alarm.
    """
    ledger = Ledger()
    for event in history.transitions(start - DAY_MS, end + DAY_MS, ward):
        ledger.take(event)
    episodes = ledger.episodes()
    until = max(start, min(end, now))
    named = {bed for bed in beds if ward is None or bed.ward == ward}
    seen = {BedKey(one.ward, one.bed) for one in episodes if one.bed and start <= one.raised < end}
    return burden(episodes, dict.fromkeys(sorted(named | seen), (start, until)))
