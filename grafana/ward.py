"""The ward overview: every bed of one or more wards on one screen."""

from __future__ import annotations

from grafana import queries
from grafana.columns import (
    ALARMS_UID,
    BACKGROUND,
    DEVICES_UID,
    WARD_UID,
    ago,
    alarm_columns,
    bed_column,
    coloured,
    score_column,
    ward_column,
)
from grafana.layout import dashboard, link, variable
from grafana.panels import MERGE, NOTICE, column, notice, ordered, over, steps, table, timed, trend, without
from grafana.queries import WARD
from grafana.sources import Json, ask, lines
from grafana.trends import trends
from rules.documents import RuleSet
from vitals.parameters import PARAMETERS

# What one row of a ward shows; cuff and thermometer measure now and then, so their values come with their age.
_NOW = ("hr", "pr", "spo2", "rr", "abp_sys", "abp_mean", "etco2")
_CUFF = ("nibp_sys", "nibp_dia")
_HEAT = ("temp",)


def ward_overview(rule_set: RuleSet) -> Json:
    """All beds at a glance."""
    return dashboard(
        WARD_UID,
        "Ward overview",
        "Present values, ages, scores, alarms and silence of every bed of a ward.",
        [
            (notice(f"**Wardline · ${{ward:text}}** {NOTICE}"), 24, 2),
            (_beds(rule_set), 24, 12),
            (_standing(), 24, 7),
            (_heard(), 12, 8),
            (_reasons(), 12, 8),
            *((panel, 12, 8) for name in ("hr", "spo2") for panel in trends(rule_set, "", (name,), WARD, "bed")),
            (_records(), 24, 7),
        ],
        [variable("ward", "Ward", queries.WARDS, all_of_them=True)],
        since="now-1h",
        refresh="10s",
        links=[
            link(ALARMS_UID, "Alarms", "Alarms and their burden"),
            link(DEVICES_UID, "Devices", "Devices and gateways"),
        ],
        tags=[f"rules:{rule_set.id}"],
    )


def _beds(rule_set: RuleSet) -> Json:
    targets = {
        "A": ask(queries.present(_NOW, WARD)),
        "B": ask(queries.measured(_CUFF, WARD)),
        "C": ask(queries.measured(_HEAT, WARD)),
        "D": ask(queries.score_now("news2", WARD)),
        "E": ask(queries.open_count("Alarms", WARD)),
        "F": ask(queries.open_count("High", WARD, "high")),
        "G": ask(queries.last_of_bed(WARD)),
    }
    labels = [PARAMETERS[name].label for name in (*_NOW, *_CUFF, *_HEAT)]
    cuff, heat = labels.index("NIBP sys"), labels.index("Temp")
    shown = [*labels[:cuff], *labels[cuff:heat], "NIBP since", *labels[heat:], "Temp since"]
    standing = steps((None, "transparent"), (1, "yellow"))
    grave = steps((None, "transparent"), (1, "red"))
    alarms = {"decimals": 0, "color": {"mode": "thresholds"}, "custom__cellOptions": BACKGROUND}
    panel = table(
        "Beds",
        "The newest value of each parameter, in the colour of the limit it breaks. A value that is too old to be the"
        " present one is not shown at all, and a dash is no number. Alarms are those whose last transition was in the"
        " last 24 hours. A bed that was not heard in the last 24 hours has no row: the ward board shows every bed.",
        list(targets.values()),
        columns=[
            bed_column(),
            ward_column(),
            ago("Last heard"),
            score_column(rule_set),
            column("Alarms", **alarms, thresholds=standing),
            column("High", **alarms, thresholds=grave),
            *(coloured(rule_set, name) for name in (*_NOW, *_CUFF, *_HEAT)),
            ago("NIBP since"),
            ago("Temp since"),
        ],
        transform=[
            *timed("NIBP since", "B"),
            *timed("Temp since", "C"),
            *timed("Last heard", "G"),
            without("Time", "seq", "complete", "Missing"),
            MERGE,
            ordered("ward", "bed", "Last heard", "NEWS2", "Risk", "High", "Alarms", *shown),
        ],
        sort="Bed",
    )
    return over(panel, "24h")


def _standing() -> Json:
    panel = table(
        "Alarms standing",
        "Alarms whose last transition lies in the last 71 hours and left them standing. An older one is not in this"
        " table: the ward board shows them all.",
        [ask(queries.open_alarms(WARD))],
        columns=[bed_column(), ward_column(), column("Time", displayName="Since"), *alarm_columns()],
    )
    return over(panel, "71h")


def _heard() -> Json:
    return table(
        "Last heard",
        "When each device in the time range was last heard.",
        [ask(queries.last_of_device(WARD))],
        columns=[bed_column(), ward_column(), column("Time", displayName="Last record", unit="dateTimeFromNow")],
        transform=[without("seq"), ordered("Time", "ward", "bed", "gateway", "device")],
        sort="Bed",
    )


def _reasons() -> Json:
    names = [name for name in (*_NOW, *_CUFF, *_HEAT) if PARAMETERS[name].stale_s <= 60]
    return table(
        "No number now",
        "Why the monitor itself has no number.",
        [ask(queries.missing(names, WARD))],
        columns=[bed_column(), ward_column()],
        transform=[without("Time"), ordered("ward", "bed")],
        sort="Bed",
    )


def _records() -> Json:
    return trend(
        "Records per minute",
        "How many records came from each bed. Zero means silence.",
        [lines(queries.records_per_minute(WARD), "$tag_ward/$tag_bed")],
        {"unit": "short", "decimals": 0, "min": 0},
    )
