"""The proof of both audit chains, each also against the heads that were noted in the other one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Literal

import msgspec

from chassis.database import open_read_only
from hub.audit import Break, Head, Linked, first_break, linked_deeds, linked_trail
from hub.console.people.anchors import ANCHORED, parse_head
from vitals.commands import Anchor
from vitals.errors import StorageError

Source = Literal["journal", "people"]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one chain. `broken_row` null: it holds."""

    source: Source
    rows: int
    noted: int  # heads of it that were noted elsewhere
    broken_row: int | None
    broken_time: int | None
    why: str


def prove(journal: Path, people: Path, heads: Iterable[tuple[Source, Head]] = ()) -> list[Proof]:
    """Read both files anew; `heads` are further ones, from a log. Raises StorageError."""
    heads = list(heads)
    with closing(open_read_only(journal)) as deeds, closing(open_read_only(people)) as trail:
        try:
            of_journal = _noted_in_trail(trail) + [head for source, head in heads if source == "journal"]
            of_people = _noted_in_journal(deeds) + [head for source, head in heads if source == "people"]
            return [
                _proof("journal", linked_deeds(deeds), of_journal),
                _proof("people", linked_trail(trail), of_people),
            ]
        except sqlite3.Error as error:
            raise StorageError(f"cannot read the audit: {error}; start hub and console once") from error


def _proof(source: Source, rows: Iterable[Linked], noted: list[Head]) -> Proof:
    count = 0

    def counted() -> Iterable[Linked]:
        nonlocal count
        for row in rows:
            count += 1
            yield row

    found: Break | None = first_break(counted(), noted)
    return Proof(
        source=source,
        rows=count,
        noted=len(noted),
        broken_row=found.row if found else None,
        broken_time=found.time if found else None,
        why=found.why if found else "",
    )


def _noted_in_trail(trail: sqlite3.Connection) -> list[Head]:
    rows = trail.execute("SELECT detail FROM audit WHERE action = ?", (ANCHORED,))
    return [head for (text,) in rows if (head := parse_head(text)) is not None]


def _noted_in_journal(deeds: sqlite3.Connection) -> list[Head]:
    found = []
    for (body,) in deeds.execute("SELECT body FROM deed WHERE action = 'anchor'"):
        try:
            said = msgspec.json.decode(body, type=Anchor)
        except msgspec.MsgspecError:
            continue  # its own chain says that it was changed
        found.append(Head(said.row, bytes.fromhex(said.hash)))
    return found
