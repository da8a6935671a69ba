"""Commands of people at a screen: out on the command topic, answered by the hub on the result topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeAlias

from vitals import topics
from vitals.codec import encode
from vitals.commands import (
    Action,
    Admit,
    Anchor,
    Assign,
    BedCommand,
    ClearLimit,
    Command,
    Correct,
    Discharge,
    Drill,
    Observe,
    Result,
    SetLimit,
    SetProfile,
    TicketCommand,
    Transfer,
    WriteNote,
)
from vitals.errors import LinkError

ANSWER_TIMEOUT_S = 3.0  # the hub answers after its commit, within 100 ms when all is well


Order: TypeAlias = (
    Command
    | BedCommand
    | SetLimit
    | ClearLimit
    | SetProfile
    | Admit
    | Discharge
    | Transfer
    | Correct
    | Assign
    | Observe
    | WriteNote
    | Drill
    | TicketCommand
    | Anchor
)
"""What may be sent; the answer repeats its `request`."""


class Commands:
    """Asks the hub; the hub alone changes alarms."""

    def __init__(self, client: str, publish: Callable[[str, bytes], bool]) -> None:
        self.client = client
        self._publish = publish
        self._asked: dict[str, asyncio.Future[Result]] = {}

    def answered(self, result: Result) -> None:
        """An answer came in; answers to somebody else with the same login are let pass."""
        future = self._asked.get(result.request)
        if future is not None and not future.done():
            future.set_result(result)

    async def send(self, action: Action, command: Order) -> Result:
        """Send one command and wait. Raises LinkError without a broker, TimeoutError without an answer."""
        request = command.request
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asked[request] = answer
        try:
            if not self._publish(topics.command(self.client, action), encode(command)):
                raise LinkError("the console is not connected to the broker")
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                return await answer
        finally:
            del self._asked[request]
