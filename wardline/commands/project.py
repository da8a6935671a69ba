"""`wardline project`: how the copies of the journal are doing, copying again from a time, and what a sink refused.

It works on the files beside a running hub or without it: what it asks for is done by the thread that copies.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from chassis.settings import read_settings
from hub.console.printable import printable
from hub.console.times import parse_time
from hub.projections.cursors import (
    DeadLetter,
    Request,
    SinkStatus,
    count_dead_letters,
    dead_letters,
    positions,
    request,
    requests,
    statuses,
)
from hub.projections.feed import Feed
from hub.settings import HubSettings
from vitals.errors import StorageError, UsageError

LINE = 200  # how much of a refused line is shown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline project`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    status = actions.add_parser("status", help="how each sink is doing; exit 1 if one takes nothing")
    status.set_defaults(act=_status)
    rebuild = actions.add_parser("rebuild", help="copy again what the journal still has")
    rebuild.add_argument("--from", dest="start", metavar="TIME", help="only what came since, ISO 8601 or epoch ms")
    rebuild.set_defaults(act=_rebuild)
    letters = actions.add_parser("dead-letters", help="what a sink refused, and why")
    letters.add_argument("--retry", action="store_true", help="offer them to the sink again")
    letters.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default: 100)")
    letters.set_defaults(act=_dead_letters)
    for action in (rebuild, letters):
        action.add_argument("sink", metavar="SINK", help="as `status` names it; its companions go with it")
    for action in (status, rebuild, letters):
        action.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
    for action in (status, letters):
        action.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Say or ask."""
    settings = read_settings(arguments.config, HubSettings)
    folder = arguments.config.resolve().parent
    arguments.cursors = folder / settings.projections.path
    arguments.journal = folder / settings.journal.path
    if not arguments.cursors.exists():
        raise UsageError(f"nothing was ever copied by this hub: there is no {arguments.cursors}")
    return int(arguments.act(arguments))


def _status(arguments: argparse.Namespace) -> int:
    found = [_described(arguments, status) for status in sorted(statuses(arguments.cursors))]
    lines = [line for one in found for line in _lines(one)]
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(lines) or "nothing was copied yet")
    return 1 if any(one["state"] == "waiting" for one in found) else 0


def _described(arguments: argparse.Namespace, status: SinkStatus) -> dict[str, Any]:
    behind: int | None = None
    try:
        with closing(Feed(arguments.journal)) as feed:
            behind = feed.behind(positions(arguments.cursors, status.sink))
    except StorageError:
        pass  # nobody knows: there is no journal
    return {
        **status._asdict(),
        "lag": behind,
        "dead_letters": count_dead_letters(arguments.cursors, status.sink),
        "asked": [one.kind for one in requests(arguments.cursors, status.sink)],
    }


def _lines(one: dict[str, Any]) -> Iterable[str]:
    behind = "lag unknown" if one["lag"] is None else f"{one['lag']:,} entries behind"
    yield (
        f"{one['sink']}: {one['state']} since {_moment(one['since'])}, {behind}, {one['copied']:,} taken,"
        f" {one['dead_letters']:,} dead letters, {one['pruned']:,} missed"
    )
    if one["error"]:
        yield f"  {one['error']}"
    for kind in one["asked"]:
        yield f"  asked for, and not done yet: {'copying again' if kind == 'rewind' else 'offering dead letters again'}"


def _rebuild(arguments: argparse.Namespace) -> int:
    try:
        start = parse_time("--from", arguments.start) if arguments.start else 0
    except ValueError as error:
        raise UsageError(str(error)) from None
    _ask(arguments, Request("rewind", start))
    since = f"what came since {_moment(start)}" if start else "everything the journal has"
    print(f"{since} is copied again to {' and '.join(_members(arguments))}, as soon as the projections run")
    return 0


def _dead_letters(arguments: argparse.Namespace) -> int:
    if arguments.retry:
        _ask(arguments, Request("retry", 0))
        names = " and ".join(_members(arguments))
        print(f"the dead letters of {names} are offered again, as soon as the projections run")
        return 0
    found = {sink: dead_letters(arguments.cursors, sink, arguments.limit) for sink in _members(arguments)}
    if arguments.json:
        print(json.dumps([_letter(sink, letter) for sink, letters in found.items() for letter in letters], indent=2))
        return 0
    lines = [_told(sink, letter) for sink, letters in found.items() for letter in letters]
    print("\n".join(lines) or "no dead letters")
    return 0


def _ask(arguments: argparse.Namespace, wanted: Request) -> None:
    for sink in _members(arguments):
        request(arguments.cursors, sink, wanted, round(time.time() * 1_000))


def _members(arguments: argparse.Namespace) -> Sequence[str]:
    """The sink and its companions, such as `influxdb-1m` of `influxdb`."""
    known = sorted(status.sink for status in statuses(arguments.cursors))
    found = [name for name in known if name == arguments.sink or name.startswith(f"{arguments.sink}-")]
    if not found:
        raise UsageError(f"there is no sink {arguments.sink}; there is {', '.join(known) or 'none yet'}")
    return found


def _letter(sink: str, letter: DeadLetter) -> dict[str, Any]:
    return {"sink": sink, **letter._asdict(), "line": letter.line.decode(errors="replace")}


def _told(sink: str, letter: DeadLetter) -> str:
    line = printable(letter.line.decode(errors="replace")[:LINE])
    return f"{_moment(letter.time)}  {sink} {letter.stream} {letter.entry}: {printable(letter.reason)}\n  {line}"


def _moment(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000).astimezone().isoformat(sep=" ", timespec="seconds")
