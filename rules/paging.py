"""Paging: alarm events and the passing of time become pages to send, again, to the next, or no longer.

An *escalation* is the timeline of one raised alarm, a *call* is one recipient wanted for one step of it, and a
*delivery* is the one message that carries the calls of a recipient which fell due together.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from rules.rotas import Plan
from vitals.alarms import PRIORITY_RANK, Alarm, AlarmEvent
from vitals.pages import MAX_ALARMS, PagerFault

AGAIN_MS = 15_000  # no receipt for so long: the page is sent again
GIVE_UP_MS = 60_000  # no receipt for so long: somebody else is paged
LAST_RESORT_MS = 60_000  # and it is still tried so often, while the alarm stands and nobody has it
GROUP_MS = 1_500  # further alarms of one ward wait so long for company; with sending, less than 2 s
LIVE_MS = 60_000  # events this young carry a time worth counting from

Outcome = Literal["", "acknowledged", "paused", "over"]
CallState = Literal["queued", "sent", "received", "acknowledged", "paused", "over", "failed"]

_BEGINS = ("raised", "escalated", "reraised")
_ENDED = ("cleared", "reset")


@dataclass(slots=True, kw_only=True)
class Escalation:
    """One alarm on its way through the steps of its policy."""

    alarm: Alarm
    round: int  # the revision that raised it; a new one begins at the first step again
    since: int
    taken: int = 0  # steps that have called their recipients
    hurry: bool = False  # nobody of the last step can be reached: the next one is due now
    over: bool = False


@dataclass(slots=True, kw_only=True)
class Call:
    """One recipient wanted for one step of one alarm."""

    id: str
    alarm: str
    step: int  # counted from 1
    recipient: str
    time: int  # when it fell due
    stands_in_for: str = ""  # the recipient who could not be reached
    delivery: str = ""  # empty while it waits for company
    outcome: Outcome = ""
    by: str = ""  # who acknowledged or paused


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One message to one recipient."""

    id: str
    recipient: str
    ward: str
    test: bool
    time: int
    calls: list[str]
    tries: int = 0
    first: int | None = None  # when it was first tried since this process began
    due: int = 0  # when it is tried again
    sent: int | None = None
    received: int | None = None
    failed: int | None = None
    trouble: str = ""  # what the last failed attempt said


class Send(NamedTuple):
    """Send this delivery now, on every channel of its recipient."""

    delivery: str
    recipient: str
    attempt: int
    step: int
    ward: str
    test: bool
    time: int
    alarms: list[Alarm]


@dataclass(slots=True)
class Changes:
    """What must be saved before anything is sent."""

    escalations: list[Escalation] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.escalations or self.calls or self.deliveries)


class Paging:
    """Decides who is paged. All times are UTC milliseconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._escalations: dict[str, Escalation] = {}  # by alarm id; open ones only
        self._calls: dict[str, Call] = {}  # of open escalations
        self._deliveries: dict[str, Delivery] = {}  # with a call that is still wanted
        self._windows: dict[tuple[str, str, bool], int] = {}  # (ward, recipient, test) → when the next may leave
        self._unreached: dict[str, PagerFault] = {}
        self._dirty: dict[int, Escalation | Call | Delivery] = {}

    def restore(
        self,
        escalations: Iterable[Escalation],
        calls: Iterable[Call],
        deliveries: Iterable[Delivery],
        faults: Iterable[PagerFault] = (),
    ) -> None:
        """Go on with what was saved: what has no receipt is sent again, for nobody knows whether it was."""
        self._escalations = {one.alarm.id: one for one in escalations if not one.over}
        self._calls = {call.id: call for call in calls if not call.outcome}
        self._deliveries = {one.id: one for one in deliveries if any(call in self._calls for call in one.calls)}
        self._unreached = {fault.recipient: fault for fault in faults if fault.recipient in self._plan.recipients}
        for delivery in self._deliveries.values():
            if delivery.failed is None:
                delivery.first, delivery.due = None, 0

    def take(self, event: AlarmEvent, now: int, *, live: bool = True) -> None:
        """Learn of one transition. `live` is False for what is read after a pause, in which clocks may have moved."""
        alarm = event.alarm
        if alarm.late:
            return
        known = self._escalations.get(alarm.id)
        if event.change in _ENDED:
            self._end(known, "over", event.by)
        elif alarm.state == "acknowledged":
            self._end(known, "acknowledged", event.by or alarm.acknowledged_by)
        elif alarm.state in ("audio_paused", "alarms_paused"):
            self._end(known, "paused", event.by or alarm.paused_by)
        elif alarm.state == "active" and (known is None or event.change in _BEGINS):
            trusted = not live or 0 <= now - event.time <= LIVE_MS
            self._begin(alarm, min(event.time, now) if trusted else now)
        elif known is not None:  # latched, or the same with other numbers: nobody has seen it yet
            known.alarm = alarm
            self._note(known)

    def stand(self, alarm: Alarm, now: int) -> None:
        """Learn of an alarm that stood unseen before anybody listened."""
        if not alarm.late and alarm.state in ("active", "latched"):
            self._begin(alarm, min(alarm.changed, now))

    def sent(self, delivery: str, now: int) -> None:
        """A channel has handed the message on."""
        one = self._deliveries.get(delivery)
        if one is None:
            return
        if one.sent is None:
            one.sent, one.trouble = now, ""
            self._note(one)
        recipient = self._plan.recipients.get(one.recipient)
        if recipient is not None and not recipient.confirms:
            self._unreached.pop(one.recipient, None)

    def received(self, delivery: str, recipient: str, now: int) -> None:
        """The recipient's device, or the receiver of a webhook, has the message."""
        self._unreached.pop(recipient, None)
        one = self._deliveries.get(delivery)
        if one is not None and one.recipient == recipient and one.received is None:
            one.received = now
            one.sent = now if one.sent is None else one.sent
            one.trouble = ""
            self._note(one)

    def trouble(self, delivery: str, reason: str) -> None:
        """A channel could not hand the message on."""
        one = self._deliveries.get(delivery)
        if one is not None and one.received is None and one.trouble != reason:
            one.trouble = reason
            self._note(one)

    def advance(self, now: int) -> list[Send]:
        """What is to be sent now."""
        for escalation in list(self._escalations.values()):
            self._call_due(escalation, now)
        self._give_up(now)
        made = list(self._gather(now))
        again = [send for one in list(self._deliveries.values()) if (send := self._try(one, now)) is not None]
        return [*made, *again]

    def reconnected(self) -> None:
        """A way out is back: what is not received is due at once."""
        for delivery in self._deliveries.values():
            if delivery.received is None:
                delivery.due = 0

    def wanted(self, delivery: str) -> bool:
        """Whether a delivery is still of use: one of its alarms is unanswered."""
        return delivery in self._deliveries

    def faults(self) -> list[PagerFault]:
        """Recipients whom the last page did not reach."""
        return list(self._unreached.values())

    def unsaved(self) -> Changes:
        """What has changed since `saved` was last said."""
        changes = Changes()
        for one in self._dirty.values():
            if isinstance(one, Escalation):
                changes.escalations.append(one)
            elif isinstance(one, Call):
                changes.calls.append(one)
            else:
                changes.deliveries.append(one)
        return changes

    def saved(self) -> None:
        """What `unsaved` gave is on disk; nothing was changed in between."""
        self._dirty = {}

    def open_alarms(self) -> list[str]:
        """Ids of the alarms that nobody has answered."""
        return list(self._escalations)

    # Escalations begin, take their steps and end.

    def _begin(self, alarm: Alarm, since: int) -> None:
        self._end(self._escalations.get(alarm.id), "over", "")
        escalation = self._escalations[alarm.id] = Escalation(alarm=alarm, round=alarm.rev, since=since)
        self._note(escalation)

    def _end(self, escalation: Escalation | None, outcome: Outcome, by: str) -> None:
        if escalation is None:
            return
        escalation.over = True
        self._note(escalation)
        del self._escalations[escalation.alarm.id]
        for call in [call for call in self._calls.values() if call.alarm == escalation.alarm.id]:
            call.outcome, call.by = outcome, by
            self._note(call)
            del self._calls[call.id]
        for one in list(self._deliveries.values()):
            if not any(call in self._calls for call in one.calls):
                del self._deliveries[one.id]

    def _call_due(self, escalation: Escalation, now: int) -> None:
        policy = self._plan.policy(escalation.alarm)
        while policy is not None and (step := self._plan.step(policy, escalation.taken)) is not None:
            if now < escalation.since + step.after and not escalation.hurry:
                return
            escalation.hurry = False
            escalation.taken += 1
            self._note(escalation)
            following = self._plan.step(policy, escalation.taken)
            repeated = escalation.taken > len(policy.steps)
            if repeated and following is not None and now >= escalation.since + following.after:
                continue  # of missed repetitions only the last is worth a page
            for name in self._plan.on_duty(step.page, now):
                self._call(escalation, escalation.taken, name, now)

    def _call(self, escalation: Escalation, step: int, recipient: str, now: int, stands_in_for: str = "") -> bool:
        """Want somebody, unless this step wants them already; False if nobody new is wanted."""
        alarm = escalation.alarm
        while recipient and alarm.subject == f"pager/{recipient}":  # who cannot be reached is not told so by page
            stands_in_for, recipient = recipient, self._plan.recipients[recipient].fallback or ""
        number = call_id(alarm.id, escalation.round, step, recipient)
        if recipient not in self._plan.recipients or number in self._calls:
            return False
        call = Call(id=number, alarm=alarm.id, step=step, recipient=recipient, time=now, stands_in_for=stands_in_for)
        self._calls[number] = call
        self._note(call)
        return True

    # Calls wait for company and leave together.

    def _gather(self, now: int) -> Iterator[Send]:
        waiting: dict[tuple[str, str, bool], list[Call]] = {}
        for call in self._calls.values():
            if not call.delivery:
                alarm = self._escalations[call.alarm].alarm
                waiting.setdefault((alarm.ward, call.recipient, alarm.test), []).append(call)
        self._windows = {key: until for key, until in self._windows.items() if until > now}
        for key, calls in waiting.items():
            if key in self._windows:
                continue
            self._windows[key] = now + GROUP_MS
            calls.sort(key=self._urgency)
            for start in range(0, len(calls), MAX_ALARMS):
                yield self._deliver(key, calls[start : start + MAX_ALARMS], now)

    def _deliver(self, key: tuple[str, str, bool], calls: list[Call], now: int) -> Send:
        ward, recipient, test = key
        delivery = Delivery(
            id=calls[0].id,  # of the call that leads it: the same after a crash before it was saved
            recipient=recipient,
            ward=ward,
            test=test,
            time=now,
            calls=[call.id for call in calls],
        )
        for call in calls:
            call.delivery = delivery.id
            self._note(call)
        self._deliveries[delivery.id] = delivery
        return self._attempt(delivery, now)

    def _urgency(self, call: Call) -> tuple[int, int, str]:
        alarm = self._escalations[call.alarm].alarm
        return (-PRIORITY_RANK[alarm.priority], alarm.raised, alarm.id)

    # Deliveries are tried, tried again and given up.

    def _try(self, delivery: Delivery, now: int) -> Send | None:
        if self._arrived(delivery) or now < delivery.due:
            return None
        if delivery.failed is not None and self._somebody_has(delivery):
            delivery.due = now + LAST_RESORT_MS
            return None
        return self._attempt(delivery, now)

    def _attempt(self, delivery: Delivery, now: int) -> Send:
        delivery.tries += 1
        delivery.first = now if delivery.first is None else delivery.first
        delivery.due = now + (AGAIN_MS if delivery.failed is None else LAST_RESORT_MS)
        self._note(delivery)
        calls = [self._calls[call] for call in delivery.calls if call in self._calls]
        return Send(
            delivery=delivery.id,
            recipient=delivery.recipient,
            attempt=delivery.tries,
            step=max(call.step for call in calls),
            ward=delivery.ward,
            test=delivery.test,
            time=delivery.time,
            alarms=[self._escalations[alarm].alarm for alarm in dict.fromkeys(call.alarm for call in calls)],
        )

    def _arrived(self, delivery: Delivery) -> bool:
        """Whether there is nothing more to hope for: it is received, or handed to a channel that knows no receipt."""
        if delivery.received is not None:
            return True
        recipient = self._plan.recipients.get(delivery.recipient)
        return delivery.sent is not None and recipient is not None and not recipient.confirms

    def _somebody_has(self, delivery: Delivery) -> bool:
        """Whether each alarm of a failed delivery has reached somebody else."""
        alarms = {self._calls[call].alarm for call in delivery.calls if call in self._calls}
        reached = {call.alarm for call in self._calls.values() if call.delivery and self._has_arrived(call.delivery)}
        return alarms <= reached

    def _has_arrived(self, delivery: str) -> bool:
        one = self._deliveries.get(delivery)
        return one is not None and self._arrived(one)

    def _give_up(self, now: int) -> None:
        for one in list(self._deliveries.values()):
            waited = one.first is not None and now - one.first >= GIVE_UP_MS
            gone = one.recipient not in self._plan.recipients
            if one.failed is None and not self._arrived(one) and (waited or gone):
                one.failed, one.due = now, now + LAST_RESORT_MS
                self._note(one)
                reason = one.trouble or f"no receipt of a page within {GIVE_UP_MS // 1_000} s"
                if not gone:
                    self._unreached.setdefault(
                        one.recipient, PagerFault(recipient=one.recipient, reason=reason, since=now)
                    )
                for call in [self._calls[call] for call in one.calls if call in self._calls]:
                    self._replace(call, now)

    def _replace(self, call: Call, now: int) -> None:
        """Somebody did not get a page: their fallback is wanted now, or else the next step is due now."""
        escalation = self._escalations[call.alarm]
        recipient = self._plan.recipients.get(call.recipient)
        fallback = recipient.fallback if recipient is not None else None
        if fallback is not None and (
            self._may_hear(fallback, call.alarm)
            or self._call(escalation, call.step, fallback, now, stands_in_for=call.recipient)
        ):
            return
        others = [other for other in self._calls.values() if other.alarm == call.alarm and other.step == call.step]
        if escalation.taken == call.step and not any(self._may_arrive(other) for other in others):
            escalation.hurry = True
            self._note(escalation)
            self._call_due(escalation, now)

    def _may_hear(self, recipient: str, alarm: str) -> bool:
        """Whether somebody is called about an alarm already, in whatever step, and is not known to be out of reach."""
        return any(
            call.alarm == alarm and call.recipient == recipient and self._may_arrive(call)
            for call in self._calls.values()
        )

    def _may_arrive(self, call: Call) -> bool:
        one = self._deliveries.get(call.delivery)
        return one is None or one.failed is None

    def _note(self, one: Escalation | Call | Delivery) -> None:
        self._dirty[id(one)] = one


def call_id(alarm: str, round: int, step: int, recipient: str) -> str:
    """The id of a call, the same whoever computes it: 16 hex digits."""
    return hashlib.sha256(f"{alarm}\n{round}\n{step}\n{recipient}".encode()).hexdigest()[:16]


def call_state(call: Call, delivery: Delivery | None) -> CallState:
    """How far a call has come."""
    if call.outcome:
        return call.outcome
    if delivery is None:
        return "queued"
    if delivery.received is not None:
        return "received"
    if delivery.failed is not None:
        return "failed"
    return "sent" if delivery.sent is not None else "queued"
