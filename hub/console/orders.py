"""Orders: a command sent to the hub for a request, and its answer or the refusal that says what to do."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hub.console.answers import Refusal
from hub.console.commands import Commands, Order
from hub.console.printable import printable
from hub.console.rights import Person
from vitals.commands import Action, Result
from vitals.errors import LinkError

NAMED: Any = Field(
    None, min_length=1, max_length=80, description="name or initials; only the demo asks, else it is who is signed in"
)
"""The field `by` of a body."""


async def carry_out(commands: Commands, action: Action, command: Order, *, look_at: str) -> Result:
    """What the hub did. Raises Refusal; `look_at` is what a person must see before trying again."""
    try:
        result = await commands.send(action, command)
    except LinkError as error:
        raise Refusal(503, f"{error}; nothing was changed, try again") from error
    except TimeoutError as error:
        raise Refusal(504, f"the hub did not answer within 3 s; look at the {look_at} and try again") from error
    if not result.done:
        raise Refusal(409, printable(result.reason) or "the hub refused without a reason")
    return result


def signed(me: Person, by: str | None) -> str:
    """The name of who does it: who is signed in, whatever the body says. Raises Refusal for one that shows nothing."""
    name = printable(by) if by is not None and me.kind == "demo" else me.name
    if not name:
        raise Refusal(422, "`by` must name who does this: a name or initials")
    return name
