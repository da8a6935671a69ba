"""The command desk: commands of people and pagers in, events, rows and an answer out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from hub.deeds import Act, Done, deed_row, known_actions
from hub.journal import Write
from rules.machine import Refused
from vitals.alarms import AlarmEvent
from vitals.codec import decode
from vitals.commands import COMMANDS, Result
from vitals.errors import WireError

REMEMBERED = 1_000  # answers kept, so that a command delivered twice is done once and answered twice alike


class Answer(NamedTuple):
    """What a command led to. Where there are `writes`, the result is published after they are committed."""

    client: str
    action: str
    result: Result
    events: list[AlarmEvent]
    writes: list[Write]
    words: list[tuple[str, bytes]]


class Desk:
    """Decides commands: one table of action → act."""

    def __init__(self, acts: Mapping[str, Act], past: Iterable[tuple[tuple[str, str], Result]] = ()) -> None:
        self._acts = acts
        self._answered: OrderedDict[tuple[str, str], Result] = OrderedDict(past)
        self._uncommitted: set[tuple[str, str]] = set()

    def handle(self, client: str, action: str, payload: bytes, now: int) -> Answer | None:
        """Carry out one command of `client`; never raises. None: sent twice, and the first is answered in a moment."""
        type_ = COMMANDS.get(action)
        if type_ is None or action not in self._acts:
            return _unread(client, action, f"there is no command {action[:40]!r}; known: {self.known}", payload, now)
        try:
            command = decode(payload, type_)
        except WireError as error:
            return _unread(client, action, error.reason, payload, now)
        key = (client, command.request)
        known = self._answered.get(key)
        if known is not None:
            return None if key in self._uncommitted else Answer(client, action, known, [], [], [])
        done = self._carry_out(action, command, now)
        result = msgspec.structs.replace(done.result, request=command.request, time=now)
        self._answered[key] = result
        self._uncommitted.add(key)
        if len(self._answered) > REMEMBERED:
            self._answered.popitem(last=False)
        writes = [*done.writes, deed_row(client, action, command, result, now)]
        return Answer(client, action, result, list(done.events), writes, list(done.words))

    @property
    def known(self) -> str:
        """The actions it has, as a person reads them."""
        return known_actions(self._acts)

    def committed(self, answer: Answer) -> None:
        """The rows of `answer` are in the journal; a repeated command may be answered at once."""
        self._uncommitted.discard((answer.client, answer.result.request))

    def _carry_out(self, action: str, command: msgspec.Struct, now: int) -> Done:
        try:
            return self._acts[action](command, now)
        except (Refused, ValueError) as refusal:
            alarm = getattr(command, "alarm", "")
            return Done(result=Result(request="", done=False, reason=str(refusal), alarm=alarm))


class _Anything(msgspec.Struct, frozen=True):
    request: str = ""


def _unread(client: str, action: str, reason: str, payload: bytes, now: int) -> Answer:
    """Refuse what nobody could read; with its request, if at least that can be made out."""
    try:
        request = decode(payload, _Anything).request[:64]
    except WireError:
        request = ""
    return Answer(client, action, Result(request=request, done=False, reason=reason, time=now), [], [], [])
