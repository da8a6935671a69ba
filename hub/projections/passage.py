"""A passage: an open journal and an open sink, and the entries that go from one to the other, in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from chassis.clock import SystemClock
from chassis.failpoints import failpoint
from hub.projections.cursors import START, Cursor, Cursors
from hub.projections.feed import Feed, bookmark
from hub.projections.sink import STREAMS, Entry, PoisonError, Sink, Stream

log = logging.getLogger(__name__)


class HaltedError(Exception):
    """Told to stop in the middle of a batch."""


class Passage:
    """Read, write, and only then advance the cursor. Raises what the sink, the feed and the cursors raise."""

    def __init__(self, feed: Feed, sink: Sink, cursors: Cursors, halt: threading.Event) -> None:
        self._feed = feed
        self._sink = sink
        self._cursors = cursors
        self._halt = halt
        self._clock = SystemClock()
        self._buried = 0  # since this passage began: the first of a kind is worth a line, the rest are counted
        self._at: dict[Stream, Cursor] = {stream: cursors.cursor(stream) for stream in STREAMS}
        for stream in STREAMS:
            self._resume(stream)

    def step(self) -> int:
        """Move one batch of each stream; how many entries were moved."""
        return sum(self._move(stream) for stream in STREAMS)

    def lag(self) -> int:
        """Entries of the journal the sink does not have yet."""
        return sum(max(0, self._feed.latest(stream) - self._at[stream].position) for stream in STREAMS)

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
        self._cursors.advance(stream, self._at[stream], self.lag(), self._clock.wall_ms())
        return len(entries)

    def _resume(self, stream: Stream) -> None:
        cursor = self._at[stream]
        self._at[stream] = self._feed.resume(stream, cursor)
        if self._at[stream] != cursor:
            log.warning("projection %s: the journal was replaced, its %s are copied again", self._sink.name, stream)
            self._cursors.advance(stream, START, self.lag(), self._clock.wall_ms())

    def _note_pruned(self, stream: Stream, entries: Sequence[Entry]) -> None:
        before = self._at[stream].position or entries[0].id - 1
        pruned = entries[-1].id - before - len(entries)  # ids have no holes of their own
        if pruned > 0:
            log.error(
                "projection %s came too late: %d %s had left the journal before they were copied",
                *(self._sink.name, pruned, stream),
            )
            self._cursors.note_pruned(pruned, self._clock.wall_ms())

    def _write(self, stream: Stream, entries: Sequence[Entry]) -> None:
        if self._halt.is_set():
            raise HaltedError
        try:
            self._sink.write(entries)
        except PoisonError as error:
            if len(entries) == 1 or error.dropped == len(entries):
                self._bury(stream, entries, str(error))
                return
            middle = len(entries) // 2
            self._write(stream, entries[:middle])
            self._write(stream, entries[middle:])

    def _bury(self, stream: Stream, entries: Sequence[Entry], reason: str) -> None:
        lines = [(Cursor(entry.id, bookmark(entry)), self._sink.render(entry)) for entry in entries]
        self._cursors.bury(stream, lines, reason, self._clock.wall_ms())
        if not self._buried:
            log.error("projection %s refuses an entry, kept as dead letter: %s", self._sink.name, reason)
        self._buried += len(entries)
