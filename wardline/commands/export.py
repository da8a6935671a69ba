"""`wardline export`: a span of readings, alarms, device states or tickets from the journal as a file."""

from __future__ import annotations

import argparse
import sys
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from chassis.clock import SystemClock
from chassis.settings import read_settings
from hub.console.export import iso
from hub.console.times import DAY_MS, read_span
from hub.export.export import Asked, Export
from hub.export.file import whole_file
from hub.export.formats import FORMATS, make_format
from hub.export.tables import EXPORTS
from hub.history import History
from hub.registry import Registry
from hub.settings import HubSettings
from vitals.errors import UsageError
from wardline.progress import Progress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline export`."""
    tables = parser.add_subparsers(title="tables", metavar="TABLE", required=True, dest="table")
    helps = {
        "readings": "every value and every missing value, one a line",
        "alarms": "every transition of every alarm",
        "devices": "every change of the state of a device or gateway",
        "tickets": "every line of the history of every ticket",
    }
    for name, summary in helps.items():
        table = tables.add_parser(name, help=summary)
        table.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
        table.add_argument("--from", dest="start", metavar="TIME", help="from here on; default: a day before --to")
        table.add_argument("--to", dest="end", metavar="TIME", help="before this time; default: now")
        table.add_argument("--ward", metavar="ID", help="only this ward")
        table.add_argument("--bed", metavar="ID", help="only this bed of the ward")
        table.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
        table.add_argument("--output", type=Path, metavar="FILE", help="a file; default: standard output")


def run(arguments: argparse.Namespace) -> int:
    """Read and write; the file has its name only when it is whole."""
    settings = read_settings(arguments.config, HubSettings)
    asked = _asked(arguments, Registry(settings))
    table = EXPORTS[arguments.table]
    if arguments.output is None and arguments.format == "parquet" and sys.stdout.isatty():
        raise UsageError("Parquet is nothing for a terminal; give --output FILE")
    export = Export(table, make_format(arguments.format, table), asked)
    with closing(History(arguments.config.resolve().parent / settings.journal.path)) as history:
        if arguments.output is None:
            _write(export, history, sys.stdout.buffer)
        else:
            with whole_file(arguments.output) as file:
                _write(export, history, file)
            print(f"{arguments.output}: {export.rows:,} rows", file=sys.stderr)
        _warn(history, arguments.table, asked)
    return 0


def _warn(history: History, table: str, asked: Asked) -> None:
    """What has left the journal is not in the file, and it does not look so."""
    held = history.received()
    if (
        table == "readings"
        and held
        and asked.start < held[0]
        and history.select("SELECT 1 FROM record_expired LIMIT 1")
    ):
        said = f"the journal begins at {iso(held[0])}: what was older is in the data lake, if there is one"
        print(said, file=sys.stderr)


def _write(export: Export, history: History, file: BinaryIO) -> None:
    with Progress(sys.stderr) as progress:
        while (piece := export.step(history)) is not None:
            file.write(piece)
            progress.show(export.done, f"{export.rows:,} rows")
    file.flush()


def _asked(arguments: argparse.Namespace, registry: Registry) -> Asked:
    ward, bed = arguments.ward, arguments.bed
    if ward is not None and ward not in registry.wards:
        raise UsageError(f"there is no ward {ward!r}; there are: {', '.join(registry.wards)}")
    if bed is not None and ward is None:
        raise UsageError("--bed needs --ward: beds of several wards may have the same name")
    try:
        start, end = read_span(arguments.start, arguments.end, SystemClock().wall_ms(), DAY_MS, ("--from", "--to"))
    except ValueError as error:
        raise UsageError(str(error)) from error
    return Asked(start, end, None if ward is None else (ward,), bed)
