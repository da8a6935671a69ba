"""The `wardline` command: words on a command line become a run of one command, and an exit code.

Exit codes: 0 done, 1 a negative answer (a check failed, something is missing), 2 wrong use.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from vitals.errors import DocumentError, UsageError, WardlineError

COMMANDS = {
    "demo": "run everything on this machine: broker, hub, board, one gateway, eight simulated monitors",
    "edge": "run or check the agent of a gateway",
    "hub": "run the hub, or one part of it",
    "sim": "be a bedside monitor on a pty, a TCP port or standard output",
    "replay": "be a monitor that repeats a recording",
    "decode": "turn raw bytes of a monitor into observations",
    "doctor": "say what stands at the serial ports and what this machine lacks as a gateway",
    "rules": "check and test rule documents",
    "pagers": "say who is paged when, or be a pager in this terminal",
    "report": "count the alarms of a week",
    "export": "readings, alarms, device states or tickets of a span of time as CSV, JSON or Parquet",
    "lake": "the data lake: query in SQL, verify, stats, merge, create",
    "sql": "the tables of the projection into PostgreSQL, MariaDB or MySQL: schema, version, migrate",
    "project": "the copies of the journal: status, rebuild, dead-letters",
    "journal": "check the journal of a hub: verify, gaps, stats",
    "grafana": "build, check or push the dashboards",
    "adt": "who lies in which bed, and what stands there: list, admit, transfer, discharge, correct, import, assign",
    "tickets": "the work on devices and gateways: list, show, open, assign, note, close, export",
    "drill": "send a TEST alarm from a bed through the real path, and say where it stopped",
    "people": "let somebody into the console: first-link, list",
    "audit": "who did what, and whether the record of it holds: verify, list",
    "topics": "watch the topics of a broker",
    "enrol": "give gateways, hubs, displays and pagers their logins for the broker",
    "compose": "make the secrets of the services of docker-compose.yml, as its first service does",
}

NOTICE = "Wardline is a secondary notification system. It is never the primary alarm of a monitor."


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Errors are one sentence on standard error that says what to do."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        arguments = _parser(words).parse_args(words)
        return int(arguments.run(arguments))
    except DocumentError as error:
        print(error, file=sys.stderr)
        return 1
    except WardlineError as error:
        print(f"wardline: {error}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the named command is imported, so that every start is quick."""
    parser = argparse.ArgumentParser(prog="wardline", description=NOTICE)
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    chosen = next((word for word in words if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}. {NOTICE}")
        if name == chosen:
            module = importlib.import_module(f"wardline.commands.{name}")
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    return parser


def _version() -> str:
    from wardline import __version__

    return f"wardline {__version__}"
