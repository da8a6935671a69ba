"""What the paging counts, for its metrics page: pages by what became of them, and what fails. Nobody is named."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from prometheus_client.core import Metric

from chassis.clock import SystemClock
from chassis.database import open_read_only
from chassis.metrics import CONNECTED, Family
from vitals.errors import StorageError

DAY_MS = 86_400_000

_STATES = """
SELECT CASE WHEN received IS NOT NULL THEN 'received' WHEN failed IS NOT NULL THEN 'failed'
            WHEN sent IS NOT NULL THEN 'sent' ELSE 'waiting' END AS state, count(*)
FROM delivery WHERE time > ? AND test = 0 GROUP BY state
"""

PAGES = Family(
    name="wardline_pages",
    kind="gauge",
    help="Pages of the last 24 hours by what became of them, without tests",
    labels=("state",),
)
FAULTS = Family(name="wardline_pager_faults", kind="gauge", help="Recipients and parts of the paging that fail now")

FAMILIES = (PAGES, FAULTS, CONNECTED)
"""Every metric of the paging, as the reference lists them."""

STATES = ("waiting", "sent", "received", "failed")


class PagingMetrics:
    """Asks the service what fails, and its database what became of the pages."""

    def __init__(self, path: Path, faults: Callable[[], int], connected: Callable[[], bool]) -> None:
        self._path = path
        self._faults = faults
        self._connected = connected
        self._clock = SystemClock()

    def collect(self) -> Iterable[Metric]:
        """In the event loop."""
        yield FAULTS.one(self._faults())
        yield CONNECTED.by({"session": self._connected()})

    def read(self) -> Iterable[Metric]:
        """In a thread of the page."""
        since = self._clock.wall_ms() - DAY_MS
        with contextlib.suppress(StorageError, sqlite3.Error), closing(open_read_only(self._path)) as database:
            yield PAGES.by(dict.fromkeys(STATES, 0) | dict(database.execute(_STATES, (since,))))
