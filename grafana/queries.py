"""InfluxQL, the one language that InfluxDB 1.x, 2.x and 3 all answer, bounded by the dashboard's time range."""

from __future__ import annotations

from collections.abc import Sequence

from vitals.parameters import PARAMETERS

WARD = '"ward" =~ /^${ward:regex}$/'
BED = f'{WARD} AND "bed" =~ /^${{bed:regex}}$/'
GATEWAY = '"gateway" =~ /^${gateway:regex}$/'
_AT_A_BED = "\"bed\" <> '-'"

_LATELY = "time > now() - 71h"  # nothing longer: InfluxDB 3 Core answers 72 h
WARDS = f'SHOW TAG VALUES FROM "vitals" WITH KEY = "ward" WHERE {_LATELY}'
BEDS = f'SHOW TAG VALUES FROM "vitals" WITH KEY = "bed" WHERE {WARD} AND {_LATELY}'

MISSING_FOR_S = 15  # a reason older than this has been followed by silence, which is shown elsewhere
_BY_BED = ' GROUP BY "ward", "bed"'


def present(names: Sequence[str], where: str) -> str:
    """The newest value of parameters that go stale together, for each bed; nothing once it is stale."""
    (stale_s,) = {PARAMETERS[name].stale_s for name in names}
    columns = ", ".join(f'last("{name}") AS "{PARAMETERS[name].label}"' for name in names)
    return _from("vitals", columns, f"{where} AND {_AT_A_BED} AND time > now() - {stale_s}s") + _BY_BED


def measured(names: Sequence[str], where: str) -> str:
    """The newest measurement of parameters that come together, by bed, with its time; nothing once it is stale."""
    first, *others = names
    (stale_s,) = {PARAMETERS[name].stale_s for name in names}
    columns = [f'last("{first}") AS "{PARAMETERS[first].label}"']
    columns += [f'"{name}" AS "{PARAMETERS[name].label}"' for name in others]
    where = f"{where} AND {_AT_A_BED} AND time > now() - {stale_s}s"
    return _from("vitals", ", ".join(columns), where) + _BY_BED


def missing(names: Sequence[str], where: str) -> str:
    """Why the newest records of each bed have no number for a parameter."""
    columns = ", ".join(f'last("{name}_missing") AS "{PARAMETERS[name].label}"' for name in names)
    return _from("vitals", columns, f"{where} AND {_AT_A_BED} AND time > now() - {MISSING_FOR_S}s") + _BY_BED


def trend(name: str, where: str, by: Sequence[str]) -> str:
    """Mean, lowest and highest value of each interval, so that zooming out hides no dip; empty where there was none."""
    tags = ", ".join(f'"{tag}"' for tag in by)
    return _from("vitals", _spread(name), where) + f" GROUP BY time($__interval), {tags} fill(null)"


def by_interval(names: Sequence[str], where: str, interval: str) -> str:
    """One row an interval and bed, newest first; an interval of silence is an empty row."""
    columns = ['count("seq") AS "Records"']
    for name in names:
        several = PARAMETERS[name].stale_s <= 60  # values a minute
        columns.append(_spread(name) if several else f'mean("{name}") AS "{PARAMETERS[name].label}"')
    grouped = f' GROUP BY time({interval}), "ward", "bed" fill(null) ORDER BY time DESC LIMIT 1000'
    return _from("vitals", ", ".join(columns), where) + grouped


def records_per_minute(where: str) -> str:
    """How many records came from each bed; zero is drawn as zero."""
    return _from("vitals", 'count("seq")', f"{where} AND {_AT_A_BED}") + ' GROUP BY time(1m), "ward", "bed" fill(0)'


def last_of_bed(where: str) -> str:
    """When each bed was last heard; its time column is the answer."""
    return _from("vitals", 'last("seq") AS "seq"', f"{where} AND {_AT_A_BED}") + _BY_BED


def last_of_device(where: str) -> str:
    """When each device was last heard; its time column is the answer."""
    return _from("vitals", 'last("seq") AS "seq"', where) + ' GROUP BY "ward", "bed", "gateway", "device"'


_ALARM = '"priority", "state", "message", "value", "limit_value", "unit"'


def _standing(where: str) -> str:
    """The newest transition of each alarm."""
    last = _from("alarm", f'last("open") AS "open", {_ALARM}', f"{where} AND {_AT_A_BED}")
    return f'{last} GROUP BY "ward", "bed", "rule"'


def open_alarms(where: str) -> str:
    """Alarms whose last transition in the time range left them standing."""
    return f'SELECT "ward", "bed", "rule", {_ALARM} FROM ({_standing(where)}) WHERE "open" = 1'


def open_count(name: str, where: str, priority: str = "") -> str:
    """How many such alarms each bed has, of one priority or of all."""
    chosen = f" AND \"priority\" = '{priority}'" if priority else ""
    return f'SELECT sum("open") AS "{name}" FROM ({_standing(where)}) WHERE "open" = 1{chosen}{_BY_BED}'


def transitions(where: str) -> str:
    """Every transition, newest first."""
    columns = '"ward", "bed", "rule", "change", "priority", "state", "message", "value", "limit_value", "unit", "by"'
    return _from("alarm", columns, where) + " ORDER BY time DESC LIMIT 500"


def marks(where: str) -> str:
    """Transitions as marks on the trends."""
    return _from("alarm", '"message", "change", "priority"', where) + " ORDER BY time DESC LIMIT 500"


def alarms_per(interval: str, where: str) -> str:
    """How many alarms were raised at each bed. Tests and alarms found in late data are not in."""
    return _burden('sum("alarms") AS "Alarms"', where) + f' GROUP BY time({interval}), "ward", "bed" fill(none)'


def burden(where: str, by: Sequence[str] = ("ward", "bed")) -> str:
    """What the alarms of each bed, or each rule, were."""
    columns = ['sum("alarms") AS "Alarms"', 'sum("short") AS "Under 15 s"', 'median("duration_s") AS "Median duration"']
    columns += ['sum("acknowledged") AS "Acknowledged"', 'median("acknowledged_s") AS "Median to acknowledge"']
    return _burden(", ".join(columns), where) + " GROUP BY " + ", ".join(f'"{tag}"' for tag in by)


def alarms_of(where: str) -> str:
    """How many alarms each bed had in the whole time range."""
    return _burden('sum("alarms") AS "Alarms"', where) + _BY_BED


def total(name: str, function: str, field: str, where: str) -> str:
    """One number of all alarms in the time range."""
    return _burden(f'{function} AS "{name}"', f'{where} AND "{field}" >= 0')


def latency(where: str, priority: str) -> str:
    """How soon alarms of a priority were acknowledged: half of them, and nine of ten, within how many seconds."""
    columns = 'median("acknowledged_s") AS "half", percentile("acknowledged_s", 90) AS "nine of ten"'
    return _burden(columns, f"{where} AND \"priority\" = '{priority}'") + " GROUP BY time(1h) fill(none)"


def score_now(table: str, where: str) -> str:
    """The newest score of each bed. Its point is taken whole: an unknown total must not become the one before."""
    columns = 'last("complete") AS "complete", "total" AS "NEWS2", "risk" AS "Risk", "missing" AS "Missing"'
    return _from("score", columns, f"{where} AND \"table\" = '{table}'") + _BY_BED


def score_trend(table: str, where: str) -> str:
    """Every change of a score; without a total where it became unknown."""
    return (
        _from("score", '"total" AS "NEWS2", "complete" AS "complete"', f"{where} AND \"table\" = '{table}'") + _BY_BED
    )


def minutes(name: str, where: str) -> str:
    """The trend of a parameter from its one-minute aggregates: as true over days as it is over an hour, and cheaper."""
    label = PARAMETERS[name].label
    columns = f'mean("{name}_mean") AS "{label}"'
    columns += f', min("{name}_min") AS "{label} lowest", max("{name}_max") AS "{label} highest"'
    return _from("vitals_1m", columns, where) + ' GROUP BY time($__interval), "ward", "bed" fill(null)'


def device_states(where: str) -> str:
    """Every change of the state of a device or gateway."""
    return _from("device_state", '"state" AS "State"', where) + ' GROUP BY "gateway", "device"'


def last_states(where: str) -> str:
    """The newest state of each device, where it stood and since when."""
    columns = 'last("code") AS "code", "state" AS "State", "message" AS "Why", "ward", "bed"'
    return _from("device_state", columns, where) + ' GROUP BY "gateway", "device"'


def open_tickets(where: str) -> str:
    """Devices whose last word about a ticket in the time range left it open."""
    last = _from("ticket", 'last("open") AS "open", "ticket", "fault", "ward", "bed"', where)
    columns = '"gateway", "device", "ward", "bed", "ticket", "fault"'
    return f'SELECT {columns} FROM ({last} GROUP BY "gateway", "device") WHERE "open" = 1'


def ticket_lines(where: str) -> str:
    """The history of all tickets, newest first."""
    columns = '"gateway", "device", "ticket", "kind", "fault", "ward", "bed"'
    return _from("ticket", columns, where) + " ORDER BY time DESC LIMIT 500"


def equipment() -> str:
    """Transitions of alarms of equipment that stands at no bed, newest first."""
    columns = '"subject", "rule", "change", "priority", "state", "message"'
    return _from("alarm", columns, "\"bed\" = '-'") + " ORDER BY time DESC LIMIT 500"


def _spread(name: str) -> str:
    label = PARAMETERS[name].label
    return f'mean("{name}") AS "{label}", min("{name}") AS "{label} lowest", max("{name}") AS "{label} highest"'


def _burden(columns: str, where: str) -> str:
    return _from("alarm_burden", columns, f"{where} AND {_AT_A_BED}")


def _from(measurement: str, columns: str, where: str) -> str:
    return f'SELECT {columns} FROM "{measurement}" WHERE {where} AND $timeFilter'
