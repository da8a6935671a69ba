"""Urgency: which alarm is shown, and which event is told, before which."""

from __future__ import annotations

from vitals.alarms import PRIORITY_RANK, Alarm, AlarmEvent

_STATE_RANK = {"active": 0, "audio_paused": 1, "alarms_paused": 1, "latched": 2, "acknowledged": 3}


def in_order(events: list[AlarmEvent]) -> list[AlarmEvent]:
    """The most urgent first, tests last, then by place and rule; the events of one rule in their own order.

    The order in which a bed's alarms began would be forgotten in a restart.
    """
    ranks: dict[tuple[str, ...], int] = {}
    for event in events:  # what has just risen goes with all that led there
        place = _place(event.alarm)
        ranks[place] = max(PRIORITY_RANK[event.alarm.priority], ranks.get(place, 0))
    return sorted(events, key=lambda event: (event.alarm.test, -ranks[_place(event.alarm)], _place(event.alarm)))


def _place(alarm: Alarm) -> tuple[str, ...]:
    return alarm.ward, alarm.bed, alarm.subject, alarm.rule


def urgency(alarm: Alarm) -> tuple[bool, int, int, bool, int, str, tuple[str, ...]]:
    """Sorts the most urgent alarm first; tests last."""
    return (
        alarm.test,
        -PRIORITY_RANK[alarm.priority],
        _STATE_RANK[alarm.state],
        alarm.kind == "technical",
        -alarm.raised,
        alarm.rule,
        _place(alarm),
    )
