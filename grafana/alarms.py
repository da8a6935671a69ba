"""The alarm dashboard: what stands, what was, what it costs the ward, and how soon somebody looked."""

from __future__ import annotations

from grafana import queries
from grafana.columns import ALARMS_UID, DEVICES_UID, WARD_UID, alarm_columns, bed_column, ward_column
from grafana.layout import dashboard, link, variable
from grafana.panels import NOTICE, column, gauges, notice, ordered, over, stat, steps, table, trend, without
from grafana.queries import WARD
from grafana.sources import Json, ask, lines
from rules.burden import REFERENCE_PER_BED_DAY

_DREW = (
    f"The line is at {REFERENCE_PER_BED_DAY:g}: audible alarms per bed and day in five intensive care units"
    " (Drew et al. 2014)."
)
_REFERENCE = steps((None, "green"), (REFERENCE_PER_BED_DAY, "red"))
_COUNT = {"unit": "short", "decimals": 0, "min": 0}
_SECONDS = {"unit": "s", "decimals": 0}


def alarm_board() -> Json:
    """Alarms of one or more wards."""
    return dashboard(
        ALARMS_UID,
        "Alarms",
        "Alarms that stand, their history, their burden on each bed, and how soon they were acknowledged.",
        [
            (notice(f"**Wardline · alarms of ${{ward:text}}** {NOTICE}"), 24, 2),
            (_standing(), 24, 7),
            *((panel, 4, 4) for panel in _numbers()),
            (_last_day(), 12, 8),
            (_per_hour(), 12, 8),
            (_per_day("71h"), 12, 8),
            (_per_day("30d"), 12, 8),
            (_by_bed(), 12, 9),
            (_by_rule(), 12, 9),
            (_latency(), 24, 8),
            (_history(), 24, 10),
        ],
        [variable("ward", "Ward", queries.WARDS, all_of_them=True)],
        since="now-24h",
        refresh="30s",
        links=[
            link(WARD_UID, "Ward overview", "All beds of this ward"),
            link(DEVICES_UID, "Devices", "Devices and gateways"),
        ],
    )


def _standing() -> Json:
    panel = table(
        "Active now",
        "Alarms whose last transition lies in the last 71 hours and left them standing. An older one is not in this"
        " table: the ward board shows them all.",
        [ask(queries.open_alarms(WARD))],
        columns=[bed_column(), ward_column(), column("Time", displayName="Since"), *alarm_columns()],
    )
    return over(panel, "71h")


def _numbers() -> list[Json]:
    numbers = (
        ("Alarms raised", 'sum("alarms")', "alarms", _COUNT, "Without tests, and without those found in late data."),
        ("Under 15 s", 'sum("short")', "short", _COUNT, "Over so soon, an alarm is mostly noise."),
        ("Median duration", 'median("duration_s")', "duration_s", _SECONDS, "Until the condition was over."),
        ("Acknowledged", 'sum("acknowledged")', "acknowledged", _COUNT, "Seen by somebody."),
        ("Median to acknowledge", 'median("acknowledged_s")', "acknowledged_s", _SECONDS, "Of those acknowledged."),
        (
            "9 of 10 acknowledged within",
            'percentile("acknowledged_s", 90)',
            "acknowledged_s",
            _SECONDS,
            "Of those acknowledged.",
        ),
    )
    return [
        stat(
            title,
            f"In the time range. {about}",
            [lines(queries.total(title, function, field, WARD), "$col")],
            {**unit, "color": {"mode": "fixed", "fixedColor": "text"}},
        )
        for title, function, field, unit, about in numbers
    ]


def _last_day() -> Json:
    panel = gauges(
        "Alarms per bed, last 24 hours",
        f"{_DREW} A bed without a bar had no alarm, or was not there.",
        [lines(queries.alarms_of(WARD), "$tag_ward/$tag_bed")],
        {**_COUNT, "max": 2 * REFERENCE_PER_BED_DAY, "color": {"mode": "thresholds"}, "thresholds": _REFERENCE},
    )
    return over(panel, "24h")


def _per_hour() -> Json:
    return trend(
        "Alarms per hour",
        "How many alarms were raised at each bed. No bar: no alarm, or nobody there to raise one.",
        [lines(queries.alarms_per("1h", WARD), "$tag_ward/$tag_bed")],
        _COUNT,
        draw="bars",
        interval="1h",
    )


def _per_day(span: str) -> Json:
    long = span.endswith("d")
    panel = trend(
        f"Alarms per bed and day, {span[:-1]} days (2.x)" if long else "Alarms per bed and day",
        f"Days are days of UTC; the first and the last are not whole. {_DREW}"
        + (" 2.x only: InfluxDB 3 Core answers no more than 72 hours." if long else ""),
        [lines(queries.alarms_per("1d", WARD), "$tag_ward/$tag_bed")],
        {**_COUNT, "max": 2 * REFERENCE_PER_BED_DAY, "thresholds": _REFERENCE},
        draw="bars",
        limits="line",
        interval="1d",
    )
    return over(panel, span)


def _by_bed() -> Json:
    return table(
        "Burden by bed",
        "How many alarms each bed had in the time range, how many were over in less than 15 s, how long they lasted,"
        " and how soon they were acknowledged. A few beds usually make most of them: their limits are worth a look.",
        [ask(queries.burden(WARD))],
        columns=[bed_column(), ward_column(), *_durations()],
        transform=[without("Time"), ordered("ward", "bed", "Alarms")],
        sort="Alarms",
        descending=True,
    )


def _by_rule() -> Json:
    return table(
        "Burden by rule",
        "The same for each rule and bed.",
        [ask(queries.burden(WARD, ("rule", "ward", "bed")))],
        columns=[column("rule", displayName="Rule"), bed_column(), ward_column(), *_durations()],
        transform=[without("Time"), ordered("rule", "ward", "bed", "Alarms")],
        sort="Alarms",
        descending=True,
    )


def _durations() -> list[Json]:
    return [column(name, **_SECONDS) for name in ("Median duration", "Median to acknowledge")]


def _latency() -> Json:
    return trend(
        "Time to acknowledge, by hour",
        "Within how many seconds half, and nine of ten, of the alarms raised in each hour were acknowledged. Alarms"
        " nobody acknowledged are not in it.",
        [lines(queries.latency(WARD, priority), f"{priority} · $col") for priority in ("high", "medium", "low")],
        {**_SECONDS, "min": 0},
        draw="points",
        interval="1h",
    )


def _history() -> Json:
    return table(
        "History",
        "Every transition of every alarm in the time range, newest first, 500 at most.",
        [ask(queries.transitions(WARD))],
        columns=[bed_column(), ward_column(), *alarm_columns()],
    )
