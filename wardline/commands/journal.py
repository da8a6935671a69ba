"""`wardline journal`: check the journal of a hub, beside the hub or without it, and say what is missing."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import msgspec

from chassis.settings import read_settings
from hub.journal_check import BedDay, EpochReport, GapLine, Report, beds_and_days, gaps, verify
from hub.settings import HubSettings
from vitals.errors import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline journal`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    helps = {
        "verify": "check the file, and that every seq of every gateway is accounted for exactly once",
        "gaps": "list the records that will never come, why, and how many have come after all",
        "stats": "what is stored and missing, by bed and day",
    }
    for name, summary in helps.items():
        action = actions.add_parser(name, help=summary)
        action.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
        action.add_argument("--json", action="store_true", help="print JSON")
        if name == "gaps":
            action.add_argument("--standing", action="store_true", help="only gaps with something still missing")
        if name == "stats":
            action.add_argument("--day", metavar="2026-11-21", help="only this day, by the clock of this machine")


def run(arguments: argparse.Namespace) -> int:
    """Check or list; exit 1 if the check found something wrong."""
    settings = read_settings(arguments.config, HubSettings)
    path = arguments.config.resolve().parent / settings.journal.path
    if arguments.action == "verify":
        report = verify(path)
        _print(arguments, {**msgspec.to_builtins(report), "sound": report.sound}, _verified(report))
        return 0 if report.sound else 1
    if arguments.action == "gaps":
        found = gaps(path, standing=arguments.standing)
        _print(arguments, msgspec.to_builtins(found), [_gap(line) for line in found] or ["no gaps"])
        return 0
    days = beds_and_days(path, _day(arguments.day))
    _print(arguments, msgspec.to_builtins(days), [_bed(line) for line in days] or ["no records"])
    return 0


def _print(arguments: argparse.Namespace, value: object, lines: Sequence[str]) -> None:
    print(json.dumps(value, indent=2) if arguments.json else "\n".join(lines))


def _verified(report: Report) -> list[str]:
    lines = [f"WRONG  {problem}" for problem in report.problems]
    for epoch in report.epochs:
        lines.append(_epoch(epoch))
        lines += [f"WRONG  {epoch.gateway} epoch {epoch.epoch}: {problem}" for problem in epoch.problems]
    if report.sound:
        lines.append("sound: every seq is accounted for exactly once")
    return lines


def _epoch(epoch: EpochReport) -> str:
    counts = {
        "records": epoch.records,
        "waves": epoch.waves,
        "rejected": epoch.rejected,
        "missing": epoch.missing,
        "left by age": epoch.expired,
        "not come yet": epoch.waiting,
    }
    said = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count or name in ("records", "missing"))
    return f"{epoch.gateway} epoch {epoch.epoch}: up to seq {epoch.watermark:,}: {said}"


def _gap(gap: GapLine) -> str:
    seqs = f"seq {gap.first:,} to {gap.last:,}" if gap.first else "without a seq"
    told = "by the gateway" if gap.source == "edge" else "by the hub"
    back = f", {gap.refilled:,} have come after all" if gap.refilled else ""
    return (
        f"{_moment(gap.time)}  {gap.gateway} epoch {gap.epoch}, {seqs}: {gap.missing:,} of {gap.count:,} missing{back};"
        f" {gap.reason}, {gap.kind}, told {told}"
    )


def _bed(line: BedDay) -> str:
    least, most = line.missing_at_least, line.missing_at_most
    whole = f"{line.stored + least:,}" if least == most else f"{line.stored + least:,} to {line.stored + most:,}"
    missing = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    other = "" if least == most else f" (of {', '.join(line.gateways)}, which serves other beds too)"
    return f"{line.day}  bed {line.ward}/{line.bed}: {line.stored:,} of {whole}, {missing} missing{other}"


def _moment(time: int) -> str:
    return f"{datetime.fromtimestamp(time / 1_000).astimezone():%Y-%m-%d %H:%M:%S}"


def _day(word: str | None) -> date | None:
    if word is None:
        return None
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise UsageError(f"--day is a date such as 2026-11-21, not {word!r}") from None
