"""The copier: one thread that moves the journal into one sink until it is told to stop.

It never gives up for what the world does. A sink that is down makes it wait; a sink that is set up wrongly makes it
wait longer; both are said once, and once more when it is back.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from chassis.clock import SystemClock
from chassis.tasks import backoff
from hub.projections.cursors import Cursors
from hub.projections.feed import Feed
from hub.projections.passage import HaltedError, Passage
from hub.projections.sink import Sink, Unhurried
from vitals.errors import LinkError, StorageError, UsageError, WardlineError
from vitals.projections import ProjectionFault

LONG_MS = 3_600_000  # away for so long: somebody should know before the journal forgets what it has kept

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How long a copier waits, in seconds."""

    idle_s: float = 0.5  # between looks at a journal with little or nothing new
    unhurried_s: float = 20.0  # the same for a sink that would rather take many entries at once
    retry_s: tuple[float, float] = (0.5, 30.0)  # first and longest wait when the sink or the journal is away
    settings_s: tuple[float, float] = (5.0, 60.0)  # the same when a person must change something first


class Copier:
    """Moves one journal into one sink; the journal need not exist yet."""

    def __init__(self, sink: Sink, journal: Path, cursors: Path, pace: Pace | None = None) -> None:
        self._sink = sink
        self._journal = journal
        self._cursors = cursors
        self._pace = pace or Pace()
        self._clock = SystemClock()
        self._trouble: type[WardlineError] | None = None
        self._standing: ProjectionFault | None = None  # the trouble, in words
        self._waits: dict[type[WardlineError], Iterator[float]] = {}

    @property
    def name(self) -> str:
        """That of its sink."""
        return self._sink.name

    def fault(self, now: int) -> ProjectionFault | None:
        """What a person must see to: settings that are wrong, or a sink that has been away for long. In any thread."""
        standing, kind = self._standing, self._trouble
        if standing is None or (kind is not UsageError and now - standing.since < LONG_MS):
            return None
        return standing

    def run(self, halt: threading.Event) -> None:
        """Copy until `halt` is set."""
        while not halt.is_set():
            try:
                self._copy(halt)
            except HaltedError:
                return
            except (LinkError, StorageError, UsageError) as error:
                self._note_trouble(error)
                halt.wait(self._delay(type(error)))

    def _copy(self, halt: threading.Event) -> None:
        with closing(Cursors(self._cursors, self._sink.name)) as cursors:
            cursors.begin(self._sink.streams)
            lag = 0
            try:
                with closing(Feed(self._journal)) as feed, closing(self._sink):
                    passage = Passage(feed, self._sink, cursors, halt)
                    lag = passage.lag()
                    self._sink.open()
                    self._pass(passage, feed, halt)
            except (LinkError, StorageError, UsageError) as error:
                cursors.note_waiting(str(error), lag, self._clock.wall_ms())
                raise

    def _pass(self, passage: Passage, feed: Feed, halt: threading.Event) -> None:
        """Step until told to stop, or until another journal has taken the place of this one."""
        unhurried = isinstance(self._sink, Unhurried) and self._sink.unhurried
        while not halt.is_set():
            moved, more = passage.step()
            if moved or self._trouble is StorageError:
                self._note_well(passage.lag())
            if not more:
                if feed.replaced():
                    return
                halt.wait(self._pace.unhurried_s if unhurried else self._pace.idle_s)

    def _delay(self, kind: type[WardlineError]) -> float:
        first, last = self._pace.settings_s if kind is UsageError else self._pace.retry_s
        return next(self._waits.setdefault(kind, backoff(first, last)))

    def _note_trouble(self, error: WardlineError) -> None:
        """One line when it stops, another only when the reason becomes one of another kind."""
        if type(error) is not self._trouble:
            level = logging.ERROR if isinstance(error, UsageError) else logging.WARNING
            log.log(level, "projection %s has stopped, readings wait in the journal: %s", self._sink.name, error)
            self._standing = ProjectionFault(sink=self.name, reason=str(error), since=self._clock.wall_ms())
        self._trouble = type(error)

    def _note_well(self, lag: int) -> None:
        if self._trouble is not None:
            log.info("projection %s is back, %d entries wait", self._sink.name, lag)
        self._trouble = self._standing = None
        self._waits.clear()
