"""Accounts: who may sign in, in which role and wards, and the links that let them choose a password."""

from __future__ import annotations

import re
from typing import NamedTuple, get_args

import msgspec

from hub.console.answers import Refusal
from hub.console.people.roles import RIGHTS_OF, Person, Role
from hub.console.people.secrets import hash_password, is_password, kept, new_secret
from hub.console.people.store import Change, Doer, Store

NAME = r"^[a-z0-9][a-z0-9._-]{1,30}$"
LINK_MS = 24 * 3_600_000

_COLUMNS = "account.id, account.name, account.title, account.role, account.wards, account.password, account.disabled"


class Account(NamedTuple):
    """One account, as it is kept."""

    id: int
    name: str
    title: str
    role: Role
    wards: str | None  # JSON
    password: str
    disabled: int | None

    def person(self, address: str = "") -> Person:
        """Who signs in with it."""
        return Person(
            name=self.name,
            title=self.title,
            role=self.role,
            rights=RIGHTS_OF[self.role],
            wards=wards_of(self.wards),
            id=self.id,
            address=address,
        )


class Accounts:
    """Every change is made by somebody, and noted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def all(self) -> list[Account]:
        """By name."""
        return [Account(*row) for row in self._store.rows(f"SELECT {_COLUMNS} FROM account ORDER BY name")]

    def find(self, name: str) -> Account | None:
        """The account of this name."""
        row = self._store.row(f"SELECT {_COLUMNS} FROM account WHERE name = ?", name)
        return Account(*row) if row else None

    def of_session(self, session: bytes) -> Account | None:
        """The account a session belongs to, unless it is disabled."""
        query = f"SELECT {_COLUMNS} FROM session JOIN account ON account.id = session.account WHERE hash = ?"
        row = self._store.row(f"{query} AND account.disabled IS NULL", session)
        return Account(*row) if row else None

    def add(self, name: str, title: str, role: Role, wards: list[str] | None, doer: Doer) -> str:
        """A new account; the link to choose its password by. Raises Refusal."""
        _check_name(name)
        with self._store.change() as change:
            if change.row("SELECT 1 FROM account WHERE name = ?", name):
                raise Refusal(409, f"there is an account {name} already")
            _insert(change, name, title, role, wards, "", doer.time)
            change.note(doer, "account added", name, _words(role, wards))
            return _give_link(change, name, doer)

    def alter(self, name: str, title: str, role: Role, wards: list[str] | None, disabled: bool, doer: Doer) -> Account:
        """Another title, role or wards; or nobody may sign in with it any more. Raises Refusal."""
        with self._store.change() as change:
            before = _account(change, name)
            change.write(
                "UPDATE account SET title = ?, role = ?, wards = ?, disabled = ? WHERE name = ?",
                *(title, role, as_json(wards), (before.disabled or doer.time) if disabled else None, name),
            )
            _keep_an_administrator(change)
            if disabled:
                change.write("DELETE FROM session WHERE account = ?", before.id)
                change.write("UPDATE link SET used = ? WHERE account = ? AND used IS NULL", doer.time, before.id)
            change.note(doer, "account disabled" if disabled else "account changed", name, _words(role, wards))
            return _account(change, name)

    def link(self, name: str, doer: Doer) -> str:
        """A new link to choose a password by; older ones end. Raises Refusal."""
        with self._store.change() as change:
            if _account(change, name).disabled is not None:
                raise Refusal(409, f"the account {name} is disabled")
            return _give_link(change, name, doer)

    def first_link(self, doer: Doer) -> str:
        """A link that makes an administrator; older ones of its kind end."""
        key = new_secret()
        with self._store.change() as change:
            change.write("UPDATE link SET used = ? WHERE account IS NULL AND used IS NULL", doer.time)
            change.write("INSERT INTO link VALUES (?, NULL, ?, NULL)", kept(key), doer.time + LINK_MS)
            change.note(doer, "first link given")
        return key

    def behind(self, key: str, now: int) -> str | None:
        """The account a link is for, '' for the first one; None for a link that is used, over or unknown."""
        row = self._store.row(
            "SELECT account.name FROM link LEFT JOIN account ON account.id = link.account"
            " WHERE link.hash = ? AND used IS NULL AND expires > ?",
            *(kept(key), now),
        )
        return None if row is None else row[0] or ""

    def choose(self, key: str, name: str, password: str, doer: Doer) -> Account:
        """Use a link: a password for its account, or a new administrator `name`. Raises Refusal."""
        hashed = hash_password(password)
        with self._store.change() as change:
            row = change.row(
                "SELECT account FROM link WHERE hash = ? AND used IS NULL AND expires > ?", kept(key), doer.time
            )
            if row is None:
                raise Refusal(404, "this link has been used or is too old; ask for a new one")
            change.write("UPDATE link SET used = ? WHERE hash = ?", doer.time, kept(key))
            if row[0] is None:
                _check_name(name)
                if change.row("SELECT 1 FROM account WHERE name = ?", name):
                    raise Refusal(409, f"there is an account {name} already; choose another name")
                _insert(change, name, "", "administrator", None, hashed, doer.time)
                change.note(doer._replace(by=name), "account added", name, "administrator, by the first link")
                return _account(change, name)
            (found,) = change.rows("SELECT name FROM account WHERE id = ?", row[0])
            account = _account(change, found[0])
            if account.disabled is not None:
                raise Refusal(409, f"the account {account.name} is disabled")
            change.write("UPDATE account SET password = ? WHERE id = ?", hashed, account.id)
            change.write("DELETE FROM session WHERE account = ?", account.id)
            change.note(doer._replace(by=account.name), "password chosen", account.name, "by a link")
            return account

    def change_password(self, me: Person, old: str, new: str, keep: bytes, doer: Doer) -> None:
        """Another password; every session but `keep` ends. Raises Refusal."""
        account = self.find(me.name)
        if account is None or not is_password(account.password, old):
            raise Refusal(403, "the present password is not right")
        hashed = hash_password(new)
        with self._store.change() as change:
            change.write("UPDATE account SET password = ? WHERE id = ?", hashed, account.id)
            change.write("DELETE FROM session WHERE account = ? AND hash != ?", account.id, keep)
            change.note(doer, "password changed", me.name)


def wards_of(text: str | None) -> frozenset[str] | None:
    """The wards in a column; None: all."""
    return None if text is None else frozenset(msgspec.json.decode(text, type=list[str]))


def as_json(words: list[str] | None) -> str | None:
    """A column of words."""
    return None if words is None else msgspec.json.encode(sorted(set(words))).decode()


def _account(change: Change, name: str) -> Account:
    row = change.row(f"SELECT {_COLUMNS} FROM account WHERE name = ?", name)
    if row is None:
        raise Refusal(404, f"there is no account {name[:40]!r}")
    return Account(*row)


def _insert(
    change: Change, name: str, title: str, role: Role, wards: list[str] | None, password: str, now: int
) -> None:
    assert role in get_args(Role)
    change.write(
        "INSERT INTO account (name, title, role, wards, password, created) VALUES (?, ?, ?, ?, ?, ?)",
        *(name, title, role, as_json(wards), password, now),
    )


def _give_link(change: Change, name: str, doer: Doer) -> str:
    key = new_secret()
    account = _account(change, name)
    change.write("UPDATE link SET used = ? WHERE account = ? AND used IS NULL", doer.time, account.id)
    change.write("INSERT INTO link VALUES (?, ?, ?, NULL)", kept(key), account.id, doer.time + LINK_MS)
    change.note(doer, "link given", name)
    return key


def _keep_an_administrator(change: Change) -> None:
    query = "SELECT 1 FROM account WHERE role = 'administrator' AND disabled IS NULL AND wards IS NULL"
    if change.row(query) is None:
        raise Refusal(409, "this is the last administrator; make another one first")


def _check_name(name: str) -> None:
    if not re.match(NAME, name):
        raise Refusal(422, "a name has 2 to 31 small letters, digits, dots, hyphens or underscores, such as ida.m")


def _words(role: Role, wards: list[str] | None) -> str:
    return f"{role}, every ward" if wards is None else f"{role}, wards {' '.join(sorted(wards)) or '(none)'}"
