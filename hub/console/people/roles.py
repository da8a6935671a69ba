"""Roles and rights: one table of who may do what, and the person who has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

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

_BEDSIDE: frozenset[Right] = frozenset({"own", "view", "acknowledge", "pause", "observe", "tickets"})

RIGHTS_OF: Mapping[Role, frozenset[Right]] = {
    "viewer": frozenset({"own", "view"}),
    "nurse": _BEDSIDE | {"adt"},
    "physician": _BEDSIDE | {"limits", "adt", "export"},
    "charge-nurse": _BEDSIDE | {"limits", "adt", "devices", "export", "drill"},
    "biomedical": frozenset({"own", "view", "devices", "tickets", "export", "drill"}),
    "administrator": frozenset(RIGHTS),
    "auditor": frozenset({"own", "audit"}),
}
"""What each role may do. This table decides; docs/how-to/people-and-rights.md prints it."""

TOKEN_RIGHTS: tuple[Right, ...] = tuple(right for right in RIGHTS if right not in ("own", "admin"))
"""What a program may be given. Who may do what is for people to say."""

SCREEN_RIGHTS: frozenset[Right] = frozenset({"own", "view"})

Kind = Literal["person", "demo", "token", "screen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Who asks: a person, a program with a token, or a screen on the wall. `wards` None: every ward."""

    name: str
    title: str = ""
    role: Role | None  # None: a token or a screen, which has rights of its own
    rights: frozenset[Right]
    wards: frozenset[str] | None = None
    kind: Kind = "person"
    id: int = 0  # of the account, the token or the screen
    address: str = ""

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
