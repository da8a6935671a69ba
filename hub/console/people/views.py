"""What the console says of its people: accounts, tokens, screens, the trail. Never a secret but when it is made."""

from __future__ import annotations

from typing import Literal

import msgspec

from hub.console.people.accounts import Account, wards_of
from hub.console.people.roles import Kind, Person, Right, Role
from hub.console.people.screens import Screen
from hub.console.people.tokens import Token


class _View(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an answer. `wards` null: every ward; times are epoch ms."""


class MeView(_View, frozen=True, kw_only=True):
    """Who is signed in. `idle_ends`, `ends`: when a session ends without a sign of a person, and in any case."""

    name: str
    title: str
    role: Role | None
    kind: Kind
    rights: list[Right]
    wards: list[str] | None
    idle_ends: int | None
    ends: int | None


class WhoseLinkView(_View, frozen=True, kw_only=True):
    """What a link is for: `account`, or '' for the first administrator."""

    account: str


class AccountView(_View, frozen=True, kw_only=True):
    """One account. `ready`: it has a password."""

    name: str
    title: str
    role: Role
    wards: list[str] | None
    ready: bool
    disabled: int | None


class GivenLinkView(_View, frozen=True, kw_only=True):
    """An account and the link to choose its password by: a path of this console, shown this once, for a day."""

    account: AccountView
    link: str


class RoleView(_View, frozen=True, kw_only=True):
    """What a role may do."""

    role: Role
    rights: list[Right]


class TokenView(_View, frozen=True, kw_only=True):
    """One token of a program."""

    token: int
    name: str
    rights: list[Right]
    wards: list[str] | None
    created: int
    by: str
    expires: int
    revoked: int | None
    used: int | None


class NewTokenView(_View, frozen=True, kw_only=True):
    """A token and its secret, which is shown this once."""

    token: TokenView
    secret: str


class PairingView(_View, frozen=True, kw_only=True):
    """Where a screen stands: it shows `code` until somebody agrees, or it is bound."""

    state: Literal["waiting", "bound"]
    code: str
    expires: int | None
    name: str
    wards: list[str] | None


class ScreenView(_View, frozen=True, kw_only=True):
    """One screen on a wall."""

    screen: int
    name: str
    wards: list[str] | None
    created: int
    by: str
    revoked: int | None
    used: int | None


class EndedView(_View, frozen=True, kw_only=True):
    """How many sign-ins ended."""

    ended: int


def sorted_wards(wards: frozenset[str] | None) -> list[str] | None:
    """Wards as an answer has them."""
    return None if wards is None else sorted(wards)


def me_view(me: Person, ends: tuple[int, int] | None) -> MeView:
    """Who is signed in."""
    return MeView(
        name=me.name,
        title=me.title,
        role=me.role,
        kind=me.kind,
        rights=sorted(me.rights),
        wards=sorted_wards(me.wards),
        idle_ends=ends[0] if ends else None,
        ends=ends[1] if ends else None,
    )


def account_view(account: Account) -> AccountView:
    """An account without its password."""
    return AccountView(
        name=account.name,
        title=account.title,
        role=account.role,
        wards=sorted_wards(wards_of(account.wards)),
        ready=bool(account.password),
        disabled=account.disabled,
    )


def token_view(token: Token) -> TokenView:
    """A token without its secret."""
    return TokenView(
        token=token.id,
        name=token.name,
        rights=sorted(token.person().rights - {"own"}),
        wards=sorted_wards(wards_of(token.wards)),
        created=token.created,
        by=token.by,
        expires=token.expires,
        revoked=token.revoked,
        used=token.used,
    )


def screen_view(screen: Screen) -> ScreenView:
    """A screen without its cookie."""
    return ScreenView(
        screen=screen.id,
        name=screen.name,
        wards=sorted_wards(wards_of(screen.wards)),
        created=screen.created,
        by=screen.by,
        revoked=screen.revoked,
        used=screen.used,
    )
