"""What the projections count, for their metrics page: how far each sink is behind the journal, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from prometheus_client.core import Metric

from chassis.metrics import Family
from hub.projections.cursors import positions, statuses
from hub.projections.feed import Feed
from vitals.errors import StorageError

LAG = Family(
    name="wardline_projection_lag_entries",
    kind="gauge",
    help="Entries of the journal a sink does not have yet",
    labels=("sink",),
)
COPIED = Family(
    name="wardline_projection_entries_total",
    kind="counter",
    help="Entries a sink has taken, counted again when they are copied again",
    labels=("sink",),
)
WAITING = Family(
    name="wardline_projection_waiting",
    kind="gauge",
    help="Whether a sink does not take entries now",
    labels=("sink",),
)
DEAD = Family(
    name="wardline_projection_dead_letters_total",
    kind="counter",
    help="Entries a sink refused for good",
    labels=("sink",),
)
MISSED = Family(
    name="wardline_projection_missed_entries_total",
    kind="counter",
    help="Entries that had left the journal before a sink could take them",
    labels=("sink",),
)

FAMILIES = (LAG, COPIED, WAITING, DEAD, MISSED)
"""Every metric of the projections, as the reference lists them."""


class ProjectionMetrics:
    """Looks into the cursors and the journal; the lag is right whatever the copying threads are doing."""

    def __init__(self, journal: Path, cursors: Path) -> None:
        self._journal = journal
        self._cursors = cursors

    def collect(self) -> Iterable[Metric]:
        """Nothing is in memory alone."""
        return ()

    def read(self) -> Iterable[Metric]:
        """What the cursors say; nothing while they, or the journal, cannot be read."""
        try:
            found = statuses(self._cursors)
        except StorageError:
            return
        yield COPIED.by({status.sink: status.copied for status in found})
        yield WAITING.by({status.sink: status.state == "waiting" for status in found})
        yield DEAD.by({status.sink: status.dead for status in found})
        yield MISSED.by({status.sink: status.pruned for status in found})
        with contextlib.suppress(StorageError), closing(Feed(self._journal)) as feed:
            yield LAG.by({status.sink: feed.behind(positions(self._cursors, status.sink)) for status in found})
