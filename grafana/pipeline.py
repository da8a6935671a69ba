"""The pipeline dashboard: what becomes of records on their way, how long each stage takes, and whether all add up."""

from __future__ import annotations

from grafana.columns import DEVICES_UID, PIPELINE_UID
from grafana.layout import dashboard, link
from grafana.panels import NOTICE, notice, row, stat, steps, table, trend, without
from grafana.sources import Json, count, watch

_STAGES = {
    "measured to received": "wardline_sample_age_seconds",
    "received to committed": "wardline_commit_wait_seconds",
    "commit": "wardline_journal_commit_seconds",
    "committed to receipted": "wardline_receipt_wait_seconds",
    "taken to alarm announced": "wardline_alarm_announce_seconds",
    "loop lag": "wardline_loop_lag_seconds",
}
_COUNT: Json = {"unit": "short", "decimals": 0, "min": 0}
_PACE: Json = {"unit": "cps", "min": 0}
_BAD = steps((None, "green"), (1, "red"))
_GOOD = steps((None, "red"), (1, "green"))


def pipeline() -> Json:
    """From the wire to the journal, and from there to everything else."""
    return dashboard(
        PIPELINE_UID,
        "Pipeline",
        "Records from the wire to the journal and on: stages, latencies, lag and bookkeeping, from Prometheus.",
        [
            (notice(f"**Wardline · gateway → broker → hub → journal → projections, pagers, board** {NOTICE}"), 24, 2),
            *((panel, 3, 4) for panel in _stats()),
            (_flow(), 12, 8),
            (_left_over(), 12, 8),
            (_quantile(0.99, "99 of 100"), 12, 8),
            (_quantile(0.5, "half"), 12, 8),
            (_books(), 12, 8),
            (_quarantine(), 12, 8),
            (_lag(), 12, 8),
            (_copied(), 12, 8),
            (_refused(), 12, 8),
            (_pages(), 12, 8),
            (_journal(), 12, 8),
            (_alerts(), 12, 8),
            (row("Gateways' own pages", _edges()), 24, 1),
            (row("Processes", _processes()), 24, 1),
        ],
        [],
        since="now-3h",
        refresh="30s",
        links=[link(DEVICES_UID, "Devices", "Devices and gateways", variables=False)],
    )


def _stats() -> list[Json]:
    numbers = (
        ("Hub", 'min(up{job="wardline-hub",part="ingest"})', _GOOD, "1: the page of the hub answers."),
        ("Parts that answer", 'sum(up{job="wardline-hub"})', None, "Of ingest, projections, pagers and console."),
        ("Broker", "min(wardline_broker_connected)", _GOOD, "1: every process has its connection."),
        ("Alarms standing", "sum(wardline_alarms)", None, "Patients' and technical ones, without tests."),
        ("Unheard alarm events", "max(wardline_outbox_events)", None, "Not yet acknowledged by the broker."),
        ("Journal refuses", "max(wardline_journal_refusing)", _BAD, "1: the disk takes nothing."),
        ("Paging faults", "max(wardline_paging_faults)", _BAD, "Recipients that pages do not reach."),
        ("Drills overdue", "max(wardline_drills_overdue)", _BAD, "Wards without a TEST alarm for too long."),
    )
    return [
        stat(
            title,
            about,
            [count(expression, title)],
            {"decimals": 0, "color": {"mode": "thresholds"}, "thresholds": colours}
            if colours
            else {"decimals": 0, "color": {"mode": "fixed", "fixedColor": "text"}},
        )
        for title, expression, colours, about in numbers
    ]


def _flow() -> Json:
    names = {"received": "received", "committed": "committed", "waves": "of these, waves", "late": "of these, late"}
    targets = [watch(_rate(f"wardline_records_{name}_total"), said) for name, said in names.items()]
    targets.append(watch(_rate("wardline_receipts_sent_total"), "receipts"))
    about = "Records in a second, and the receipts that go back for them."
    return trend("Records per second", about, targets, _PACE, interval="15s")


def _left_over() -> Json:
    names = {
        "duplicate": "here already",
        "out_of_order": "out of order",
        "rejected": "quarantined",
        "shed": "put off",
        "gap": "declared missing",
        "refilled": "missing, came after all",
    }
    targets = [watch(_rate(f"wardline_records_{name}_total"), said) for name, said in names.items()]
    targets.append(watch("sum(wardline_records_pending)", "waiting for a commit"))
    about = "What else became of records, in a second, and how many wait for a commit now."
    return trend("Not simply committed", about, targets, _PACE, interval="15s")


def _quantile(quantile: float, said: str) -> Json:
    targets = [
        watch(
            f"histogram_quantile({quantile:g}, sum by (le) (rate({metric}_bucket[$__rate_interval])))",
            stage,
        )
        for stage, metric in _STAGES.items()
    ]
    about = f"Within what time {said} passed each stage. A gap: nothing passed it."
    return trend(f"Latency of stages, {said}", about, targets, {"unit": "s", "min": 0}, interval="15s")


def _books() -> Json:
    return trend(
        "Bookkeeping",
        "Records of a gateway that are neither in its spool nor in the journal, rejected or declared missing. It must"
        " be 0; below 0, some are here that were never given out.",
        [watch("max by (gateway) (wardline_bookkeeping_mismatch_records)", "{{gateway}}")],
        {"unit": "short", "decimals": 0, "thresholds": steps((None, "red"), (0, "transparent"), (1, "red"))},
        limits="area",
        interval="15s",
    )


def _quarantine() -> Json:
    return trend(
        "Refused",
        "Messages and records nobody could use, by reason, and messages the hub failed at, in a second.",
        [
            watch("sum by (reason) (rate(wardline_quarantine_reasons_total[$__rate_interval]))", "{{reason}}"),
            watch(_rate("wardline_messages_passed_over_total"), "the hub failed"),
        ],
        _PACE,
        interval="15s",
    )


def _lag() -> Json:
    return trend(
        "Lag of projections",
        "Entries of the journal that a sink does not have yet. It may be down or late; it never holds up an alarm.",
        [
            watch("max by (sink) (wardline_projection_lag_entries)", "{{sink}}"),
            watch("max by (sink) (wardline_projection_waiting)", "{{sink}} waits"),
        ],
        _COUNT,
        interval="15s",
    )


def _copied() -> Json:
    expression = "sum by (sink) (rate(wardline_projection_entries_total[$__rate_interval]))"
    about = "Entries each sink has taken, in a second; counted again when they are copied again."
    return trend("Copied", about, [watch(expression, "{{sink}}")], _PACE, interval="15s")


def _refused() -> Json:
    return trend(
        "Not copied",
        "Entries a sink refused for good, and entries that had left the journal before it could take them.",
        [
            watch("max by (sink) (wardline_projection_dead_letters_total)", "{{sink}} refused"),
            watch("max by (sink) (wardline_projection_missed_entries_total)", "{{sink}} missed"),
        ],
        _COUNT,
        interval="15s",
    )


def _pages() -> Json:
    return trend(
        "Pages of the last 24 hours",
        "By what became of them, without tests, and the screens that are open.",
        [
            watch("sum by (state) (wardline_pages)", "{{state}}"),
            watch("sum(wardline_console_screens)", "screens"),
        ],
        _COUNT,
        interval="15s",
    )


def _journal() -> Json:
    about = "What the journal takes on the disk."
    return trend("Journal", about, [watch("max(wardline_journal_bytes)", "journal")], {"unit": "bytes", "min": 0})


def _alerts() -> Json:
    return table(
        "Alerts that fire",
        "Of the alert rules that come with Wardline. They watch machines, never a patient.",
        [count('ALERTS{alertstate="firing",alertname=~"Wardline.*"}')],
        transform=[without("Time", "Value", "__name__", "alertstate")],
        sort="alertname",
    )


def _edges() -> list[Json]:
    shown = (
        ("Spool", "wardline_spool_records", "Records without a receipt.", _COUNT),
        ("Spool, filled", "wardline_spool_fill_ratio", "At 100 % the oldest go.", {"unit": "percentunit", "min": 0}),
        ("Oldest record", "wardline_spool_oldest_age_seconds", "Since it was measured.", {"unit": "s", "min": 0}),
        ("Round trip of receipts", "wardline_receipt_round_trip_seconds", "Smoothed.", {"unit": "s", "min": 0}),
        ("Records in memory only", "wardline_memory_records", "Gone with the power.", _COUNT),
        ("Hub silent", "wardline_hub_silent_seconds", "As the agent hears it.", {"unit": "s", "min": 0}),
    )
    return [
        trend(title, f"{about} Of gateways whose page is read.", [watch(expression, "{{instance}}")], unit)
        for title, expression, about, unit in shown
    ]


def _processes() -> list[Json]:
    ours = '{job=~"wardline-.*"}'
    return [
        trend(
            "Processor",
            "Cores each process uses.",
            [watch(f"rate(process_cpu_seconds_total{ours}[$__rate_interval])", "{{job}} {{part}} {{instance}}")],
            {"unit": "short", "min": 0},
        ),
        trend(
            "Memory",
            "What each process holds.",
            [watch(f"process_resident_memory_bytes{ours}", "{{job}} {{part}} {{instance}}")],
            {"unit": "bytes", "min": 0},
        ),
        trend(
            "Files and connections",
            "Open descriptors.",
            [watch(f"process_open_fds{ours}", "{{job}} {{part}} {{instance}}")],
            _COUNT,
        ),
    ]


def _rate(metric: str) -> str:
    return f"sum(rate({metric}[$__rate_interval]))"
