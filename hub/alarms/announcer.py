"""The announcer: alarm events become retained alarm topics and events, surely and at once.

Announcing does not wait for the disk. What was announced stays in the journal's outbox until the broker has
acknowledged it, and is said again after every connect: twice at worst, never missed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chassis.failpoints import failpoint
from chassis.session import Session
from vitals import topics
from vitals.alarms import Alarm, AlarmEvent
from vitals.codec import encode

_ENDED = ("cleared", "reset")


class _Unconfirmed(NamedTuple):
    """An event in the outbox: the connection it was said in, and the number of the last message then."""

    generation: int
    said: int
    body: bytes
    topic: str


class Announcer:
    """Publishes through the hub's session, and remembers what the broker has not acknowledged."""

    def __init__(self, session: Session, hub: str) -> None:
        self._session = session
        self._hub = hub
        self._unconfirmed: dict[int, _Unconfirmed] = {}  # by event id

    @property
    def unheard(self) -> int:
        """Events in the outbox that the broker has not acknowledged."""
        return len(self._unconfirmed)

    def announce(self, event: AlarmEvent) -> None:
        """Say one transition: the state of its alarm, then the event."""
        body = b"" if event.change in _ENDED else encode(event.alarm)
        failpoint("announce.before")
        self._session.publish(self._state_topic(event.alarm), body, retain=True)
        failpoint("announce.between")
        self._session.publish(self._event_topic(event.alarm), encode(event))
        failpoint("announce.after")

    def committed(self, number: int, event: AlarmEvent, generation: int) -> None:
        """An event is in the outbox now as `number`; it was announced in connection `generation`, 0: in none."""
        body, topic = encode(event), self._event_topic(event.alarm)
        self._unconfirmed[number] = _Unconfirmed(generation, self._session.said, body, topic)

    def confirmed(self) -> list[int]:
        """Events the broker has acknowledged since; they may leave the outbox."""
        if not self._unconfirmed or not self._session.connected:
            return []
        generation, reached = self._session.generation, self._session.acknowledged
        done = [
            number
            for number, event in self._unconfirmed.items()
            if event.generation == generation and event.said <= reached
        ]
        for number in done:
            del self._unconfirmed[number]
        return done

    def repeat(self, alarms: Iterable[Alarm]) -> None:
        """After a connect: every standing alarm, whole, and every event that may not have been heard."""
        generation = self._session.generation
        for alarm in alarms:
            self._session.publish(self._state_topic(alarm), encode(alarm), retain=True)
        for number, event in self._unconfirmed.items():
            self._session.publish(event.topic, event.body)
            self._unconfirmed[number] = event._replace(generation=generation, said=self._session.said)

    def retract(self, topic: str) -> None:
        """Take back a retained alarm that no longer stands: a broker restored it from an old file."""
        self._session.publish(topic, b"", retain=True)

    def _state_topic(self, alarm: Alarm) -> str:
        if alarm.subject:
            return topics.equipment_alarm(self._hub, alarm.subject, alarm.rule)
        return topics.alarm(alarm.ward, alarm.bed, alarm.rule)

    def _event_topic(self, alarm: Alarm) -> str:
        return topics.event(alarm.ward) if alarm.ward else topics.hub_event(self._hub)
