"""What the hub counts, for its metrics page: plain numbers of its parts, gathered when somebody asks.

No patient data and no bed: gateways are named, because somebody has to go there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from prometheus_client.core import Metric

from chassis.metrics import CONNECTED, Family
from hub.hub import Hub
from hub.settings import HubSettings

INFO = Family(name="wardline_hub_info", kind="gauge", help="Always 1", labels=("hub", "version"))
COUNTERS = {
    name: Family(name=f"wardline_records_{name}_total", kind="counter", help=help_)
    for name, help_ in {
        "received": "Records that came from gateways, again or not",
        "committed": "Records that are in the journal",
        "waves": "Stretches of waveforms that are in the journal, of the committed",
        "duplicate": "Records that were here already",
        "late": "Records of backfill: stored, judged as late",
        "rejected": "Records that went into quarantine",
        "out_of_order": "Records older than the last word of their device: stored, not shown",
        "gap": "Records declared missing for good",
        "refilled": "Records declared missing that came all the same",
        "shed": "Records forgotten while the disk refused; their gateways send them again",
    }.items()
}
QUARANTINED = Family(
    name="wardline_quarantine_messages_total", kind="counter", help="Messages and records nobody could use"
)
OVER_QUOTA = Family(
    name="wardline_messages_over_quota_total", kind="counter", help="Messages dropped unread: their sender flooded"
)
REASONS = Family(
    name="wardline_quarantine_reasons_total",
    kind="counter",
    help="The same by what is wrong with them",
    labels=("reason",),
)
PASSED_OVER = Family(
    name="wardline_messages_passed_over_total",
    kind="counter",
    help="Messages the hub failed at: a mistake in the program, its log says which",
)
PENDING = Family(name="wardline_records_pending", kind="gauge", help="Records that wait for a commit")
REFUSING = Family(name="wardline_journal_refusing", kind="gauge", help="Whether the disk takes no commit now")
SIZE = Family(name="wardline_journal_bytes", kind="gauge", help="What the journal takes on the disk")
COMMIT = Family(
    name="wardline_journal_commit_seconds", kind="histogram", help="How long a commit took, waiting for its turn too"
)
SAMPLE_AGE = Family(
    name="wardline_sample_age_seconds",
    kind="histogram",
    help="From measured to received, by the clocks of both; one live record of each commit",
)
COMMIT_WAIT = Family(
    name="wardline_commit_wait_seconds", kind="histogram", help="From received to committed; the oldest of each commit"
)
RECEIPT_WAIT = Family(
    name="wardline_receipt_wait_seconds", kind="histogram", help="From committed to receipted; the oldest of each round"
)
ANNOUNCE = Family(
    name="wardline_alarm_announce_seconds",
    kind="histogram",
    help="From a message that was taken to its alarms handed to the broker",
)
LOOP_LAG = Family(
    name="wardline_loop_lag_seconds", kind="histogram", help="How much later than asked the event loop woke"
)
RECEIPTS = Family(name="wardline_receipts_sent_total", kind="counter", help="Receipts handed to the broker")
UNHEARD = Family(
    name="wardline_outbox_events", kind="gauge", help="Alarm events the broker has not acknowledged: said again"
)
ALARMS = Family(
    name="wardline_alarms",
    kind="gauge",
    help="Alarms that stand, without tests",
    labels=("kind", "priority", "state"),
)
CHANGES = Family(
    name="wardline_alarm_changes_total",
    kind="counter",
    help="Transitions of alarms that were announced, without tests",
    labels=("change", "priority"),
)
SILENCE = Family(
    name="wardline_gateway_silence_seconds",
    kind="gauge",
    help="Since a registered gateway was heard, or since the hub started",
    labels=("gateway",),
)
ONLINE = Family(
    name="wardline_gateway_online",
    kind="gauge",
    help="Whether a registered gateway says it is there; absent until it has said anything",
    labels=("gateway",),
)
SPOOLED = Family(
    name="wardline_gateway_spooled_records",
    kind="gauge",
    help="Records a gateway holds without a receipt",
    labels=("gateway",),
)
DEGRADED = Family(
    name="wardline_gateway_degraded",
    kind="gauge",
    help="Whether a gateway's disk takes nothing, so that its records are in memory only",
    labels=("gateway",),
)
LOST = Family(
    name="wardline_gateway_lost_records",
    kind="gauge",
    help="Records a gateway had to give up: declared in gap records, or never numbered",
    labels=("gateway",),
)
LINKS = Family(
    name="wardline_gateway_devices",
    kind="gauge",
    help="Devices of a gateway by the state of their line",
    labels=("gateway", "link"),
)
OFFSET = Family(
    name="wardline_gateway_clock_offset_seconds",
    kind="gauge",
    help="A gateway's clock minus the hub's",
    labels=("gateway",),
)
MISMATCH = Family(
    name="wardline_bookkeeping_mismatch_records",
    kind="gauge",
    help="Records of a gateway that are neither here nor there; below 0: here, and never given out",
    labels=("gateway",),
)
PAGING = Family(name="wardline_paging_faults", kind="gauge", help="Recipients pages do not reach, and paging gone")
DRILLS = Family(name="wardline_drills_overdue", kind="gauge", help="Wards without a TEST alarm for too long")

FAMILIES = (
    INFO,
    CONNECTED,
    *COUNTERS.values(),
    QUARANTINED,
    REASONS,
    PASSED_OVER,
    PENDING,
    REFUSING,
    SIZE,
    COMMIT,
    SAMPLE_AGE,
    COMMIT_WAIT,
    RECEIPT_WAIT,
    ANNOUNCE,
    LOOP_LAG,
    RECEIPTS,
    UNHEARD,
    ALARMS,
    CHANGES,
    SILENCE,
    ONLINE,
    SPOOLED,
    DEGRADED,
    LOST,
    LINKS,
    OFFSET,
    MISMATCH,
    PAGING,
    DRILLS,
)
"""Every metric of the hub's own process, as the reference lists them."""


class HubMetrics:
    """Tells what the parts of one hub count."""

    def __init__(self, hub: Hub, settings: HubSettings, folder: Path, version: str) -> None:
        self._hub = hub
        self._name = settings.hub
        self._journal = folder / settings.journal.path
        self._version = version

    def collect(self) -> Iterable[Metric]:
        """In the event loop."""
        hub, tally = self._hub, self._hub.tally
        now = hub.now()
        yield INFO.one(1, self._name, self._version)
        yield CONNECTED.by({"session": hub.session.connected, "listener": hub.listener.connected})
        for name, family in COUNTERS.items():
            yield family.one(hub.intake.counters[name])
        yield QUARANTINED.one(hub.intake.counters["refused"])
        yield REASONS.by(hub.intake.reasons)
        yield OVER_QUOTA.one(hub.quotas.dropped.total())
        yield PASSED_OVER.one(hub.listener.passed_over)
        yield PENDING.one(hub.pending)
        yield REFUSING.one(hub.committer.refused)
        yield COMMIT.spread(hub.committer.took)
        yield SAMPLE_AGE.spread(tally.sample_age)
        yield COMMIT_WAIT.spread(tally.commit_wait)
        yield RECEIPT_WAIT.spread(tally.receipt_wait)
        yield ANNOUNCE.spread(tally.announce)
        yield LOOP_LAG.spread(tally.loop_lag)
        yield RECEIPTS.one(hub.receipts.sent)
        yield UNHEARD.one(hub.announcer.unheard)
        yield from self._alarms()
        yield from self._gateways(now)
        yield PAGING.one(len(hub.paging.faults(now, connected=hub.session.connected)))
        yield DRILLS.one(sum(fault.holds is True for fault in hub.drills.faults(now)))

    def read(self) -> Iterable[Metric]:
        """What the journal takes on the disk; its log counts as well."""
        files = (self._journal, self._journal.with_name(self._journal.name + "-wal"))
        yield SIZE.one(sum(file.stat().st_size for file in files if file.exists()))

    def _alarms(self) -> Iterable[Metric]:
        standing = [alarm for alarm in self._hub.engine.alarms() if not alarm.test]
        yield ALARMS.many(Counter((alarm.kind, alarm.priority, alarm.state) for alarm in standing))
        yield CHANGES.many(self._hub.tally.changes)

    def _gateways(self, now: int) -> Iterable[Metric]:
        said = self._hub.picture.gateways
        there = {name: status for name, status in said.items() if status.online}
        yield SILENCE.by({name: age / 1_000 for name, age in self._hub.watch.ages(now).items()})
        yield ONLINE.by({name: status.online for name, status in said.items()})
        yield SPOOLED.by({name: status.spooled for name, status in there.items()})
        yield DEGRADED.by({name: status.durability == "degraded" for name, status in there.items()})
        yield LOST.by(
            {
                name: sum(one.pruned + sum(one.lost_before_spool.values()) for one in status.ledger)
                for name, status in there.items()
                if status.ledger
            }
        )
        yield LINKS.many(Counter((name, device.link) for name, status in there.items() for device in status.devices))
        yield OFFSET.by({name: offset / 1_000 for name, offset in self._hub.clocks.offsets().items()})
        differing = self._hub.bookkeeping.differing()
        yield MISMATCH.by({name: differing.get(name, 0) for name, status in there.items() if status.ledger})
