"""What a gateway counts, for its metrics page: lines, spool, publisher and clock, gathered when somebody asks.

No values and no bed: a gateway does not know where its devices stand.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from contextlib import closing
from typing import get_args

from prometheus_client.core import Metric

from chassis.clock import Clock, SystemClock
from chassis.database import open_read_only
from chassis.metrics import CONNECTED, Family
from edge_agent.agent import Agent
from edge_agent.spool import Spool
from vitals.errors import StorageError
from vitals.readings import ClockQuality

_OLDEST = "SELECT time FROM record WHERE seq >= ? ORDER BY seq LIMIT 1"

INFO = Family(name="wardline_edge_info", kind="gauge", help="Always 1", labels=("gateway", "version"))
FRAMES = Family(
    name="wardline_device_frames_total",
    kind="counter",
    help="Frames of a device that could be read (good) or not (bad)",
    labels=("device", "quality"),
)
UP = Family(name="wardline_device_up", kind="gauge", help="Whether valid frames of a device arrive", labels=("device",))
TAKEN = Family(
    name="wardline_listener_observations_total",
    kind="counter",
    help="Observations a listener took",
    labels=("listener",),
)
TURNED_AWAY = Family(
    name="wardline_listener_refused_total",
    kind="counter",
    help="Messages a listener could not use",
    labels=("listener", "reason"),
)
WAITING = Family(name="wardline_recorder_pending_records", kind="gauge", help="Records that wait for the disk")
ACCEPTED = Family(name="wardline_spool_accepted_total", kind="counter", help="Records that were given a seq")
RECEIPTED = Family(
    name="wardline_spool_receipted_total", kind="counter", help="Records the hub has given a receipt for"
)
REJECTED = Family(name="wardline_spool_rejected_total", kind="counter", help="Records the hub put into quarantine")
PRUNED = Family(
    name="wardline_spool_pruned_total", kind="counter", help="Records given up before the hub had them, and declared"
)
LOST = Family(
    name="wardline_lost_records_total",
    kind="counter",
    help="Records that never came to the spool",
    labels=("reason",),
)
SPOOLED = Family(name="wardline_spool_records", kind="gauge", help="Records without a receipt, sent or not")
OUTSTANDING = Family(name="wardline_spool_outstanding_records", kind="gauge", help="Of those, the ones sent")
FILL = Family(
    name="wardline_spool_fill_ratio",
    kind="gauge",
    help="How much of the size cap records without a receipt take; at 1 the oldest go",
)
OLDEST = Family(
    name="wardline_spool_oldest_age_seconds",
    kind="gauge",
    help="Since the oldest record without a receipt was measured; absent when all have one",
)
DEGRADED = Family(
    name="wardline_spool_refusing", kind="gauge", help="Whether the disk takes nothing, so that records go from memory"
)
MEMORY = Family(name="wardline_memory_records", kind="gauge", help="Records that are in memory only")
CREDIT = Family(name="wardline_credit_records", kind="gauge", help="How many records may be under way")
REWINDS = Family(name="wardline_rewinds_total", kind="counter", help="Times records were sent again")
ROUND_TRIP = Family(
    name="wardline_receipt_round_trip_seconds",
    kind="gauge",
    help="From sent to receipted, smoothed; absent before the first receipt",
)
UNPUBLISHED = Family(
    name="wardline_publish_refused_total",
    kind="counter",
    help="Messages the broker did not take",
    labels=("reason",),
)
OFFSET = Family(
    name="wardline_hub_clock_offset_seconds",
    kind="gauge",
    help="The hub's clock minus ours, at the last receipt; absent before it",
)
QUALITY = Family(name="wardline_clock_quality", kind="gauge", help="1 for how good the clock is", labels=("quality",))
HUB_SILENT = Family(
    name="wardline_hub_silent_seconds",
    kind="gauge",
    help="For how long the hub has not been heard; 0 while it is",
)

FAMILIES = (
    INFO,
    FRAMES,
    UP,
    TAKEN,
    TURNED_AWAY,
    WAITING,
    ACCEPTED,
    RECEIPTED,
    REJECTED,
    PRUNED,
    LOST,
    SPOOLED,
    OUTSTANDING,
    FILL,
    OLDEST,
    DEGRADED,
    MEMORY,
    CREDIT,
    REWINDS,
    ROUND_TRIP,
    UNPUBLISHED,
    CONNECTED,
    OFFSET,
    QUALITY,
    HUB_SILENT,
)
"""Every metric of an edge agent, as the reference lists them."""


class EdgeMetrics:
    """Tells what the parts of one agent count."""

    def __init__(self, agent: Agent, spool: Spool, gateway: str, version: str, clock: Clock | None = None) -> None:
        self._agent = agent
        self._spool = spool
        self._gateway = gateway
        self._version = version
        self._clock = clock or SystemClock()
        self._first = 0  # the lowest seq without a receipt, when somebody last asked

    def collect(self) -> Iterable[Metric]:
        """In the event loop."""
        agent = self._agent
        yield INFO.one(1, self._gateway, self._version)
        yield from self._lines()
        yield WAITING.one(agent.recorder.pending)
        yield LOST.by(+agent.recorder.lost)
        yield from self._conversation()
        yield FILL.one(self._spool.fill)
        yield DEGRADED.one(bool(agent.recorder.trouble))
        yield MEMORY.one(agent.recorder.memory.holds)
        yield CONNECTED.by({"session": agent.session.is_connected})
        yield QUALITY.by({quality: quality == agent.clock_quality for quality in get_args(ClockQuality)})
        since = agent.bedside.silent_since
        yield HUB_SILENT.one(0 if since is None else max(0, self._clock.wall_ms() - since) / 1_000)

    def read(self) -> Iterable[Metric]:
        """How old the oldest record is that waits; the disk knows."""
        if not self._first:
            return
        with contextlib.suppress(StorageError), closing(open_read_only(self._spool.path)) as database:
            found = database.execute(_OLDEST, (self._first,)).fetchone()
            if found is not None:
                yield OLDEST.one(max(0, self._clock.wall_ms() - found[0]) / 1_000)

    def _lines(self) -> Iterable[Metric]:
        links = self._agent.links
        frames: dict[tuple[str, str], float] = {}
        for name, link in links.items():
            frames[name, "good"] = link.good
            frames[name, "bad"] = link.bad.total()
        yield FRAMES.many(frames)
        yield UP.by({name: link.link == "up" for name, link in links.items()})
        listeners = [reception.status() for reception in self._agent.receptions]
        yield TAKEN.by({listener.id: listener.taken for listener in listeners})
        yield TURNED_AWAY.many(
            {(listener.id, reason): count for listener in listeners for reason, count in listener.refused.items()}
        )

    def _conversation(self) -> Iterable[Metric]:
        publisher = self._agent.publisher
        lanes = publisher.lanes  # of the spool; what is in memory only is moved there, and would count twice
        self._first = lanes.span()[0]
        yield ACCEPTED.one(lanes.accepted)
        yield RECEIPTED.one(lanes.receipted)
        yield REJECTED.one(lanes.rejected)
        yield PRUNED.one(lanes.pruned)
        yield SPOOLED.one(lanes.waiting)
        yield OUTSTANDING.one(lanes.outstanding)
        yield CREDIT.one(lanes.credit)
        yield REWINDS.one(lanes.rewinds + publisher.memory.lanes.rewinds)
        if lanes.round_trip_ms:
            yield ROUND_TRIP.one(lanes.round_trip_ms / 1_000)
        yield UNPUBLISHED.by(publisher.refusals)
        if publisher.hub_offset_ms is not None:
            yield OFFSET.one(publisher.hub_offset_ms / 1_000)
