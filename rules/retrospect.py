"""Retrospect: alarms of readings that came late, less those people were told of at the time."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from rules.episodes import Episode, Episodes
from vitals.alarms import AlarmEvent, Change

_ENDINGS = ("latched", "cleared", "reset")


class Span(NamedTuple):
    """Readings measured from `start` to `end` (UTC ms, both inclusive) came late."""

    start: int
    end: int


def unseen(replayed: Episodes, known: Iterable[Episode], span: Span) -> list[AlarmEvent]:
    """For each alarm of patients that touches `span` and nobody was told of: that it was raised, and that it ended.

    `known` are the alarms of the bed as they were told. One that was standing already speaks for the whole episode. The
    events carry the times of measurement and are marked late; the same readings always give the same events.
    """
    told = list(known)
    found: list[AlarmEvent] = []
    for episode in replayed.alarms:
        if episode.kind != "physiological" or episode.test or not _meet(episode, span.start, span.end):
            continue
        if any(_same(episode, other) for other in told):
            continue
        events = [event for event in replayed.events if event.alarm.id == episode.alarm]
        found.append(_late(events[0], "raised", episode.raised))
        if episode.ended is not None:
            last = next(event for event in reversed(events) if event.change in _ENDINGS)
            found.append(_late(last, "cleared", episode.ended))
    return found


def _same(episode: Episode, other: Episode) -> bool:
    """Whether people heard of it: not as what an earlier look back found, which may be told on."""
    if other.rule != episode.rule or (other.late and other.alarm == episode.alarm):
        return False
    return _meet(other, episode.raised, episode.raised if episode.ended is None else episode.ended)


def _meet(episode: Episode, start: int, end: int) -> bool:
    return episode.raised <= end and (episode.ended is None or episode.ended >= start)


def _late(event: AlarmEvent, change: Change, time: int) -> AlarmEvent:
    alarm = msgspec.structs.replace(
        event.alarm, late=True, state="active", changed=time, acknowledged_by="", acknowledged_at=None, until=None
    )
    return AlarmEvent(change=change, time=time, alarm=alarm)
