"""Rights: who is at the other end of a request, and the right each route asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from fastapi import Depends, params
from starlette.requests import HTTPConnection

from hub.console.answers import Refusal

Right = Literal[
    "view",
    "acknowledge",
    "pause",
    "limits",
    "observe",
    "adt",
    "devices",
    "tickets",
    "export",
    "admin",
    "audit",
    "drill",
    "own",
]
RIGHTS: tuple[Right, ...] = get_args(Right)

Role = Literal["viewer", "nurse", "physician", "charge-nurse", "biomedical", "administrator", "auditor"]
ROLES: tuple[Role, ...] = get_args(Role)

_WARD: frozenset[Right] = frozenset({"own", "view", "acknowledge", "pause", "observe"})

RIGHTS_OF: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({"own", "view"}),
    "nurse": _WARD | {"adt"},
    "physician": _WARD | {"limits", "export"},
    "charge-nurse": _WARD | {"limits", "adt", "export", "drill", "devices", "tickets"},
    "biomedical": frozenset({"own", "view", "devices", "tickets", "drill"}),
    "administrator": frozenset(RIGHTS),
    "auditor": frozenset({"own", "audit"}),
}
"""What each role may do. This table decides, and is printed in docs/how-to/people-and-rights.md."""

Kind = Literal["person", "demo", "token", "screen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who asks: a person, a program with a token, or a screen on the wall. `wards` None: every ward."""

    name: str
    role: Role | None  # None: a token or a screen, which has rights of its own
    rights: frozenset[Right]
    wards: frozenset[str] | None = None
    kind: Kind = "person"

    def sees(self, ward: str) -> bool:
        """Whether `ward` is one of theirs; what belongs to no ward is everybody's."""
        return not ward or self.wards is None or ward in self.wards

    def may(self, right: Right, ward: str = "") -> bool:
        """Whether they have the right, and have it in `ward`."""
        return right in self.rights and self.sees(ward)

    def require(self, right: Right, ward: str = "") -> None:
        """Raises Refusal when they may not."""
        if right not in self.rights:
            raise Refusal(403, f"{self.name} may not do this: it needs the right `{right}`")
        if not self.sees(ward):
            raise Refusal(403, f"{self.name} has no rights in ward {ward[:40]}")


DEMO = Person(name="Demo", role="administrator", rights=frozenset(RIGHTS), kind="demo")


def person_at(connection: HTTPConnection) -> Person:
    """Who is at the other end."""
    return DEMO


Me = Annotated[Person, Depends(person_at)]
"""The signed-in person, as a parameter of a handler."""


class Needs:
    """The policy of one route: the right it asks for, in the ward of its path if it has one. None: open to all."""

    def __init__(self, right: Right | None) -> None:
        self.right = right

    def __call__(self, connection: HTTPConnection) -> None:
        if self.right is not None:
            person_at(connection).require(self.right, connection.path_params.get("ward", ""))


def needs(right: Right) -> params.Depends:
    """A dependency: only who has `right` is served."""
    return params.Depends(Needs(right))


def open_to_all() -> params.Depends:
    """A dependency that says: this route is meant to be open without signing in."""
    return params.Depends(Needs(None))


def policy_of(dependencies: list[Any]) -> Needs | None:
    """The policy among the dependencies of a route; None: somebody forgot it."""
    return next((one.dependency for one in dependencies if isinstance(one.dependency, Needs)), None)
