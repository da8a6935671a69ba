"""Columns, colours and links that several dashboards share."""

from __future__ import annotations

from collections.abc import Sequence

from grafana.limits import score_bands, thresholds
from grafana.panels import column
from grafana.sources import Json
from rules.documents import RuleSet
from vitals.parameters import PARAMETERS, Parameter

WARD_UID = "wardline-ward"
BED_UID = "wardline-bed"
ALARMS_UID = "wardline-alarms"
DEVICES_UID = "wardline-devices"
PIPELINE_UID = "wardline-pipeline"

BACKGROUND = {"type": "color-background", "mode": "basic"}
_UNITS = {"%": "percent", "Cel": "celsius", "mm[Hg]": "suffix:mmHg"}
STATES = {"online": "green", "error": "orange", "offline": "red", "unknown": "text"}
_PRIORITIES = {"high": ("red", "*** high"), "medium": ("yellow", "** medium"), "low": ("blue", "* low")}


def unit(parameter: Parameter) -> Json:
    """How numbers of a parameter are written."""
    return {"unit": _UNITS.get(parameter.unit, f"suffix:{parameter.unit}"), "decimals": parameter.decimals}


def coloured(rule_set: RuleSet, name: str) -> Json:
    """The column of a parameter, in the colours of its limits."""
    parameter = PARAMETERS[name]
    return column(
        parameter.label,
        **unit(parameter),
        thresholds=thresholds(rule_set, name),
        color={"mode": "thresholds"},
        custom__cellOptions=BACKGROUND,
    )


def plain(name: str) -> Json:
    """The column of a parameter without colour."""
    return column(PARAMETERS[name].label, **unit(PARAMETERS[name]))


def bed_column() -> Json:
    """The bed, as a way to its dashboard."""
    to_bed = {
        "title": "Open the bed",
        "url": f"/d/{BED_UID}?var-ward=${{__data.fields.ward}}&var-bed=${{__data.fields.bed}}&${{__url_time_range}}",
    }
    return column("bed", displayName="Bed", links=[to_bed])


def ward_column() -> Json:
    """The ward, as a way to its overview."""
    to_ward = {"title": "Open the ward", "url": f"/d/{WARD_UID}?var-ward=${{__data.fields.ward}}"}
    return column("ward", displayName="Ward", links=[to_ward])


def alarm_columns() -> list[Json]:
    """Everything a table of alarms may show."""
    mapped = {
        word: {"color": colour, "text": text, "index": index}
        for index, (word, (colour, text)) in enumerate(_PRIORITIES.items())
    }
    named = {"rule": "Rule", "change": "Change", "state": "State", "value": "Value", "limit_value": "Limit"}
    return [
        column(
            "priority",
            displayName="Priority",
            mappings=[{"type": "value", "options": mapped}],
            custom__cellOptions=BACKGROUND,
        ),
        *(column(name, displayName=said) for name, said in named.items()),
        column("unit", displayName="Unit"),
        column("by", displayName="By"),
        column("message", displayName="Message", custom__width=320),
    ]


def ago(name: str) -> Json:
    """A time, as how long ago it was."""
    return column(name, unit="dateTimeFromNow")


def state_mappings(states: Sequence[str] = tuple(STATES)) -> list[Json]:
    """Colours of the states of equipment."""
    options = {state: {"color": STATES[state], "index": index} for index, state in enumerate(states)}
    return [{"type": "value", "options": options}]


def score_column(rule_set: RuleSet) -> Json:
    """The total of NEWS2 in the colours of its response bands; a dash while it is unknown."""
    return column(
        "NEWS2",
        decimals=0,
        thresholds=score_bands(rule_set, "news2"),
        color={"mode": "thresholds"},
        custom__cellOptions=BACKGROUND,
    )
