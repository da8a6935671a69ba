"""Screens on a wall: a code on the screen, a person who agrees, and a cookie that stays until it is revoked."""

from __future__ import annotations

import secrets
from typing import NamedTuple

from hub.console.answers import Refusal
from hub.console.people.accounts import as_json, wards_of
from hub.console.people.roles import SCREEN_RIGHTS, Person
from hub.console.people.secrets import kept, new_secret
from hub.console.people.store import Doer, Store

CODE_MS = 10 * 60_000
MAX_WAITING = 50  # screens that show a code at the same time
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # none that is taken for another one across a room

_COLUMNS = 'id, name, wards, created, "by", revoked, used'


class Screen(NamedTuple):
    """One screen, as it is kept."""

    id: int
    name: str
    wards: str | None  # JSON
    created: int
    by: str
    revoked: int | None
    used: int | None

    def person(self, address: str = "") -> Person:
        """Who a request of it comes from."""
        return Person(
            name=f"screen {self.name}",
            role=None,
            rights=SCREEN_RIGHTS,
            wards=wards_of(self.wards),
            kind="screen",
            id=self.id,
            address=address,
        )


class Waiting(NamedTuple):
    """A screen that shows a code. `granted` is its cookie, once a person agreed."""

    code: str
    expires: int
    granted: str = ""


class Screens:
    """Screens that are bound, and those that wait for it. Who waits is forgotten at the end: the screen asks again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[bytes, Waiting] = {}  # by the hash of what the screen's browser holds

    def all(self) -> list[Screen]:
        """The newest first."""
        return [Screen(*row) for row in self._store.rows(f"SELECT {_COLUMNS} FROM screen ORDER BY id DESC")]

    def ask(self, now: int) -> tuple[Waiting, str]:
        """A code to show, and the secret by which the screen asks what became of it. Raises Refusal."""
        self._waiting = {key: one for key, one in self._waiting.items() if now < one.expires}
        if len(self._waiting) >= MAX_WAITING:
            raise Refusal(503, "too many screens wait to be bound; try again in some minutes")
        letters = "".join(secrets.choice(_LETTERS) for _ in range(8))
        waiting = Waiting(f"{letters[:4]}-{letters[4:]}", now + CODE_MS)
        secret = new_secret()
        self._waiting[kept(secret)] = waiting
        return waiting, secret

    def waiting(self, secret: str, now: int) -> Waiting | None:
        """What became of it; None: too late, ask for another code."""
        found = self._waiting.get(kept(secret))
        return found if found is not None and now < found.expires else None

    def agree(self, code: str, name: str, wards: list[str] | None, doer: Doer) -> Screen:
        """Bind the screen that shows `code`. Raises Refusal."""
        wanted = code.upper().replace(" ", "").replace("-", "")
        found = [
            (key, one)
            for key, one in self._waiting.items()
            if one.code.replace("-", "") == wanted and doer.time < one.expires and not one.granted
        ]
        if not found:
            raise Refusal(404, "no screen shows this code now; a code lasts 10 minutes")
        secret = new_secret()
        with self._store.change() as change:
            change.write(
                'INSERT INTO screen (name, hash, wards, created, "by") VALUES (?, ?, ?, ?, ?)',
                *(name, kept(secret), as_json(wards), doer.time, doer.by),
            )
            change.note(doer, "screen bound", name, "every ward" if wards is None else " ".join(sorted(wards)))
            (row,) = change.rows(f"SELECT {_COLUMNS} FROM screen WHERE hash = ?", kept(secret))
        key, waiting = found[0]
        self._waiting[key] = waiting._replace(granted=secret)
        return Screen(*row)

    def revoke(self, number: int, doer: Doer) -> None:
        """It no longer shows anything. Raises Refusal."""
        with self._store.change() as change:
            row = change.row("SELECT name, wards FROM screen WHERE id = ?", number)
            if row is None:
                raise Refusal(404, f"there is no screen {number}; GET /api/v1/screens lists them")
            if change.write("UPDATE screen SET revoked = ? WHERE id = ? AND revoked IS NULL", doer.time, number):
                change.note(doer, "screen revoked", row[0])

    def find(self, secret: str) -> Screen | None:
        """The screen with this cookie, unless it is revoked."""
        row = self._store.row(f"SELECT {_COLUMNS} FROM screen WHERE hash = ? AND revoked IS NULL", kept(secret))
        return Screen(*row) if row else None

    def touch(self, screen: Screen, now: int) -> None:
        """It showed something."""
        with self._store.change() as change:
            change.write("UPDATE screen SET used = ? WHERE id = ?", now, screen.id)
