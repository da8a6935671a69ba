"""`wardline report alarms`: a week of alarms counted, from the journal of a hub."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from chassis.clock import SystemClock
from chassis.settings import read_settings
from hub.burden import burden_of
from hub.console.times import parse_time
from hub.history import History
from hub.registry import Registry
from hub.settings import HubSettings
from rules.burden import Burden
from vitals.errors import UsageError
from wardline.burden_table import comma_separated, figures, lasting, markdown, number, percent, table

FORMATS = ("text", "md", "csv", "json")
TOP = 10

_WEEK = re.compile(r"^(\d{4})-W(\d{2})$")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline report`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    alarms = actions.add_parser("alarms", help="how many alarms, how long, how soon seen, of which rules and beds")
    alarms.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
    alarms.add_argument("--ward", metavar="ID", help="only this ward")
    alarms.add_argument("--week", metavar="2026-W47", help="an ISO week; without it, the last one that is over")
    alarms.add_argument("--from", dest="start", metavar="TIME", help="from this time on, instead of a week")
    alarms.add_argument("--to", dest="end", metavar="TIME", help="before this time; default: now")
    alarms.add_argument("--zone", default="UTC", metavar="Europe/Berlin", help="where weeks begin at midnight (UTC)")
    alarms.add_argument("--format", choices=FORMATS, default="text", help="text (default), md, csv or json")
    alarms.add_argument("--json", action="store_true", help="the same as --format json")


def run(arguments: argparse.Namespace) -> int:
    """Count and print."""
    settings = read_settings(arguments.config, HubSettings)
    registry = Registry(settings)
    if arguments.ward is not None and arguments.ward not in registry.wards:
        raise UsageError(f"there is no ward {arguments.ward!r}; there are: {', '.join(registry.wards)}")
    zone = _zone(arguments.zone)
    now = SystemClock().wall_ms()
    start, end = _span(arguments, zone, now)
    with closing(History(arguments.config.resolve().parent / settings.journal.path)) as history:
        found = burden_of(history, registry.bed_titles, start=start, end=end, now=now, ward=arguments.ward)
    title = f"Alarms of {arguments.ward or settings.hub}, {_moment(start, zone)} to {_moment(end, zone)}"
    print(_print("json" if arguments.json else arguments.format, title, found), end="")
    return 0


def _print(format_: str, title: str, found: Burden) -> str:
    if format_ == "json":
        return json.dumps(msgspec.to_builtins(found), indent=2, ensure_ascii=False) + "\n"
    if format_ == "csv":
        return comma_separated([["group", "name", "figure", "value"], *_tidy(found)])
    draw, heading = (markdown, "## ") if format_ == "md" else (table, "")
    lines = [f"# {title}" if format_ == "md" else title, ""]
    lines += draw([["", f"{found.beds} beds"], *([figure.name, figure.shown] for figure in figures(found))])
    for name, rows in (("Rules", _rules(found)), ("Beds", _beds(found))):
        lines += ["", f"{heading}{name}", "", *(draw(rows) if len(rows) > 1 else ["no alarms"])]
    return "\n".join([*lines, ""])


def _rules(found: Burden) -> list[list[str]]:
    rows = [["rule", "priority", "alarms", "share", "per bed and day", "under 15 s", "median duration"]]
    for line in found.rules[:TOP]:
        counted = [line.priority, str(line.alarms), percent(line.share), number(line.per_bed_day), str(line.short)]
        rows.append([line.rule, *counted, lasting(line.median_duration_s)])
    return rows


def _beds(found: Burden) -> list[list[str]]:
    rows = [["bed", "alarms", "share", "per day", "under 15 s", "time in alarm", "acknowledged after (median)"]]
    for line in [bed for bed in found.by_bed if bed.alarms][:TOP]:
        counted = [str(line.alarms), percent(line.share), number(line.per_day), str(line.short)]
        rows.append([f"{line.ward}/{line.bed}", *counted, lasting(line.in_alarm_s), lasting(line.latency_median_s)])
    return rows


def _tidy(found: Burden) -> list[Sequence[object]]:
    """Every figure in a row of its own: group, name, figure, value."""
    rows: list[Sequence[object]] = [("total", "", figure.key, figure.value) for figure in figures(found)]
    for rule in found.rules:
        rows += [("rule", rule.rule, key, value) for key, value in msgspec.to_builtins(rule).items() if key != "rule"]
    for bed in found.by_bed:
        name = f"{bed.ward}/{bed.bed}"
        rows += [
            ("bed", name, key, value) for key, value in msgspec.to_builtins(bed).items() if key not in ("ward", "bed")
        ]
    return rows


def _span(arguments: argparse.Namespace, zone: tzinfo, now: int) -> tuple[int, int]:
    if arguments.start is None and arguments.end is None:
        return _week(arguments.week, zone, now)
    if arguments.week is not None or arguments.start is None:
        raise UsageError("give either --week, or --from and if you like --to")
    try:
        start = parse_time("--from", arguments.start)
        end = parse_time("--to", arguments.end) if arguments.end is not None else now
    except ValueError as error:
        raise UsageError(str(error)) from error
    if start >= end:
        raise UsageError("--from must be before --to")
    return start, end


def _week(week: str | None, zone: tzinfo, now: int) -> tuple[int, int]:
    if week is None:
        today = datetime.fromtimestamp(now / 1_000, zone).date()
        monday = today - timedelta(days=today.weekday() + 7)
    else:
        matched = _WEEK.match(week)
        try:
            if matched is None:
                raise ValueError
            monday = datetime.fromisocalendar(int(matched[1]), int(matched[2]), 1).date()
        except ValueError:
            raise UsageError(f"--week is an ISO week such as 2026-W47, not {week!r}") from None
    starts = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in (monday, monday + timedelta(days=7)))
    start, end = (round(moment.timestamp() * 1_000) for moment in starts)
    return start, end


def _zone(name: str) -> tzinfo:
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(f"there is no time zone {name!r}; give one such as Europe/Berlin") from None


def _moment(time: int, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(time / 1_000, zone):%Y-%m-%d %H:%M %Z}"
