"""The tally: how long records and alarms waited at each stage of the hub, and how many there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from time import perf_counter

from chassis.histogram import Histogram
from hub.journal import Batch
from vitals.alarms import AlarmEvent


class Tally:
    """Kept in the event loop; a few additions for each commit and each alarm, none for a quiet reading."""

    def __init__(self) -> None:
        self.sample_age = Histogram()
        self.commit_wait = Histogram()
        self.receipt_wait = Histogram()
        self.announce = Histogram()
        self.loop_lag = Histogram()
        self.changes: Counter[tuple[str, str]] = Counter()  # (change, priority) of alarms that were announced
        self._committed_at: float | None = None  # of the oldest commit no receipt has gone out for

    def announced(self, events: Iterable[AlarmEvent]) -> None:
        """These went out. Tests are no alarms of a patient."""
        for event in events:
            if not event.alarm.test:
                self.changes[event.change, event.alarm.priority] += 1

    def committed(self, batch: Batch, now: int) -> None:
        """A commit is durable. One record of it speaks for all: looking at each would cost more than it tells."""
        if self._committed_at is None:
            self._committed_at = perf_counter()
        if batch.records:
            oldest = batch.records[0]
            self.commit_wait.observe((now - oldest.received) / 1_000)
            if not oldest.late:
                self.sample_age.observe((oldest.received - oldest.time) / 1_000)

    def receipted(self) -> None:
        """Receipts for all that is committed went out."""
        if self._committed_at is not None:
            self.receipt_wait.observe(perf_counter() - self._committed_at)
            self._committed_at = None
