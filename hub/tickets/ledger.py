"""The ledger: tickets, their history and the states of devices, read from the journal beside its writer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from hub.tickets.rows import COLUMNS, WATCHED_UNTIL, ticket_of
from rules.fleet import Equipment
from rules.tickets import Ticket
from rules.uptime import Uptime, uptime

UNWATCHED_MS = 30_000  # the hub says each 10 s that it watches; past this nothing it said is the present

Select = Callable[..., list[tuple[Any, ...]]]
"""Runs a query with values, and gives its rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which tickets: all of these must fit. `start` and `end` are when it was opened."""

    state: Literal["open", "closed", "all"] = "open"
    gateway: str | None = None
    device: str | None = None
    ward: str | None = None
    bed: str | None = None
    technician: str | None = None
    start: int = 0
    end: int = 2**62
    limit: int = 1_000


class Told(NamedTuple):
    """One line of a ticket's history."""

    time: int
    kind: str
    by: str
    text: str


class Stretch(NamedTuple):
    """A state a piece of equipment was in; `end` None: it still is."""

    start: int
    end: int | None
    state: str
    message: str


class Present(NamedTuple):
    """The state of a piece of equipment now, and its uptime over each span asked for."""

    state: str
    message: str
    since: int | None  # None: nothing was ever known
    uptime: tuple[Uptime, ...]


class Ledger:
    """Questions about tickets and devices. `select` may raise what its database raises."""

    def __init__(self, select: Select) -> None:
        self._select = select

    def tickets(self, asked: Asked) -> list[Ticket]:
        """Newest first."""
        where, values = ["opened >= ?", "opened < ?"], [asked.start, asked.end]
        if asked.state != "all":
            where.append("closed IS NULL" if asked.state == "open" else "closed IS NOT NULL")
        for column in ("gateway", "device", "ward", "bed", "technician"):
            value = getattr(asked, column)
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        query = f"SELECT {COLUMNS} FROM ticket WHERE {' AND '.join(where)} ORDER BY number DESC LIMIT ?"
        return [ticket_of(row) for row in self._select(query, *values, asked.limit)]

    def ticket(self, number: int) -> Ticket | None:
        """The ticket of that number."""
        found = self._select(f"SELECT {COLUMNS} FROM ticket WHERE number = ?", number)
        return ticket_of(found[0]) if found else None

    def told(self, number: int) -> list[Told]:
        """The history of a ticket, oldest first."""
        rows = self._select('SELECT time, kind, "by", text FROM ticket_event WHERE ticket = ? ORDER BY id', number)
        return [Told(*row) for row in rows]

    def open_tickets(self) -> dict[Equipment, int]:
        """The number of the open ticket of each piece of equipment that has one."""
        rows = self._select("SELECT gateway, device, number FROM ticket WHERE closed IS NULL")
        return {Equipment(gateway, device): number for gateway, device, number in rows}

    def stretches(self, equipment: Equipment, start: int, end: int, now: int) -> list[Stretch]:
        """The states a piece of equipment was in at any time of [start, end), oldest first; `now` is the present."""
        changes = self._changes(equipment, start, now)
        ends: list[int | None] = [time for time, _, _ in changes[1:]]
        found = [  # none for a device nobody has heard of yet
            Stretch(time, until, state, message)
            for (time, state, message), until in zip(changes, [*ends, None][: len(changes)], strict=True)
        ]
        return [one for one in found if one.start < end and (one.end is None or one.end > start)]

    def present(self, equipment: Equipment, spans: tuple[int, ...], now: int) -> Present:
        """What it is now, and its uptime over the last `spans` (ms)."""
        changes = self._changes(equipment, now - max(spans), now)
        seen = [(time, state) for time, state, _ in changes]
        found = tuple(uptime(seen, now - span, now) for span in spans)
        if not changes:
            return Present("unknown", "not heard yet", None, found)
        since, state, message = changes[-1]
        return Present(state, message, since, found)

    def _changes(self, equipment: Equipment, start: int, now: int) -> list[tuple[int, str, str]]:
        """(since, state, message) from the one in force at `start` on; unknown once the hub stopped watching."""
        rows = self._select(
            "SELECT time, state, message FROM device_history WHERE gateway = ? AND device = ? AND id >= coalesce("
            "(SELECT max(id) FROM device_history WHERE gateway = ? AND device = ? AND time <= ?), 0) ORDER BY id",
            *equipment,
            *equipment,
            start,
        )
        changes: list[tuple[int, str, str]] = [(time, state, message) for time, state, message in rows]
        if changes and changes[-1][1] != "unknown":
            until = self._watched_until()
            if now - until > UNWATCHED_MS:
                changes.append((max(until, changes[-1][0]), "unknown", "the hub is not running"))
        return changes

    def _watched_until(self) -> int:
        found = self._select(WATCHED_UNTIL)
        return int(found[0][0]) if found else 0
