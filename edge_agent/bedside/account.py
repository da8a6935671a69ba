"""The account of a silence: which alarms a gateway raised by itself, which stand, and which are over.

Pure. Kept until the hub has been heard again for a while, so that it can be told more than once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import msgspec

from vitals.alarms import Alarm, AlarmEvent
from vitals.bundles import MAX_REPORTED, BedsideReport
from vitals.codec import MAX_PAYLOAD_BYTES, encode

ENDINGS = ("cleared", "reset")
MARGIN_MS = 2_000  # between the hub's last beat and its end it may have announced an alarm, or not


class Account:
    """`told` are the transitions of alarms that stand, `ended` those of alarms that are over; both by alarm id."""

    def __init__(self, told: Iterable[AlarmEvent] = (), ended: Iterable[AlarmEvent] = ()) -> None:
        self._told: dict[str, list[AlarmEvent]] = {}
        for event in told:
            self._told.setdefault(event.alarm.id, []).append(event)
        self._ended: deque[AlarmEvent] = deque(ended, maxlen=2 * MAX_REPORTED)

    def begin(self, standing: Iterable[Alarm], heard_at: int) -> None:
        """The hub has fallen silent. What was raised since it was heard last may be known to nobody."""
        for alarm in standing:
            if alarm.raised >= heard_at - MARGIN_MS:
                self._told.setdefault(alarm.id, [AlarmEvent(change="raised", time=alarm.raised, alarm=alarm)])

    def add(self, event: AlarmEvent) -> AlarmEvent:
        """A transition while the hub is silent; returns it marked as the bedside's own if it is."""
        alarm = event.alarm
        if event.change == "raised":
            self._told[alarm.id] = []
        own = self._told.get(alarm.id)
        if own is None:
            return event
        event = msgspec.structs.replace(event, alarm=marked(alarm))
        own.append(event)
        if event.change in ENDINGS:
            self._ended.extend(self._told.pop(alarm.id))
        return event

    def close(self) -> None:
        """The hub has had it all."""
        self._told.clear()
        self._ended.clear()

    @property
    def told(self) -> list[AlarmEvent]:
        """The transitions of the gateway's own alarms that stand."""
        return [event for events in self._told.values() for event in events]

    @property
    def ended(self) -> list[AlarmEvent]:
        """The transitions of the gateway's own alarms that are over."""
        return list(self._ended)

    def is_own(self, alarm: Alarm) -> bool:
        """Whether the gateway raised it by itself."""
        return alarm.id in self._told

    def report(
        self, standing: Iterable[Alarm], gateway: str, now: int, silent_since: int | None, version: int
    ) -> BedsideReport:
        """What to tell: never more than one message holds, the alarms that stand before those that are over."""
        shown = [marked(alarm) if self.is_own(alarm) else alarm for alarm in standing][:MAX_REPORTED]
        ended = self.ended
        while True:
            report = BedsideReport(
                gateway=gateway, time=now, silent_since=silent_since, version=version, standing=shown, ended=ended
            )
            if len(encode(report)) < MAX_PAYLOAD_BYTES or not (ended or shown):
                return report
            # The oldest endings first: the hub finds those again in the readings when they come.
            ended, shown = (ended[len(ended) // 2 + 1 :], shown) if ended else (ended, shown[: len(shown) // 2])


def marked(alarm: Alarm) -> Alarm:
    """The alarm, marked as raised at the bed."""
    return msgspec.structs.replace(alarm, bedside=True)
