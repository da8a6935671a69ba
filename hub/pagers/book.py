"""`pages.db` as the console reads it: what was paged, and what the key of a link opens. It marks links as used."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec

from chassis.database import open_database, open_read_only
from hub.pagers.links import hash_of
from rules.paging import Call, CallState, Delivery, call_state
from vitals.alarms import Alarm
from vitals.errors import StorageError

_T = TypeVar("_T")
_DELIVERY = "d.id, d.recipient, d.ward, d.test, d.time, d.tries, d.sent, d.received, d.failed, d.trouble"


class Wanted(NamedTuple):
    """One alarm of a page, and how far this recipient has come with it."""

    alarm: Alarm
    step: int
    state: CallState
    by: str
    stands_in_for: str


class Paged(NamedTuple):
    """One page to one recipient."""

    delivery: Delivery
    name: str
    calls: list[Wanted]


class Opened(NamedTuple):
    """What a link leads to."""

    page: Paged
    expires: int
    used: bool


class PageBook:
    """Opens the file anew for each question: it appears with the first start of the paging."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="page-reader")

    async def pages(self, ward: str | None, recipient: str | None, limit: int) -> list[Paged]:
        """The newest pages, newest first; none when there is no paging. Raises StorageError."""
        return await self._ask(lambda: self._pages(ward, recipient, limit))

    async def open(self, key: str) -> Opened | None:
        """The page behind a key; None for a key nobody was given. Raises StorageError."""
        return await self._ask(lambda: self._open(key))

    async def claim(self, key: str, now: int) -> bool:
        """Take the one use of a key; False when it is used or has expired. Raises StorageError."""
        return await self._ask(
            lambda: self._mark(
                "UPDATE link SET used = ? WHERE hash = ? AND used IS NULL AND expires > ?", now, hash_of(key), now
            )
        )

    async def release(self, key: str) -> None:
        """Give a use back: nothing came of it. Raises StorageError."""
        await self._ask(lambda: self._mark("UPDATE link SET used = NULL WHERE hash = ?", hash_of(key)))

    def close(self) -> None:
        """Let the thread go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, ask: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, ask)

    def _pages(self, ward: str | None, recipient: str | None, limit: int) -> list[Paged]:
        if not self._path.exists():
            return []
        where, values = ["1"], []
        for column, value in (("ward", ward), ("recipient", recipient)):
            if value is not None:
                where.append(f"d.{column} = ?")
                values.append(value)
        query = f"{' AND '.join(where)} ORDER BY d.time DESC, d.id LIMIT ?"
        return self._read(lambda db: _paged(db, query, *values, limit))

    def _open(self, key: str) -> Opened | None:
        if not self._path.exists():
            return None

        def look(db: sqlite3.Connection) -> Opened | None:
            query = "SELECT delivery, expires, used FROM link WHERE hash = ?"
            row = db.execute(query, (hash_of(key),)).fetchone()
            found = _paged(db, "d.id = ?", row[0]) if row else []
            return Opened(found[0], row[1], row[2] is not None) if found else None

        return self._read(look)

    def _read(self, look: Callable[[sqlite3.Connection], _T]) -> _T:
        with closing(open_read_only(self._path)) as db:
            try:
                return look(db)
            except (sqlite3.Error, msgspec.MsgspecError) as error:
                raise StorageError(f"cannot read the pages in {self._path}: {error}") from error

    def _mark(self, statement: str, *values: object) -> bool:
        with closing(open_database(self._path)) as db:
            try:
                return db.execute(statement, values).rowcount == 1
            except sqlite3.Error as error:
                raise StorageError(f"cannot write the pages in {self._path}: {error}") from error


def _paged(db: sqlite3.Connection, condition: str, *values: object) -> list[Paged]:
    query = f"SELECT {_DELIVERY}, coalesce(r.name, d.recipient) FROM delivery d"
    query += f" LEFT JOIN recipient r ON r.id = d.recipient WHERE {condition}"
    found = []
    for id_, recipient, ward, test, time, tries, sent, received, failed, trouble, name in db.execute(query, values):
        delivery = Delivery(
            id=id_,
            recipient=recipient,
            ward=ward,
            test=bool(test),
            time=time,
            calls=[],
            tries=tries,
            sent=sent,
            received=received,
            failed=failed,
            trouble=trouble,
        )
        found.append(Paged(delivery, name, _wanted(db, delivery)))
    return found


def _wanted(db: sqlite3.Connection, delivery: Delivery) -> list[Wanted]:
    query = "SELECT c.id, c.step, c.stands_in_for, c.outcome, c.by, c.time, e.body FROM call c"
    query += " JOIN escalation e ON e.alarm = c.alarm WHERE c.delivery = ? ORDER BY c.time, c.id"
    found = []
    for id_, step, stands_in_for, outcome, by, time, body in db.execute(query, (delivery.id,)):
        alarm = msgspec.json.decode(body, type=Alarm)
        call = Call(id=id_, alarm=alarm.id, step=step, recipient=delivery.recipient, time=time, outcome=outcome)
        found.append(Wanted(alarm, step, call_state(call, delivery), by, stands_in_for))
    return found
