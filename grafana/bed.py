"""The bed dashboard: present values, trends with limits, scores, alarms and a table by minute."""

from __future__ import annotations

from grafana import queries
from grafana.columns import (
    ALARMS_UID,
    BED_UID,
    WARD_UID,
    ago,
    alarm_columns,
    bed_column,
    plain,
    score_column,
    unit,
    ward_column,
)
from grafana.layout import annotation, choice, dashboard, link, variable
from grafana.limits import score_bands, thresholds
from grafana.panels import NOTICE, column, matching, notice, ordered, over, renamed, row, stat, table, trend, without
from grafana.queries import BED
from grafana.sources import Json, ask, lines
from grafana.trends import trends
from rules.documents import RuleSet
from vitals.parameters import PARAMETERS

_STATS = ("hr", "pr", "spo2", "rr", "nibp_sys", "nibp_dia", "temp", "etco2")
_TRENDS = (
    ("Heart and pulse rate", ("hr", "pr")),
    ("Oxygen saturation", ("spo2",)),
    ("Respiration rate", ("rr",)),
    ("Systolic pressure", ("nibp_sys", "abp_sys")),
    ("Diastolic pressure", ("nibp_dia", "abp_dia")),
    ("Mean pressure", ("nibp_mean", "abp_mean")),
    ("Temperature", ("temp", "temp_core", "temp_skin")),
    ("End-tidal CO2", ("etco2",)),
)
_LONG = ("hr", "spo2", "rr", "temp")
STEPS = ("1m", "5m", "15m", "60m")


def bed(rule_set: RuleSet) -> Json:
    """One bed, or a few beside each other."""
    common = {name for _, names in _TRENDS for name in names}
    others = [
        panel for name in PARAMETERS if name not in common for panel in trends(rule_set, "", (name,), BED, "device")
    ]
    drawn = [panel for title, names in _TRENDS for panel in trends(rule_set, title, names, BED, "device")]
    return dashboard(
        BED_UID,
        "Bed",
        "Present values, trends with alarm limits, scores and alarms of one bed.",
        [
            (notice(f"**Wardline · ${{ward:text}} · bed ${{bed:text}}** {NOTICE}"), 24, 2),
            *((_stat(rule_set, name), 3, 4) for name in _STATS),
            (_heard(), 9, 5),
            (_reasons(), 9, 5),
            (_score(rule_set), 6, 5),
            *((panel, 12, 8) for panel in drawn),
            (_score_trend(rule_set), 24, 6),
            (_alarms(), 24, 8),
            (_minutes(), 24, 10),
            (row("Two days, by the minute", _days(rule_set)), 24, 1),
            (row("Less common parameters", others), 24, 1),
        ],
        [
            variable("ward", "Ward", queries.WARDS),
            variable("bed", "Bed", queries.BEDS),
            choice("step", "Table by", STEPS),
        ],
        since="now-3h",
        refresh="10s",
        marks=[annotation("Alarms", queries.marks(BED), "message", "change,priority")],
        links=[
            link(WARD_UID, "Ward overview", "All beds of this ward"),
            link(ALARMS_UID, "Alarms", "Alarms and their burden"),
        ],
        tags=[f"rules:{rule_set.id}"],
    )


def _stat(rule_set: RuleSet, name: str) -> Json:
    parameter = PARAMETERS[name]
    return stat(
        parameter.label,
        f"The newest {parameter.label}; a dash when it is older than {_age(parameter.stale_s)}.",
        [lines(queries.present([name], BED), "$tag_bed")],
        unit(parameter) | {"color": {"mode": "thresholds"}, "thresholds": thresholds(rule_set, name)},
    )


def _heard() -> Json:
    return table(
        "Last heard",
        "When each device at this bed was last heard.",
        [ask(queries.last_of_device(BED))],
        columns=[bed_column(), ward_column(), column("Time", displayName="Last record", unit="dateTimeFromNow")],
        transform=[without("seq"), ordered("Time", "ward", "bed", "gateway", "device")],
    )


def _reasons() -> Json:
    names = [name for name in PARAMETERS if PARAMETERS[name].stale_s <= 60]
    return table(
        "No number now",
        "Why the monitor itself has no number.",
        [ask(queries.missing(names, BED))],
        columns=[bed_column(), ward_column()],
        transform=[without("Time"), ordered("ward", "bed")],
    )


def _score(rule_set: RuleSet) -> Json:
    panel = table(
        "Early warning score",
        "The newest NEWS2 of the last 24 hours and since when it is so. A dash: it is unknown, because something it"
        " counts is missing or too old, or nobody has entered consciousness and oxygen.",
        [ask(queries.score_now("news2", BED))],
        columns=[bed_column(), ward_column(), ago("Since"), score_column(rule_set)],
        transform=[renamed({"Time": "Since"}), without("complete"), ordered("ward", "bed", "Since", "NEWS2", "Risk")],
    )
    return over(panel, "24h")


def _score_trend(rule_set: RuleSet) -> Json:
    return trend(
        "NEWS2",
        "Each change of the score. Where the line ends, the score became unknown or the last change is before the"
        " time range. Bands are the responses the score asks for.",
        [lines(queries.score_trend("news2", BED), "$col · $tag_ward/$tag_bed")],
        {"decimals": 0, "min": 0, "max": 20, "thresholds": score_bands(rule_set, "news2")},
        draw="steps",
        limits="line+area",
        overrides=[matching("/^complete · /", custom__hideFrom={"legend": True, "tooltip": True, "viz": True})],
    )


def _days(rule_set: RuleSet) -> list[Json]:
    return [over(panel, "48h") for name in _LONG for panel in trends(rule_set, "", (name,), BED, "minute")]


def _alarms() -> Json:
    return table(
        "Alarms",
        "Every transition of every alarm of this bed in the time range, newest first.",
        [ask(queries.transitions(BED))],
        columns=[bed_column(), ward_column(), *alarm_columns()],
    )


def _minutes() -> Json:
    return table(
        "By ${step}",
        "Mean, lowest and highest value of each interval. An empty row is an interval without records.",
        [ask(queries.by_interval(_STATS, BED, "${step}"))],
        columns=[bed_column(), ward_column(), *(plain(name) for name in _STATS)],
        transform=[ordered("Time", "ward", "bed", "Records")],
    )


def _age(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
