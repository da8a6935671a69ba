"""`wardline lake`: ask the data lake in SQL, check it, and look after its files."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from chassis.clock import SystemClock
from chassis.settings import read_settings
from hub.console.printable import printable
from hub.projections.lake.lake import Lake, exists
from hub.projections.lake.query import Answer, ask
from hub.projections.lake.tidy import Tidy
from hub.projections.lake.verify import LakeReport, survey, verify
from hub.settings import HubSettings, LakeSettings
from hub.tickets.export import plain
from vitals.errors import StorageError, UsageError
from wardline.columns import columns

FORMATS = ("table", "csv", "json")
TABLE_ROWS = 1_000  # more than anybody reads; csv and json have no end


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline lake`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    query = actions.add_parser("query", help="the answer to a question in SQL")
    query.add_argument("sql", metavar="SQL", help='such as "SELECT bed, avg(value) FROM readings GROUP BY bed"')
    query.add_argument("--format", choices=FORMATS, default="table", help="default: table")
    query.set_defaults(act=_query)
    checked = actions.add_parser("verify", help="read every file and compare it with the manifest")
    checked.set_defaults(act=_verify)
    stats = actions.add_parser("stats", help="what is in it, table by table")
    stats.set_defaults(act=_stats)
    for sub in (checked, stats):
        sub.add_argument("--json", action="store_true", help="print one JSON document")
    create = actions.add_parser("create", help="begin an empty lake where there was one")
    create.set_defaults(act=_create)
    merge = actions.add_parser("merge", help="merge small files now, with the hub stopped; it does so by itself")
    merge.set_defaults(act=_merge)
    for sub in actions.choices.values():
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")


def run(arguments: argparse.Namespace) -> int:
    """Ask or look after; exit 1 if a check found something wrong."""
    settings = read_settings(arguments.config, HubSettings).projections.lake
    if settings is None:
        raise UsageError(f"{arguments.config} has no lake; set projections.lake.folder")
    return int(arguments.act(arguments, settings, arguments.config.resolve().parent / settings.folder))


def _query(arguments: argparse.Namespace, _settings: LakeSettings, folder: Path) -> int:
    with ask(folder, arguments.sql) as answer:
        _PRINTERS[arguments.format](answer)
    sys.stdout.flush()
    return 0


def _verify(arguments: argparse.Namespace, _settings: LakeSettings, folder: Path) -> int:
    report = verify(folder)
    if arguments.json:
        print(json.dumps({**msgspec.to_builtins(report), "sound": report.sound}, indent=2))
    else:
        print("\n".join([f"WRONG  {problem}" for problem in report.problems] + _told(report)))
        if report.sound:
            print("sound: every file is what was written")
    return 0 if report.sound else 1


def _stats(arguments: argparse.Namespace, _settings: LakeSettings, folder: Path) -> int:
    report = survey(folder)
    print(json.dumps(msgspec.to_builtins(report.tables), indent=2) if arguments.json else "\n".join(_told(report)))
    return 0


def _create(_arguments: argparse.Namespace, _settings: LakeSettings, folder: Path) -> int:
    if exists(folder):
        raise UsageError(f"there is a lake in {folder} already")
    _with_lake(folder, lambda lake, now: None)
    print(f"{folder}: an empty lake; `wardline project rebuild lake` fills it with what the journal still has")
    return 0


def _merge(_arguments: argparse.Namespace, settings: LakeSettings, folder: Path) -> int:
    if not exists(folder):
        raise StorageError(f"there is no lake in {folder}; the hub makes one")
    gone, merged = _with_lake(folder, lambda lake, now: Tidy(settings).run(lake, now, everything=True))
    print(f"{merged:,} files were merged, {gone:,} were too old and have left")
    return 0


def _with_lake(folder: Path, act: Callable[[Lake, int], Any]) -> Any:
    now = SystemClock().wall_ms()
    try:
        with closing(Lake(folder, now)) as lake:
            return act(lake, now)
    except OSError as error:
        raise StorageError(f"cannot write the lake {folder}: {error.strerror or error}") from error


def _told(report: LakeReport) -> list[str]:
    return [
        f"{one.table}: {one.rows:,} rows in {one.files:,} files, {one.bytes:,} bytes"
        + (f", {one.first} to {one.last}" if one.files else "")
        for one in report.tables
    ]


def _print_csv(answer: Answer) -> None:
    lines = csv.writer(sys.stdout, lineterminator="\r\n")
    lines.writerow(answer.names)
    for portion in answer.portions:
        lines.writerows([[_cell(value) for value in row] for row in portion])


def _print_json(answer: Answer) -> None:
    comma = "["
    for portion in answer.portions:
        for row in portion:
            said = dict(zip(answer.names, map(_said, row), strict=True))
            print(comma + msgspec.json.encode(said, enc_hook=str).decode(), end="")
            comma = ",\n"
    print("]" if comma != "[" else "[]")


def _print_table(answer: Answer) -> None:
    rows: list[tuple[str, ...]] = []
    more = False
    for portion in answer.portions:
        rows += [tuple(printable(str(_cell(value))) for value in row) for row in portion]
        if more := len(rows) > TABLE_ROWS:
            break
    print("\n".join(columns([tuple(answer.names), *rows[:TABLE_ROWS]])))
    if more:
        print(f"only the first {TABLE_ROWS:,} rows; --format csv gives all of them", file=sys.stderr)


def _cell(value: Any) -> Any:
    """A value as a cell of text: nothing for what is missing, and no formula."""
    if value is None:
        return ""
    said = _said(value)
    if isinstance(said, bool):
        return "true" if said else "false"
    return plain(said) if isinstance(said, str) else said


def _said(value: Any) -> Any:
    """Times as ISO 8601; numbers, truths and words as they are."""
    if hasattr(value, "isoformat"):
        text: str = value.isoformat()
        return text.replace("+00:00", "Z")
    return value


_PRINTERS: dict[str, Callable[[Answer], None]] = {"table": _print_table, "csv": _print_csv, "json": _print_json}
