"""The two dashboards: a rule set and the parameter catalogue in, Grafana JSON out, the same for the same input."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from grafana import queries
from grafana.limits import limits_of, thresholds
from grafana.panels import (
    NOTICE,
    Json,
    annotation,
    column,
    dashboard,
    matching,
    notice,
    row,
    stat,
    table,
    target,
    trend,
    unit,
    variable,
)
from grafana.queries import BED, WARD
from rules.documents import RuleSet
from vitals.parameters import PARAMETERS

SHIPPED = Path(__file__).parent / "dashboards"

WARD_UID = "wardline-ward"
BED_UID = "wardline-bed"

# What one row of a ward shows; parameters that go stale together share a query.
_ROW = (("hr", "pr", "spo2", "rr", "abp_sys", "abp_mean", "etco2"), ("nibp_sys", "nibp_dia"), ("temp",))
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


def dashboards(rule_set: RuleSet) -> dict[str, Json]:
    """File name → dashboard."""
    return {"ward-overview.json": ward_overview(rule_set), "bed.json": bed(rule_set)}


def text_of(dashboard_: Json) -> str:
    """A dashboard as it stands in its file."""
    return json.dumps(dashboard_, indent=2, ensure_ascii=False) + "\n"


def ward_overview(rule_set: RuleSet) -> Json:
    """All beds of one ward at a glance."""
    shown = [name for group in _ROW for name in group]
    to_bed = {
        "title": "Open the bed",
        "url": f"/d/{BED_UID}?var-ward=${{ward}}&var-bed=${{__data.fields.bed}}&${{__url_time_range}}",
    }
    link = column("bed", displayName="Bed", links=[to_bed])
    values = table(
        "Values now",
        "The newest value of each parameter, in the colour of the limit it breaks. A value that is too old to be the"
        " present one is not shown at all.",
        [target(queries.present(group, WARD, per_bed=True)) for group in _ROW],
        columns=[link, *(_coloured(rule_set, name) for name in shown)],
        hide=["Time"],
        sort="Bed",
    )
    heard = table(
        "Last heard",
        "When each device in the time range was last heard.",
        [target(queries.last_heard(WARD))],
        columns=[link, _ago()],
        hide=["seq"],
        sort="Bed",
    )
    reasons = table(
        "No number now",
        "Why the monitor itself has no number.",
        [target(queries.missing([name for name in shown if PARAMETERS[name].stale_s <= 60], WARD, per_bed=True))],
        columns=[link],
        hide=["Time"],
        sort="Bed",
    )
    alarms = table(
        "Alarms standing",
        "Alarms whose last transition lies in the time range and left them standing. An older one is not in this"
        " table: the ward board shows them all.",
        [target(queries.open_alarms(WARD))],
        columns=[link, column("Time", displayName="Since"), *_alarm_columns()],
    )
    records = trend(
        "Records per minute",
        "How many records came from each bed. Zero means silence.",
        [target(queries.records_per_minute(WARD), table=False, alias="$tag_bed")],
        {"unit": "short", "decimals": 0, "min": 0},
    )
    per_hour = trend(
        "Alarms per hour",
        "How many alarms were raised at each bed in each hour; choose a long time range. Tests are not counted.",
        [target(queries.alarms_per_hour(WARD), table=False, alias="$tag_bed")],
        {"unit": "short", "decimals": 0, "min": 0},
    )
    burden = table(
        "Burden of alarms",
        "How many alarms each bed had in the time range, how many were over in less than 15 s, and how long they"
        " lasted. For comparison: 187 audible alarms per bed and day in five intensive care units (Drew et al. 2014).",
        [target(queries.burden(WARD))],
        columns=[link, column("Median duration", unit="s", decimals=0)],
        hide=["Time"],
        sort="Bed",
    )
    return dashboard(
        WARD_UID,
        "Ward overview",
        "Present values, alarms and silence of every bed of a ward.",
        [
            (notice(f"**Wardline · $ward** {NOTICE}"), 24, 2),
            (values, 24, 10),
            (alarms, 24, 7),
            (heard, 12, 8),
            (reasons, 12, 8),
            *((panel, 12, 8) for name in ("hr", "spo2") for panel in _trends(rule_set, "", (name,), WARD, "bed")),
            (records, 24, 7),
            (per_hour, 12, 8),
            (burden, 12, 8),
        ],
        [variable("ward", "Ward", queries.WARDS)],
        since="now-1h",
        refresh="10s",
    )


def bed(rule_set: RuleSet) -> Json:
    """One bed: present values, trends with their limits, alarms, minutes."""
    common = {name for _, names in _TRENDS for name in names}
    others = [trends for name in PARAMETERS if name not in common for trends in _trends(rule_set, "", (name,))]
    heard = table(
        "Last heard",
        "When each device at this bed was last heard.",
        [target(queries.last_heard(BED))],
        columns=[column("bed", displayName="Bed"), _ago()],
        hide=["seq"],
    )
    reasons = table(
        "No number now",
        "Why the monitor itself has no number.",
        [target(queries.missing([name for name in PARAMETERS if PARAMETERS[name].stale_s <= 60], BED))],
        hide=["Time"],
    )
    alarms = table(
        "Alarms",
        "Every transition of every alarm of this bed in the time range, newest first.",
        [target(queries.transitions(BED))],
        columns=_alarm_columns(),
    )
    minutes = table(
        "Minute by minute",
        "Mean, lowest and highest value of each minute. An empty row is a minute without records.",
        [target(queries.by_minute(_STATS, BED))],
        columns=[column(PARAMETERS[name].label, decimals=PARAMETERS[name].decimals) for name in _STATS],
    )
    return dashboard(
        BED_UID,
        "Bed",
        "Present values, trends with alarm limits, and alarms of one bed.",
        [
            (notice(f"**Wardline · $ward · bed $bed** {NOTICE}"), 24, 2),
            *((_stat(rule_set, name), 3, 4) for name in _STATS),
            (heard, 12, 5),
            (reasons, 12, 5),
            *((panel, 12, 8) for title, names in _TRENDS for panel in _trends(rule_set, title, names)),
            (alarms, 24, 8),
            (minutes, 24, 10),
            (row("Less common parameters", others), 24, 1),
        ],
        [variable("ward", "Ward", queries.WARDS), variable("bed", "Bed", queries.BEDS)],
        since="now-3h",
        refresh="10s",
        marks=[annotation("Alarms", queries.marks(BED), "message", "change,priority")],
        links=[_link_to_ward()],
    )


def _stat(rule_set: RuleSet, name: str) -> Json:
    parameter = PARAMETERS[name]
    return stat(
        parameter.label,
        f"The newest {parameter.label}; a dash when it is older than {_age(parameter.stale_s)}.",
        target(queries.present([name], BED), table=False, alias="$col"),
        unit(parameter) | {"color": {"mode": "thresholds"}, "thresholds": thresholds(rule_set, name)},
    )


def _trends(
    rule_set: RuleSet, title: str, names: Sequence[str], where: str = BED, by: str = "device"
) -> Iterator[Json]:
    """Trend panels of a group: as many as it has different limits, because a panel can draw only one set of bands."""
    parts: dict[str, list[str]] = {}
    for name in names:
        parts.setdefault(json.dumps(thresholds(rule_set, name)["steps"]), []).append(name)
    for part in parts.values():
        labels = ", ".join(PARAMETERS[name].label for name in part)
        first = PARAMETERS[part[0]]
        limited = bool(limits_of(rule_set, part[0]))
        yield trend(
            f"{title}: {labels}" if title else labels,
            f"Mean of each interval, with the lowest and highest value as thin lines. {_bands(limited)}",
            [target(queries.trend(name, where, by), table=False, alias=f"$col · $tag_{by}") for name in part],
            unit(first)
            | {"color": {"mode": "palette-classic-by-name"}, "thresholds": thresholds(rule_set, first.name)},
            points=first.stale_s > 60,
            bands=limited,
            overrides=[
                matching(
                    "/ (lowest|highest) · /",
                    custom__lineWidth=0.5,
                    custom__lineStyle={"fill": "dot", "dash": [0, 4]},
                    custom__hideFrom={"legend": True, "tooltip": False, "viz": False},
                )
            ],
        )


def _bands(limited: bool) -> str:
    return "Bands are the alarm limits of the rules." if limited else "The rules have no limit for it."


def _coloured(rule_set: RuleSet, name: str) -> Json:
    parameter = PARAMETERS[name]
    return column(
        parameter.label,
        **unit(parameter),
        thresholds=thresholds(rule_set, name),
        color={"mode": "thresholds"},
        custom__cellOptions={"type": "color-background", "mode": "basic"},
    )


def _alarm_columns() -> list[Json]:
    colours = {
        "high": {"color": "red", "text": "*** high", "index": 0},
        "medium": {"color": "yellow", "text": "** medium", "index": 1},
        "low": {"color": "blue", "text": "* low", "index": 2},
    }
    background = {"type": "color-background", "mode": "basic"}
    return [
        column(
            "priority",
            displayName="Priority",
            mappings=[{"type": "value", "options": colours}],
            custom__cellOptions=background,
        ),
        column("rule", displayName="Rule"),
        column("change", displayName="Change"),
        column("state", displayName="State"),
        column("message", displayName="Message", custom__width=320),
        column("value", displayName="Value"),
        column("limit_value", displayName="Limit"),
        column("unit", displayName="Unit"),
        column("by", displayName="By"),
    ]


def _ago() -> Json:
    return column("Time", displayName="Last record", unit="dateTimeFromNow")


def _link_to_ward() -> Json:
    return {
        "type": "link",
        "title": "Ward overview",
        "url": f"/d/{WARD_UID}",
        "icon": "dashboard",
        "tooltip": "All beds of this ward",
        "tags": [],
        "asDropdown": False,
        "targetBlank": False,
        "includeVars": True,
        "keepTime": True,
    }


def _age(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
