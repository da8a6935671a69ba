"""The people of a console as its routes see them: who sends a request, and a thread for what takes a while."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from starlette.requests import HTTPConnection

from chassis.clock import Clock
from hub.audit import Head, trail_head
from hub.console.answers import Refusal
from hub.console.people.accounts import Accounts
from hub.console.people.roles import DEMO, Person
from hub.console.people.screens import Screens
from hub.console.people.sessions import Sessions
from hub.console.people.store import CONSOLE, Doer, Store
from hub.console.people.tokens import NOTE_USE_MS, Tokens
from hub.settings import ConsoleSettings
from vitals.errors import StorageError

SESSION, SCREEN, PAIRING, WORD = "wardline_session", "wardline_screen", "wardline_pairing", "wardline_csrf"
"""Cookies. Over https the first three carry the prefix `__Host-`."""

MAX_PENDING = 20  # changes that wait; each wrong password costs some 50 ms
_T = TypeVar("_T")

log = logging.getLogger(__name__)


class People:
    """Opens `people.db` in `folder`. Raises StorageError."""

    def __init__(self, settings: ConsoleSettings, folder: Path, clock: Clock, words: frozenset[str]) -> None:
        self.store = Store(folder / settings.people)
        self.accounts = Accounts(self.store)
        self.sessions = Sessions(self.store, self.accounts, settings.idle, settings.longest)
        self.tokens = Tokens(self.store)
        self.screens = Screens(self.store)
        self.demo = settings.demo_person
        self.words = words  # nobody's password is made of these
        self._clock = clock
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="people")
        self._pending = 0

    def person(self, connection: HTTPConnection) -> Person | None:
        """Who is at the other end: the token said, the person signed in, the screen bound, or the demo person."""
        now, address = self.now(), address_of(connection)
        said = connection.headers.get("authorization", "")
        if said:
            kind, _, secret = said.partition(" ")
            token = self.tokens.find(secret.strip(), now) if kind.lower() == "bearer" else None
            if token is not None and (token.used is None or now - token.used > NOTE_USE_MS):
                self._soon(lambda: self.tokens.touch(token, now))
            return token.person(address) if token else None  # a wrong token is not somebody else
        session = cookie(connection, SESSION)
        account = self.sessions.account(session, now) if session else None
        if account is not None:
            return account.person(address)
        bound = cookie(connection, SCREEN)
        screen = self.screens.find(bound) if bound else None
        if screen is not None:
            if screen.used is None or now - screen.used > NOTE_USE_MS:
                self._soon(lambda: self.screens.touch(screen, now))
            return screen.person(address)
        return DEMO if self.demo and not _forwarded(connection) else None

    def active(self, connection: HTTPConnection) -> None:
        """A person, not a page on its own, sent this."""
        session, now = cookie(connection, SESSION), self.now()
        if session and self.sessions.is_stale(session, now):
            self._soon(lambda: self.sessions.touch(session, now))

    async def run(self, change: Callable[[], _T]) -> _T:
        """Make a change in the one thread for it. Raises Refusal and StorageError."""
        if self._pending >= MAX_PENDING:
            raise Refusal(503, "the console has too much to do now; try again in a moment")
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, change)
        finally:
            self._pending -= 1

    def doer(self, me: Person) -> Doer:
        """Who makes a change, now."""
        return Doer(me.name, me.kind, me.address, self.now())

    def visitor(self, connection: HTTPConnection) -> Doer:
        """Somebody who is not signed in."""
        return Doer("", "person", address_of(connection), self.now())

    def console(self) -> Doer:
        """The console itself."""
        return Doer(CONSOLE, CONSOLE, "", self.now())

    def note(self, doer: Doer, action: str, subject: str = "", detail: str = "") -> None:
        """Append to the trail."""
        with self.store.change() as change:
            change.note(doer, action, subject, detail)

    def head(self) -> Head | None:
        """The newest row of the trail."""
        return trail_head(self.store.reader)

    def now(self) -> int:
        """The time sessions, links and tokens end by."""
        return self._clock.wall_ms()

    def close(self) -> None:
        """Finish what waits, and close the file."""
        self._threads.shutdown(wait=True)
        self.store.close()

    def _soon(self, change: Callable[[], None]) -> None:
        """A note nobody waits for; left out while there is much to do."""
        if self._pending < MAX_PENDING:
            with contextlib.suppress(RuntimeError):  # the console goes down
                self._threads.submit(_try, change)


def _try(change: Callable[[], None]) -> None:
    try:
        change()
    except StorageError as error:
        log.warning("%s", error)


def first_link_words(settings: ConsoleSettings, key: str) -> str:
    """The link that makes an administrator, for whoever reads the log or the terminal of this machine."""
    host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    where = f"http://{host}:{settings.port}/login#{key}"
    return f"open this link within 24 h, once, to become its administrator (or at the console's https address): {where}"


def cookie(connection: HTTPConnection, name: str) -> str:
    """A cookie of ours, as https or http has it; '' without."""
    return connection.cookies.get(f"__Host-{name}") or connection.cookies.get(name, "")


def address_of(connection: HTTPConnection) -> str:
    """Where a request comes from; through a proxy on this machine, what the proxy says."""
    host = connection.client.host if connection.client else ""
    said = connection.headers.get("x-forwarded-for", "").rpartition(",")[2].strip()
    return said[:64] if said and host in ("127.0.0.1", "::1") else host


def _forwarded(connection: HTTPConnection) -> bool:
    """Whether a proxy stands between: then loopback is no longer this machine alone."""
    return any(name in connection.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via"))
