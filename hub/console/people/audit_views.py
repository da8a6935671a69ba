"""The audit as one list: what people asked of the hub (its journal), and what was done to people (the trail)."""

from __future__ import annotations

import heapq
import sqlite3
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from hub.console.people.proof import Source
from hub.console.printable import printable
from vitals.commands import Result

_SUBJECTS = ("alarm", "bed", "scope", "ticket", "device", "rule", "patient", "profile", "row")


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """One deed. `source` and `row` are where it stands; `done` false: it was asked and refused, `detail` says why."""

    source: Source
    row: int
    time: int
    by: str
    kind: str  # of who did it: person, token, screen, demo, console; of a command the client that sent it
    action: str
    subject: str
    reason: str
    detail: str
    address: str
    done: bool


class Wanted(NamedTuple):
    """Which rows."""

    start: int
    end: int
    by: str | None = None
    action: str | None = None
    limit: int = 1_000

    @property
    def where(self) -> tuple[str, list[str | int]]:
        """The same for SQL; both tables have these columns."""
        clauses, values = ["time >= ?", "time < ?"], [self.start, self.end]
        found: list[str | int] = list(values)
        for column, value in (('"by"', self.by), ("action", self.action)):
            if value is not None:
                clauses.append(f"{column} = ?")
                found.append(value)
        return f"{' AND '.join(clauses)} ORDER BY time DESC, id DESC LIMIT ?", [*found, self.limit]


def deeds_wanted(wanted: Wanted) -> tuple[str, list[str | int]]:
    """The query of the journal."""
    where, values = wanted.where
    return f'SELECT id, time, client, action, "by", reason, body, result FROM deed WHERE {where}', values


def trail_wanted(wanted: Wanted) -> tuple[str, list[str | int]]:
    """The query of the trail."""
    where, values = wanted.where
    return f'SELECT id, time, "by", kind, action, subject, detail, address FROM audit WHERE {where}', values


def deed_view(row: tuple[Any, ...]) -> AuditView:
    """A command and its answer. Only names of things are taken from it: no values of a patient."""
    number, time, client, action, by, reason, body, answer = row
    said = _object(body)
    try:
        result = msgspec.json.decode(answer, type=Result)
    except msgspec.MsgspecError:
        result = Result(request="", done=False, reason="the answer cannot be read")
    subject = ", ".join(f"{name} {said[name]}" for name in _SUBJECTS if isinstance(said.get(name), str | int))
    return AuditView(
        source="journal",
        row=number,
        time=time,
        by=printable(by),
        kind=client,
        action=action,
        subject=printable(subject)[:200],
        reason=printable(reason),
        detail=printable(result.reason),
        address="",
        done=result.done,
    )


def trail_view(row: tuple[Any, ...]) -> AuditView:
    """A row of the trail."""
    number, time, by, kind, action, subject, detail, address = row
    return AuditView(
        source="people",
        row=number,
        time=time,
        by=by,
        kind=kind,
        action=action,
        subject=printable(subject),
        reason="",
        detail=printable(detail),
        address=address,
        done=action not in ("sign-in failed",),
    )


def newest(deeds: Iterable[AuditView], trail: Iterable[AuditView], limit: int) -> list[AuditView]:
    """Both lists as one, the newest first."""
    merged = heapq.merge(deeds, trail, key=lambda one: one.time, reverse=True)
    return [one for one, _ in zip(merged, range(limit), strict=False)]


def read_deeds(db: sqlite3.Connection, wanted: Wanted) -> list[AuditView]:
    """The commands of a journal."""
    query, values = deeds_wanted(wanted)
    return [deed_view(row) for row in db.execute(query, values)]


def read_trail(db: sqlite3.Connection, wanted: Wanted) -> list[AuditView]:
    """The rows of a trail."""
    query, values = trail_wanted(wanted)
    return [trail_view(row) for row in db.execute(query, values)]


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}
