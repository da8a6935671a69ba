"""Episodes: the transitions of alarms in, one entry per alarm out, from raised to over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from vitals.alarms import PRIORITY_RANK, Alarm, AlarmEvent, Kind, Priority

CALLS = frozenset({"raised", "reraised", "escalated"})
"""Changes that call people: what a pager would sound for."""


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One alarm from the moment it was raised. What stood at no bed has an empty `bed`."""

    alarm: str
    rule: str
    ward: str
    bed: str
    subject: str
    kind: Kind
    priority: Priority  # the highest it reached
    message: str
    onset: int
    raised: int
    ended: int | None  # when its condition was over (a latched alarm stays longer); None: it still stands
    acknowledged: int | None  # when a person first acknowledged it
    calls: int  # how often it called: raised, raised again, escalated
    test: bool = False
    late: bool = False
    bedside: bool = False

    @property
    def duration(self) -> int | None:
        """Milliseconds from raised to over; None while it stands."""
        return None if self.ended is None else self.ended - self.raised

    @property
    def latency(self) -> int | None:
        """Milliseconds from raised to the first acknowledgement; None if nobody acknowledged it."""
        return None if self.acknowledged is None else max(0, self.acknowledged - self.raised)


class Episodes(NamedTuple):
    """What a replay told, and the alarms that makes, by the time they were raised."""

    events: tuple[AlarmEvent, ...]
    alarms: tuple[Episode, ...]


class Ledger:
    """Folds events into episodes as they come; the events of one alarm in their order, repeats are ignored."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[int, Episode]] = {}  # alarm id → (newest revision, what is known)

    def take(self, event: AlarmEvent) -> None:
        """Note one transition."""
        alarm = event.alarm
        rev, known = self._kept.get(alarm.id, (0, None))
        if alarm.rev > rev:
            self._kept[alarm.id] = (alarm.rev, _after(known, event))

    def episodes(self) -> list[Episode]:
        """Every alarm seen so far, by the time it was raised."""
        return sorted((episode for _, episode in self._kept.values()), key=_when)


def fold(events: Iterable[AlarmEvent]) -> list[Episode]:
    """The episodes of `events`, which may come in any order and more than once."""
    ledger = Ledger()
    for event in sorted(events, key=lambda event: event.alarm.rev):
        ledger.take(event)
    return ledger.episodes()


def _after(known: Episode | None, event: AlarmEvent) -> Episode:
    alarm = event.alarm
    if known is None:
        known = _begun(alarm)
    ended = known.ended
    if event.change in CALLS:
        ended = None
    elif event.change in ("latched", "cleared", "reset") and ended is None:
        ended = event.time
    acknowledged = known.acknowledged
    # To acknowledge a latched alarm is told as a reset: somebody has seen it all the same.
    if acknowledged is None and (event.change == "acknowledged" or (event.change == "reset" and event.by)):
        acknowledged = event.time
    return msgspec.structs.replace(
        known,
        priority=max(known.priority, alarm.priority, key=PRIORITY_RANK.__getitem__),
        ended=ended,
        acknowledged=acknowledged,
        calls=known.calls + (event.change in CALLS),
    )


def _begun(alarm: Alarm) -> Episode:
    """What any revision says of the beginning, so that a window may open in the middle of an alarm."""
    return Episode(
        alarm=alarm.id,
        rule=alarm.rule,
        ward=alarm.ward,
        bed=alarm.bed,
        subject=alarm.subject,
        kind=alarm.kind,
        priority=alarm.priority,
        message=alarm.message,
        onset=alarm.onset,
        raised=alarm.raised,
        ended=None,
        acknowledged=alarm.acknowledged_at,
        calls=0,
        test=alarm.test,
        late=alarm.late,
        bedside=alarm.bedside,
    )


def _when(episode: Episode) -> tuple[int, str, str, str, str]:
    return episode.raised, episode.ward, episode.bed, episode.rule, episode.alarm
