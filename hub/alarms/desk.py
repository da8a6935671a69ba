"""The command desk: commands of people and pagers in, alarm events and an answer out."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from rules.engine import Engine
from rules.machine import Refused
from vitals.alarms import AlarmEvent
from vitals.codec import decode
from vitals.commands import Command, Result
from vitals.errors import WireError

REMEMBERED = 1_000  # answers kept, so that a command delivered twice is done once and answered twice alike


class Answer(NamedTuple):
    """What a command led to. The result is published after the events are committed."""

    client: str
    action: str
    result: Result
    events: list[AlarmEvent]


class Desk:
    """Decides commands with the engine."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._answered: OrderedDict[tuple[str, str], Result] = OrderedDict()

    def handle(self, client: str, action: str, payload: bytes, now: int) -> Answer:
        """Carry out one command of `client`; never raises."""
        try:
            command = decode(payload, Command)
        except WireError as error:
            return Answer(client, action, Result(request="", done=False, reason=error.reason, time=now), [])
        known = self._answered.get((client, command.request))
        if known is not None:
            return Answer(client, action, known, [])
        result, events = self._carry_out(action, command, now)
        self._answered[client, command.request] = result
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        return Answer(client, action, result, events)

    def _carry_out(self, action: str, command: Command, now: int) -> tuple[Result, list[AlarmEvent]]:
        if action == "acknowledge":
            carry_out = self._engine.acknowledge
        elif action == "reset":
            carry_out = self._engine.reset
        else:
            return _refusal(command, f"there is no command {action[:40]!r}; known: acknowledge, reset", now), []
        try:
            events = carry_out(command.alarm, command.by, command.reason, now)
        except Refused as refusal:
            return _refusal(command, str(refusal), now), []
        last = events[-1] if events else None
        state = "" if last is None else "inactive" if last.change in ("cleared", "reset") else last.alarm.state
        return Result(request=command.request, done=True, alarm=command.alarm, state=state, time=now), events


def _refusal(command: Command, reason: str, now: int) -> Result:
    return Result(request=command.request, done=False, reason=reason, alarm=command.alarm, time=now)
