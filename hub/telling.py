"""Telling: alarms at once, answers after their commit, and both again until the broker has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from chassis.failpoints import failpoint
from chassis.session import Session
from hub.alarms.announcer import Announcer
from hub.alarms.desk import Answer
from hub.journal import EventRow
from vitals import topics
from vitals.alarms import AlarmEvent
from vitals.codec import decode, encode


class _Said:
    """What was said before its commit: events with the connection they were said in, and answers that wait."""

    __slots__ = ("answers", "events", "words")

    def __init__(self) -> None:
        self.events: list[tuple[int, AlarmEvent]] = []
        self.answers: list[Answer] = []
        self.words: list[tuple[str, bytes]] = []


class Telling:
    """What goes out about alarms and commands, and when."""

    def __init__(
        self,
        session: Session,
        announcer: Announcer,
        outbox: Iterable[tuple[int, bytes]],
        done: Callable[[Answer], None],
    ) -> None:
        """`outbox`: events of the last run that may not have been heard; `done`: an answer's rows are committed."""
        self._session = session
        self._announcer = announcer
        self._done = done
        self._waiting = _Said()
        self._aboard = _Said()  # in the commit under way
        for number, body in outbox:
            announcer.committed(number, decode(body, AlarmEvent), 0)

    def announce(self, events: Iterable[AlarmEvent]) -> list[EventRow]:
        """Say `events` now; the rows that must be committed for them."""
        generation = self._session.generation if self._session.connected else 0
        rows: list[EventRow] = []
        for event in events:
            self._announcer.announce(event)
            self._waiting.events.append((generation, event))
            rows.append(_event_row(event))
        return rows

    def answer_later(self, answer: Answer) -> None:
        """Answer after the next commit."""
        self._waiting.answers.append(answer)
        self._waiting.words += answer.words

    def say_later(self, topic: str, payload: bytes) -> None:
        """Say something after the next commit."""
        self._waiting.words.append((topic, payload))

    def answer(self, answer: Answer) -> None:
        """Answer now."""
        self._session.publish(topics.result(answer.client, answer.action), encode(answer.result))

    def aboard(self) -> None:
        """What waits goes into the commit that is beginning."""
        self._aboard, self._waiting = self._waiting, _Said()

    def committed(self, ids: list[int]) -> None:
        """That commit is durable; `ids` are the numbers of its events."""
        for number, (generation, event) in zip(ids, self._aboard.events, strict=True):
            self._announcer.committed(number, event, generation)
        for answer in self._aboard.answers:
            failpoint("answer.before")
            self._done(answer)
            self.answer(answer)
            failpoint("answer.after")
        for topic, payload in self._aboard.words:
            self._session.publish(topic, payload)


def _event_row(event: AlarmEvent) -> EventRow:
    alarm = event.alarm
    # Equipment that stands at no bed has its place in the column of the bed: gateway/gw-1.
    return EventRow(alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, encode(event))
