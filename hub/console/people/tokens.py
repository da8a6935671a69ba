"""Tokens: how a program is let in. Shown once, kept as a hash, with rights, wards and an end."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hub.console.answers import Refusal
from hub.console.people.accounts import as_json, wards_of
from hub.console.people.roles import RIGHTS, Person, Right
from hub.console.people.secrets import kept, new_secret
from hub.console.people.store import Doer, Store

PREFIX = "wl_"  # so that one that leaks is recognised
NOTE_USE_MS = 60_000

_COLUMNS = 'id, name, rights, wards, created, "by", expires, revoked, used'


class Token(NamedTuple):
    """One token, as it is kept."""

    id: int
    name: str
    rights: str  # JSON
    wards: str | None  # JSON
    created: int
    by: str
    expires: int
    revoked: int | None
    used: int | None

    def person(self, address: str = "") -> Person:
        """Who a request with it comes from."""
        listed = msgspec.json.decode(self.rights, type=list[str])
        rights: frozenset[Right] = frozenset(right for right in RIGHTS if right in listed or right == "own")
        return Person(
            name=f"token {self.name}",
            role=None,
            rights=rights,
            wards=wards_of(self.wards),
            kind="token",
            id=self.id,
            address=address,
        )


class Tokens:
    """Every token there was; a revoked one stays in the list."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Token]:
        """The newest first."""
        return [Token(*row) for row in self._store.rows(f"SELECT {_COLUMNS} FROM token ORDER BY id DESC")]

    def add(
        self, name: str, rights: list[Right], wards: list[str] | None, expires: int, doer: Doer
    ) -> tuple[Token, str]:
        """A new token and its secret, which is shown this once. Raises Refusal."""
        secret = PREFIX + new_secret()
        with self._store.change() as change:
            if change.row("SELECT 1 FROM token WHERE name = ? AND revoked IS NULL AND expires > ?", name, doer.time):
                raise Refusal(409, f"there is a token {name!r} already; revoke it or choose another name")
            change.write(
                'INSERT INTO token (name, hash, rights, wards, created, "by", expires) VALUES (?, ?, ?, ?, ?, ?, ?)',
                *(name, kept(secret), as_json(list(rights)), as_json(wards), doer.time, doer.by, expires),
            )
            scope = "every ward" if wards is None else " ".join(sorted(wards))
            change.note(doer, "token added", name, f"{' '.join(sorted(rights))}; {scope}")
            (row,) = change.rows(f"SELECT {_COLUMNS} FROM token WHERE hash = ?", kept(secret))
        return Token(*row), secret

    def revoke(self, number: int, doer: Doer) -> None:
        """It is no longer let in. Raises Refusal."""
        with self._store.change() as change:
            row = change.row("SELECT name FROM token WHERE id = ?", number)
            if row is None:
                raise Refusal(404, f"there is no token {number}; GET /api/v1/tokens lists them")
            if change.write("UPDATE token SET revoked = ? WHERE id = ? AND revoked IS NULL", doer.time, number):
                change.note(doer, "token revoked", row[0])

    def find(self, secret: str, now: int) -> Token | None:
        """The token of this secret, if it still stands."""
        row = self._store.row(
            f"SELECT {_COLUMNS} FROM token WHERE hash = ? AND revoked IS NULL AND expires > ?", kept(secret), now
        )
        return Token(*row) if row else None

    def touch(self, token: Token, now: int) -> None:
        """It was used."""
        with self._store.change() as change:
            change.write("UPDATE token SET used = ? WHERE id = ?", now, token.id)
