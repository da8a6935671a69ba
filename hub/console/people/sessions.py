"""Signing in and out: sessions kept here and not in the browser, their ends, and the delays after wrong passwords."""

from __future__ import annotations

from hub.console.answers import Refusal
from hub.console.people.accounts import Account, Accounts
from hub.console.people.secrets import is_password, kept, new_secret
from hub.console.people.store import Change, Doer, Store

FREE_TRIES = 5  # wrong passwords without a delay
FIRST_DELAY_MS = 15_000  # doubled with each further one
LONGEST_DELAY_MS = 15 * 60_000  # and never more: nobody is locked out for ever, an administrator least of all
FORGOTTEN_MS = 24 * 3_600_000
WRITE_AFTER_MS = 30_000  # what happened since is forgotten with a crash


class Sessions:
    """`idle_ms` without a sign of a person, or `longest_ms` in all, end a session."""

    def __init__(self, store: Store, accounts: Accounts, idle_ms: int, longest_ms: int) -> None:
        self._store = store
        self._accounts = accounts
        self.idle_ms = idle_ms
        self.longest_ms = longest_ms

    def sign_in(self, name: str, password: str, doer: Doer) -> tuple[Account, str]:
        """The account and the new session's secret. Raises Refusal, 401 or 429."""
        self._wait(name, doer)
        account = self._accounts.find(name)
        right = is_password(account.password if account else "", password)
        if account is None or not right or account.disabled is not None:
            self._failed(name if account else "", doer)
            raise Refusal(401, "the name or the password is not right")
        with self._store.change() as change:
            for key in _keys(name, doer.address):
                change.write("DELETE FROM failure WHERE key = ?", key)
        return account, self.begin(account, doer, "signed in")

    def begin(self, account: Account, doer: Doer, action: str) -> str:
        """A new session; what is over is cleared away."""
        secret = new_secret()
        doer = doer._replace(by=account.name)
        with self._store.change() as change:
            change.write(
                "DELETE FROM session WHERE active < ? OR began < ?",
                *(doer.time - self.idle_ms, doer.time - self.longest_ms),
            )
            change.write(
                "INSERT INTO session VALUES (?, ?, ?, ?, ?)",
                *(kept(secret), account.id, doer.time, doer.time, doer.address),
            )
            change.note(doer, action, account.name)
        return secret

    def account(self, secret: str, now: int) -> Account | None:
        """Who is signed in with this session, if it still stands."""
        row = self._store.row("SELECT began, active FROM session WHERE hash = ?", kept(secret))
        if row is None or now >= row[0] + self.longest_ms or now >= row[1] + self.idle_ms:
            return None
        return self._accounts.of_session(kept(secret))

    def ends(self, secret: str) -> tuple[int, int]:
        """(when it ends if nobody does anything, when it ends in any case)."""
        row = self._store.row("SELECT began, active FROM session WHERE hash = ?", kept(secret)) or (0, 0)
        return row[1] + self.idle_ms, row[0] + self.longest_ms

    def is_stale(self, secret: str, now: int) -> bool:
        """Whether the last sign of a person is old enough to write a newer one down."""
        row = self._store.row("SELECT active FROM session WHERE hash = ?", kept(secret))
        return row is not None and now - row[0] > min(WRITE_AFTER_MS, self.idle_ms // 4)

    def touch(self, secret: str, now: int) -> None:
        """A person did something."""
        with self._store.change() as change:
            change.write("UPDATE session SET active = ? WHERE hash = ?", now, kept(secret))

    def end(self, secret: str, doer: Doer) -> None:
        """Sign out."""
        with self._store.change() as change:
            change.write("DELETE FROM session WHERE hash = ?", kept(secret))
            change.note(doer, "signed out", doer.by)

    def end_all(self, account: Account, doer: Doer) -> int:
        """Sign out everywhere; how many sessions ended."""
        with self._store.change() as change:
            ended = change.write("DELETE FROM session WHERE account = ?", account.id)
            change.note(doer, "signed out everywhere", account.name, f"{ended} sessions")
            return ended

    def _wait(self, name: str, doer: Doer) -> None:
        for key in _keys(name, doer.address):
            row = self._store.row("SELECT until FROM failure WHERE key = ?", key)
            if row is not None and doer.time < row[0] <= doer.time + LONGEST_DELAY_MS:
                seconds = -(-(row[0] - doer.time) // 1_000)
                raise Refusal(429, f"too many wrong passwords; try again in {seconds} s")

    def _failed(self, known: str, doer: Doer) -> None:
        """What was typed as a name is not written down unless it is one: it may have been the password."""
        with self._store.change() as change:
            change.write("DELETE FROM failure WHERE last < ?", doer.time - FORGOTTEN_MS)
            change.note(doer._replace(by=""), "sign-in failed", known, "" if known else "no such account")
            for key in _keys(known, doer.address):
                delay = _count(change, key, doer.time)
                if delay:
                    change.note(doer._replace(by="", kind="console"), "locked", key, f"for {delay // 1_000} s")


def _keys(name: str, address: str) -> list[str]:
    return [*([f"account {name}"] if name else []), f"address {address}"]


def _count(change: Change, key: str, now: int) -> int:
    """Count a wrong password; the delay that follows from it, in ms."""
    row = change.row("SELECT count FROM failure WHERE key = ?", key)
    count = (row[0] if row else 0) + 1
    free = FREE_TRIES if key.startswith("account ") else 2 * FREE_TRIES  # a ward shares an address
    over = min(count - free, 20)
    delay = 0 if over < 0 else min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2**over)
    change.write("INSERT OR REPLACE INTO failure VALUES (?, ?, ?, ?)", key, count, now, now + delay)
    return delay
