"""Deeds: what a command led to, and the journal's word on who gave it, when and why."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from hub.journal import Journal, Write
from vitals.alarms import AlarmEvent
from vitals.codec import encode
from vitals.commands import COMMANDS, Result

DONE = Result(request="", done=True)

_INSERT = 'INSERT INTO deed (time, client, action, "by", reason, request, body, result) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'


class Done(NamedTuple):
    """What an action led to: events to announce, rows to commit, words to send after the commit, the answer."""

    events: Iterable[AlarmEvent] = ()
    writes: Iterable[Write] = ()
    words: Iterable[tuple[str, bytes]] = ()  # (topic, payload)
    result: Result = DONE  # its `request` and `time` are the desk's to fill in


Act = Callable[[Any, int], Done]
"""Carries out one decoded command at `now`. Raises ValueError or Refused with a sentence that says why not."""


def deed_row(client: str, action: str, command: msgspec.Struct, result: Result, now: int) -> Write:
    """The row of one command, done or refused. Kept for ever: nobody may edit what was asked and answered."""
    said = msgspec.to_builtins(command)
    by, reason, request = said["by"], said.get("reason", ""), said["request"]
    return Write(_INSERT, (now, client, action, by, reason, request, encode(command), encode(result)))


def past_answers(journal: Journal, limit: int) -> list[tuple[tuple[str, str], Result]]:
    """((client, request), answer) of the newest commands, oldest first, so that a repeated one is not done again."""
    rows = journal.read("SELECT client, request, result FROM deed ORDER BY id DESC LIMIT ?", limit)
    return [((client, request), msgspec.json.decode(result, type=Result)) for client, request, result in reversed(rows)]


def keep_word(_command: Any, _now: int) -> Done:
    """`anchor`: that the deed is written down is all there is to do."""
    return Done()


def known_actions(acts: Mapping[str, Act]) -> str:
    """The actions a desk has, as a person reads them."""
    return ", ".join(action for action in COMMANDS if action in acts)
