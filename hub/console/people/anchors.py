"""Anchors: each chain's newest hash is noted in the other chain, so that rows cut off its end are missed."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

from hub.audit import DEED_HEAD, Head
from vitals.commands import Anchor
from vitals.errors import LinkError, StorageError

if TYPE_CHECKING:
    from hub.console.console import Console

ANCHORED = "journal anchored"
FIRST_S, EVERY_S = 60.0, 3_600.0

log = logging.getLogger(__name__)


async def keep_anchored(console: Console) -> None:
    """Each hour."""
    await asyncio.sleep(FIRST_S)
    while True:
        await anchor(console)
        await asyncio.sleep(EVERY_S)


async def anchor(console: Console) -> None:
    """Note the journal's head in the trail, then the trail's head in the journal; the log keeps both."""
    people = console.people
    try:
        found = await console.archive.query(lambda history: history.select(DEED_HEAD))
        deeds = Head(*found[0]) if found else None
        if deeds is not None:
            words = written(deeds)
            await people.run(lambda: people.note(people.console(), ANCHORED, "journal", words))
        trail = await people.run(people.head)
        if trail is not None:
            command = Anchor(request=uuid.uuid4().hex, by="console", row=trail.row, hash=trail.hash.hex())
            result = await console.commands.send("anchor", command)
            if not result.done:
                log.warning("the hub did not note the head of the audit trail: %s", result.reason)
        log.info("audit heads: journal %s, people %s", *(written(head) if head else "empty" for head in (deeds, trail)))
    except (StorageError, LinkError, TimeoutError) as error:
        log.warning("the heads of the audit were not noted this hour: %s", error or "the hub did not answer")


def written(head: Head) -> str:
    """A head in words."""
    return f"{head.row} {head.hash.hex()}"


def parse_head(text: str) -> Head | None:
    """The head in words that `written` makes; None for anything else."""
    row, _, digits = text.partition(" ")
    try:
        return Head(int(row), bytes.fromhex(digits))
    except ValueError:
        return None
