"""The conversation with a monitor: association, the answer it insists on, polls, and starting again.

Pure: messages and the time in, messages to send out. One message at a time, so that each can be one datagram.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from edge_agent.drivers.intellivue import codes, requests
from edge_agent.drivers.intellivue.messages import (
    CONNECT,
    MDS_CREATE,
    Event,
    Message,
    PollReply,
    RemoteError,
    Result,
    Session,
)
from edge_agent.drivers.intellivue.polls import Poll

Polling = Literal["auto", "single", "extended"]

PACE_MS = 43  # three messages in 128 ms; the monitor takes four
ASK_AGAIN_MS = 2_000  # an association request without an answer
SILENCE_MS = 10_000  # the monitor gives us up after as long, too
REST_MS = 2_000  # after a refusal, an abort or a release
EXTENDED_S = 60  # an extended poll runs so long
RENEW_MS = 50_000
HELP_OUT_MS = 3_000  # single polls fill in when an extended one brings nothing for so long
PATIENCE_MS = 4_000  # results of an extended poll come each second or faster
LONGEST_PERIOD_MS = 60_000
ALERTS_MS, KEEP_ALIVE_MS = 2_000, 4_000


class State(Enum):
    """Where the conversation stands."""

    LISTENING = "listening"  # never started: a recording is read, nothing is said
    ASKING = "asking"
    ACCEPTED = "accepted"  # the monitor will now describe itself and wait for our answer
    POLLING = "polling"
    RESTING = "resting"


class Cause(Enum):
    """What moves it."""

    STARTED = "started"
    ACCEPTED = "accepted"
    DESCRIBED = "described"
    ENDED = "ended"  # refused, aborted or released by the monitor
    SILENT = "silent"
    RESTED = "rested"


NEXT: dict[State, dict[Cause, State]] = {
    State.LISTENING: {Cause.STARTED: State.ASKING},
    # A description without an accept: that datagram was lost, or we came back while we were still its client.
    State.ASKING: {Cause.ACCEPTED: State.ACCEPTED, Cause.DESCRIBED: State.POLLING, Cause.ENDED: State.RESTING},
    State.ACCEPTED: {Cause.DESCRIBED: State.POLLING, Cause.ENDED: State.RESTING, Cause.SILENT: State.ASKING},
    State.POLLING: {Cause.ENDED: State.RESTING, Cause.SILENT: State.ASKING},
    State.RESTING: {Cause.RESTED: State.ASKING},
}

_ENDS = frozenset({"refuse", "abort", "release_request"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the settings ask for."""

    polling: Polling = "auto"
    interval_ms: int = 1_000
    alarms: bool = True
    waves: tuple[str, ...] = ()


class Conversation:
    """One monitor."""

    def __init__(self, wishes: Wishes) -> None:
        self._wishes = wishes
        self.state = State.LISTENING
        self._heard = 0
        self._sent: int | None = None
        self._rest_until = 0
        self._asked: int | None = None
        self._forget()

    def start(self, now: int) -> bytes:
        """The line opened: ask for an association."""
        self.state = State.LISTENING
        self._sent = None
        self._move(Cause.STARTED, now)
        return self.speak(now)

    def hear(self, message: Message, now: int) -> bytes:
        """Take a message. Returns the answer that must not wait, if any."""
        if self.state is State.LISTENING:
            return b""
        self._heard = now
        if isinstance(message, Session):
            return self._hear_session(message, now)
        if isinstance(message, Event):
            return self._hear_event(message, now)
        if isinstance(message, PollReply):
            self._answered(message.object_class, message.extended, now)
        elif isinstance(message, Result | RemoteError) and message.invoke_id == self._priority_id:
            self._waves_chosen.answered = now  # also if the monitor has no choice: it exports what it likes
        if isinstance(message, RemoteError):
            self._refused |= {kind for kind, asked in self._extended_ids.items() if asked == message.invoke_id}
        return b""

    def speak(self, now: int) -> bytes:
        """The next message, if one is due and the monitor has had time for the last one."""
        if self.state is State.LISTENING or (self._sent is not None and now - self._sent < PACE_MS):
            return b""
        message = self._next(now)
        if message:
            self._sent = now
        return message

    def leave(self) -> bytes:
        """Say goodbye, if there is somebody who would miss us."""
        return requests.release_request() if self.state in (State.ACCEPTED, State.POLLING) else b""

    def _forget(self) -> None:
        wishes = self._wishes
        self._granted = 0
        self._presentation = requests.PRESENTATION
        self._invoke_id = 0
        self._poll_number = 0
        self._extended_ids: dict[int, int] = {}  # object class and the invoke id of its last extended poll
        self._refused: set[int] = set()  # object classes
        self._priority_id: int | None = None
        self._numerics = Poll(every_ms=wishes.interval_ms, patience_ms=LONGEST_PERIOD_MS)
        self._numerics_extended = Poll(every_ms=RENEW_MS, patience_ms=PATIENCE_MS)
        self._alerts = Poll(every_ms=ALERTS_MS, patience_ms=ALERTS_MS)
        self._keep_alive = Poll(every_ms=KEEP_ALIVE_MS, patience_ms=KEEP_ALIVE_MS)
        self._waves_chosen = Poll(every_ms=None, patience_ms=PATIENCE_MS)
        self._waves = Poll(every_ms=RENEW_MS, patience_ms=PATIENCE_MS)

    def _move(self, cause: Cause, now: int) -> None:
        there = NEXT[self.state].get(cause)
        if there is None:
            return
        self.state = there
        self._heard = now
        if there is State.RESTING:
            self._rest_until = now + REST_MS
        if there is State.ASKING:
            self._asked = None

    def _hear_session(self, message: Session, now: int) -> bytes:
        if message.kind == "accept" and self.state is State.ASKING:
            self._forget()
            self._granted = message.extended
            # The monitor may want to be asked less often than we would like to.
            wanted_ms = min((message.min_poll_period or 0) // 8, LONGEST_PERIOD_MS)
            self._numerics.every_ms = max(self._wishes.interval_ms, wanted_ms)
            self._move(Cause.ACCEPTED, now)
        elif message.kind in _ENDS:
            self._move(Cause.ENDED, now)
            if message.kind == "release_request":
                return self._at_once(requests.release_response(), now)
        return b""

    def _hear_event(self, message: Event, now: int) -> bytes:
        if message.event_type == CONNECT and self.state is State.RESTING:
            self._move(Cause.RESTED, now)  # it announces itself: it is free
        if not message.confirmed:
            return b""
        self._presentation = message.presentation
        if message.event_type == MDS_CREATE:
            if self.state is State.ASKING:
                self._forget()
            self._move(Cause.DESCRIBED, now)
        return self._at_once(requests.event_result(message), now)

    def _at_once(self, message: bytes, now: int) -> bytes:
        self._sent = now
        return message

    def _answered(self, object_class: int, extended: bool, now: int) -> None:
        if object_class == codes.NUMERICS:
            (self._numerics_extended if extended else self._numerics).answered = now
        elif object_class == codes.WAVES:
            self._waves.answered = now

    def _next(self, now: int) -> bytes:
        if self.state is State.RESTING:
            if now < self._rest_until:
                return b""
            self._move(Cause.RESTED, now)
        if self.state in (State.ACCEPTED, State.POLLING) and now - self._heard > SILENCE_MS:
            self._move(Cause.SILENT, now)
            return requests.abort()
        if self.state is State.ASKING:
            return self._ask(now)
        return self._poll(now) if self.state is State.POLLING else b""

    def _ask(self, now: int) -> bytes:
        if self._asked is not None and now - self._asked < ASK_AGAIN_MS:
            return b""
        self._asked = now
        return requests.association_request()

    def _poll(self, now: int) -> bytes:
        """The question that has been due for the longest time."""
        due = [(when, poll, say) for poll, say in self._questions(now) if (when := poll.due()) is not None]
        when, poll, say = min(due, key=lambda entry: entry[0])
        if when > now:
            return b""
        poll.ask(now)
        return say()

    def _questions(self, now: int) -> list[tuple[Poll, Callable[[], bytes]]]:
        questions: list[tuple[Poll, Callable[[], bytes]]] = []
        extended = self._extended(codes.NUMERICS, requests.EVERY_SECOND)
        if extended:
            questions.append((self._numerics_extended, lambda: self._extended_poll(codes.NUMERICS)))
        # A monitor that grants extended polls and then does not send is asked each time.
        if not extended or self._numerics_extended.silent_for(now) > HELP_OUT_MS:
            questions.append((self._numerics, lambda: self._single_poll(codes.NUMERICS)))
        if self._wishes.alarms:
            questions.append((self._alerts, lambda: self._single_poll(codes.ALERTS, codes.ALERT_GROUP)))
        else:
            questions.append((self._keep_alive, lambda: self._single_poll(codes.MDS, codes.IDENTIFICATION_GROUP)))
        if self._wishes.waves and self._extended(codes.WAVES, requests.WAVES):
            questions.append((self._waves_chosen, self._choose_waves))
            if self._waves_chosen.asked is not None:
                questions.append((self._waves, lambda: self._extended_poll(codes.WAVES)))
        return questions

    def _extended(self, object_class: int, option: int) -> bool:
        if object_class in self._refused:
            return False
        if self._wishes.polling == "auto":
            return bool(self._granted & option)
        return self._wishes.polling == "extended"

    def _single_poll(self, object_class: int, group: int = 0) -> bytes:
        return requests.single_poll(
            object_class, group, number=self._number(), invoke_id=self._invoke(), presentation=self._presentation
        )

    def _extended_poll(self, object_class: int) -> bytes:
        invoke_id = self._invoke()
        self._extended_ids[object_class] = invoke_id
        return requests.extended_poll(
            object_class,
            seconds=EXTENDED_S,
            number=self._number(),
            invoke_id=invoke_id,
            presentation=self._presentation,
        )

    def _choose_waves(self) -> bytes:
        self._priority_id = self._invoke()
        texts = [codes.TEXT_PARTITION | codes.WAVE_CODE[name] for name in self._wishes.waves]
        return requests.wave_priorities(texts, invoke_id=self._priority_id, presentation=self._presentation)

    def _invoke(self) -> int:
        self._invoke_id = self._invoke_id % 0xFFFF + 1
        return self._invoke_id

    def _number(self) -> int:
        self._poll_number = self._poll_number % 0xFFFF + 1
        return self._poll_number
