"""Rights at the door: which right each route asks for, and who is at the other end of a request."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from fastapi import Depends, params
from starlette.requests import HTTPConnection
from starlette.websockets import WebSocket

from hub.console.answers import Refusal
from hub.console.people.people import SESSION, People, cookie
from hub.console.people.roles import DEMO, RIGHTS, RIGHTS_OF, ROLES, Person, Right, Role
from hub.console.people.secrets import page_word, same

__all__ = ["DEMO", "RIGHTS", "RIGHTS_OF", "ROLES", "Me", "Needs", "Person", "Right", "Role", "needs", "open_to_all"]

NOT_SIGNED_IN = "nobody is signed in here; sign in at /login, or send a token: Authorization: Bearer …"
LOOK_AGAIN_S = 5.0  # how soon a stream ends after its person was signed out

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def people_of(connection: HTTPConnection) -> People:
    """The people of the console that serves `connection`."""
    people: People = connection.app.state.console.people
    return people


def person_at(connection: HTTPConnection) -> Person:
    """Who is at the other end. Raises Refusal when nobody is."""
    known: Person | None = getattr(connection.state, "person", None)
    if known is None:
        known = people_of(connection).person(connection)
        if known is None:
            raise Refusal(401, NOT_SIGNED_IN)
        connection.state.person = known
    return known


Me = Annotated[Person, Depends(person_at)]
"""The signed-in person, as a parameter of a handler."""


class Needs:
    """The policy of one route: the right it asks for, in the ward of its path if it has one. None: open to all."""

    def __init__(self, right: Right | None) -> None:
        self.right = right

    def __call__(self, connection: HTTPConnection) -> None:
        if self.right is None:
            return
        me = person_at(connection)
        me.require(self.right, connection.path_params.get("ward", ""))
        if connection.scope["type"] == "http" and connection.scope["method"] not in _SAFE and me.kind == "person":
            _check_page(connection)
            people_of(connection).active(connection)


def needs(right: Right) -> params.Depends:
    """A dependency: only who has `right` is served."""
    return params.Depends(Needs(right))


def open_to_all() -> params.Depends:
    """A dependency that says: this route is meant to be open without signing in."""
    return params.Depends(Needs(None))


def policies(routes: Iterable[Any]) -> Iterator[tuple[str, str, Needs | None]]:
    """(method, or WS, path, policy) of every route, also of routers inside; a policy None: somebody forgot it."""
    for route in routes:
        within = getattr(route, "original_router", None)
        if within is not None:
            yield from policies(within.routes)
            continue
        asked = [one.dependency for one in getattr(route, "dependencies", [])]
        policy = next((one for one in asked if isinstance(one, Needs)), None)
        for method in sorted(getattr(route, "methods", None) or ["WS"]):
            yield method, route.path, policy


async def signed_out(websocket: WebSocket, me: Person) -> None:
    """Wait until who opened a stream may no longer see it: signed out, revoked, disabled, or in other wards."""
    people = people_of(websocket)
    while (found := people.person(websocket)) is not None and (found.rights, found.wards) == (me.rights, me.wards):
        await asyncio.sleep(LOOK_AGAIN_S)


def _check_page(connection: HTTPConnection) -> None:
    said = connection.headers.get("x-csrf-token", "")
    if not same(said, page_word(cookie(connection, SESSION))):
        raise Refusal(403, "the page does not belong to this sign-in; reload it and try again")
