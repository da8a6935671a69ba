"""InfluxQL, the one language that InfluxDB 1.x, 2.x and 3 all answer, bounded by the dashboard's time range."""

from __future__ import annotations

from collections.abc import Sequence

from vitals.parameters import PARAMETERS

SOURCE = {"type": "influxdb", "uid": "vitals"}

WARD = "\"ward\" = '$ward'"
BED = f"{WARD} AND \"bed\" = '$bed'"

WARDS = 'SHOW TAG VALUES FROM "vitals" WITH KEY = "ward"'
BEDS = f'SHOW TAG VALUES FROM "vitals" WITH KEY = "bed" WHERE {WARD}'

MISSING_FOR_S = 15  # a reason older than this has been followed by silence, which is shown elsewhere


def present(names: Sequence[str], where: str, *, per_bed: bool = False) -> str:
    """The newest value of parameters that go stale together; nothing once it is stale."""
    (stale_s,) = {PARAMETERS[name].stale_s for name in names}
    columns = ", ".join(f'last("{name}") AS "{PARAMETERS[name].label}"' for name in names)
    return _vitals(columns, f"{where} AND time > now() - {stale_s}s") + (' GROUP BY "bed"' if per_bed else "")


def missing(names: Sequence[str], where: str, *, per_bed: bool = False) -> str:
    """Why the newest records have no number for a parameter."""
    columns = ", ".join(f'last("{name}_missing") AS "{PARAMETERS[name].label}"' for name in names)
    return _vitals(columns, f"{where} AND time > now() - {MISSING_FOR_S}s") + (' GROUP BY "bed"' if per_bed else "")


def trend(name: str, where: str, by: str) -> str:
    """Mean, lowest and highest value of each interval, so that zooming out hides no dip; empty where there was none."""
    label = PARAMETERS[name].label
    columns = f'mean("{name}") AS "{label}", min("{name}") AS "{label} lowest", max("{name}") AS "{label} highest"'
    return _vitals(columns, where) + f' GROUP BY time($__interval), "{by}" fill(null)'


def by_minute(names: Sequence[str], where: str) -> str:
    """One row a minute, newest first; a minute of silence is an empty row."""
    columns = ['count("seq") AS "Records"']
    for name in names:
        label = PARAMETERS[name].label
        columns.append(f'mean("{name}") AS "{label}"')
        if PARAMETERS[name].stale_s <= 60:  # several values a minute
            columns += [f'min("{name}") AS "{label} lowest"', f'max("{name}") AS "{label} highest"']
    return _vitals(", ".join(columns), where) + " GROUP BY time(1m) fill(null) ORDER BY time DESC LIMIT 1000"


def records_per_minute(where: str) -> str:
    """How many records came from each bed; zero is drawn as zero."""
    return _vitals('count("seq")', where) + ' GROUP BY time(1m), "bed" fill(0)'


def last_heard(where: str) -> str:
    """When each device was last heard; its time column is the answer."""
    return _vitals('last("seq") AS "seq"', where) + ' GROUP BY "bed", "gateway", "device"'


def open_alarms(where: str) -> str:
    """Alarms whose last transition in the time range left them standing."""
    columns = '"priority", "state", "message", "value", "limit_value", "unit"'
    last = f'SELECT last("open") AS "open", {columns} FROM "alarm" WHERE {where} AND $timeFilter GROUP BY "bed", "rule"'
    return f'SELECT "bed", "rule", {columns} FROM ({last}) WHERE "open" = 1'


def transitions(where: str) -> str:
    """Every transition, newest first."""
    columns = '"change", "priority", "state", "message", "value", "limit_value", "unit", "by", "rule"'
    return f'SELECT {columns} FROM "alarm" WHERE {where} AND $timeFilter ORDER BY time DESC LIMIT 500'


def marks(where: str) -> str:
    """Transitions as marks on the trends."""
    columns = '"message", "change", "priority"'
    return f'SELECT {columns} FROM "alarm" WHERE {where} AND $timeFilter ORDER BY time DESC LIMIT 500'


def alarms_per_hour(where: str) -> str:
    """How many alarms were raised at each bed; an hour without one is drawn as zero. Tests and late data are not in."""
    return _burden('sum("alarms") AS "Alarms"', where) + ' GROUP BY time(1h), "bed" fill(0)'


def burden(where: str) -> str:
    """What the alarms of each bed were."""
    columns = ['sum("alarms") AS "Alarms"', 'sum("short") AS "Under 15 s"', 'median("duration_s") AS "Median duration"']
    return _burden(", ".join(columns), where) + ' GROUP BY "bed"'


def _burden(columns: str, where: str) -> str:
    return f'SELECT {columns} FROM "alarm_burden" WHERE {where} AND "bed" <> \'-\' AND $timeFilter'


def _vitals(columns: str, where: str) -> str:
    return f'SELECT {columns} FROM "vitals" WHERE {where} AND $timeFilter'
