"""A passage: an open journal and an open sink, and the entries that go from one to the other, in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import NamedTuple

from chassis.clock import SystemClock
from chassis.failpoints import failpoint
from hub.projections.cursors import START, Cursor, Cursors, DeadLetter, Request
from hub.projections.feed import Feed, bookmark
from hub.projections.sink import Entry, PoisonError, Sink, Stream

_WITHOUT_HOLES: frozenset[Stream] = frozenset({"records", "alarm-events"})  # whose ids tell what has left the journal

log = logging.getLogger(__name__)


class HaltedError(Exception):
    """Told to stop in the middle of a batch."""


class Step(NamedTuple):
    """What one step has moved, and whether some stream has more to give at once."""

    moved: int
    more: bool


class Passage:
    """Read, write, and only then advance the cursor. Raises what the sink, the feed and the cursors raise."""

    def __init__(self, feed: Feed, sink: Sink, cursors: Cursors, halt: threading.Event) -> None:
        self._feed = feed
        self._sink = sink
        self._cursors = cursors
        self._halt = halt
        self._clock = SystemClock()
        self._buried = 0  # since this passage began: the first of a kind is worth a line, the rest are counted
        self._at: dict[Stream, Cursor] = {stream: cursors.cursor(stream) for stream in sink.streams}
        for stream in sink.streams:
            self._resume(stream)

    def step(self) -> Step:
        """Do what people ask for, then move one batch of each stream."""
        for request in self._cursors.requests():
            if request.kind == "rewind":
                self._rewind(request)
            else:
                self._retry(request)
        moved = [self._move(stream) for stream in self._sink.streams]
        return Step(sum(moved), max(moved) >= self._sink.batch)

    def lag(self) -> int:
        """Entries of the journal the sink does not have yet."""
        return self._feed.behind({stream: at.position for stream, at in self._at.items()})

    def _move(self, stream: Stream) -> int:
        entries = self._feed.read(stream, self._at[stream].position, self._sink.batch)
        if not entries:
            self._resume(stream)
            return 0
        self._note_pruned(stream, entries)
        failpoint("project.write.before")
        self._write(stream, entries)
        failpoint("project.write.after")
        self._at[stream] = Cursor(entries[-1].id, bookmark(entries[-1]))
        self._cursors.advance(stream, self._at[stream], self.lag(), self._clock.wall_ms(), len(entries))
        return len(entries)

    def _rewind(self, request: Request) -> None:
        """Never forwards: what was not copied yet is not skipped."""
        for stream, at in self._at.items():
            self._at[stream] = min(at, self._feed.before(stream, request.since))
        self._cursors.done(request, self._at)
        log.info("projection %s copies again, %d entries wait", self._sink.name, self.lag())

    def _retry(self, request: Request) -> None:
        """Offer the dead letters again; what is refused once more, or has left the journal, stays one."""
        number, taken, left = 0, 0, 0
        while letters := self._cursors.letters(number, self._sink.batch):
            number = letters[-1][0]
            for stream in self._sink.streams:
                found = [(n, self._find(letter)) for n, letter in letters if letter.stream == stream]
                entries = {n: entry for n, entry in found if entry is not None}
                refused = {cursor.position for cursor in self._write(stream, list(entries.values()))}
                stored = [n for n, entry in entries.items() if entry.id not in refused]
                self._cursors.unbury(stored)
                taken, left = taken + len(stored), left + len(found) - len(stored)
        self._cursors.done(request)
        log.info("projection %s has taken %d dead letters, %d are left", self._sink.name, taken, left)

    def _find(self, letter: DeadLetter) -> Entry | None:
        found = self._feed.read(letter.stream, letter.entry - 1, 1)
        here = found and found[0].id == letter.entry and bookmark(found[0]) == letter.bookmark
        return found[0] if here else None

    def _resume(self, stream: Stream) -> None:
        cursor = self._at[stream]
        self._at[stream] = self._feed.resume(stream, cursor)
        if self._at[stream] != cursor:
            log.warning("projection %s: the journal was replaced, its %s are copied again", self._sink.name, stream)
            self._cursors.advance(stream, START, self.lag(), self._clock.wall_ms())

    def _note_pruned(self, stream: Stream, entries: Sequence[Entry]) -> None:
        if stream not in _WITHOUT_HOLES:
            return
        before = self._at[stream].position or entries[0].id - 1
        pruned = entries[-1].id - before - len(entries)
        if pruned > 0:
            log.error(
                "projection %s came too late: %d %s had left the journal before they were copied",
                *(self._sink.name, pruned, stream),
            )
            self._cursors.note_pruned(pruned, self._clock.wall_ms())

    def _write(self, stream: Stream, entries: Sequence[Entry]) -> list[Cursor]:
        """Write, halving what is refused until it is found; the refused ones, which are buried."""
        if self._halt.is_set():
            raise HaltedError
        if not entries:
            return []
        try:
            self._sink.write(entries)
        except PoisonError as error:
            if len(entries) == 1 or error.dropped == len(entries):
                return self._bury(stream, entries, str(error))
            middle = len(entries) // 2
            return self._write(stream, entries[:middle]) + self._write(stream, entries[middle:])
        return []

    def _bury(self, stream: Stream, entries: Sequence[Entry], reason: str) -> list[Cursor]:
        lines = [(Cursor(entry.id, bookmark(entry)), self._sink.render(entry)) for entry in entries]
        self._cursors.bury(stream, lines, reason, self._clock.wall_ms())
        if not self._buried:
            log.error("projection %s refuses an entry, kept as dead letter: %s", self._sink.name, reason)
        self._buried += len(entries)
        return [cursor for cursor, _ in lines]
