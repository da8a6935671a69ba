"""`wardline drill`: send a TEST alarm through the real path, and say where it stopped if it did."""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from chassis.settings import read_text
from vitals.errors import UsageError
from vitals.identity import BedKey
from vitals.yamldoc import load
from wardline.drilling import HOP_S, Drilling, Hop
from wardline.login import add_login_options, read_login


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The bed, the login, and who drills."""
    parser.add_argument("--bed", required=True, metavar="WARD/BED", help="where a monitor stands, such as icu/7")
    add_login_options(parser)
    parser.add_argument("--by", default="drill", metavar="NAME", help="who you are, for the record of commands")
    parser.add_argument("--wait", type=float, default=HOP_S, metavar="SECONDS", help="longest time of one hop")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Drill; 1 with the hop where it stopped."""
    try:
        bed = BedKey.parse(arguments.bed)
    except ValueError as error:
        raise UsageError(f"--bed: {error}") from error
    if arguments.wait <= 0:
        raise UsageError("--wait must be longer than 0 seconds")
    broker, folder = read_login(arguments)
    drilling = Drilling(broker, folder, bed, arguments.by, _pages(arguments.config), arguments.wait)
    hops: list[Hop] = []
    for hop in drilling.hops():
        hops.append(hop)
        if not arguments.json:
            print(_line(hop), flush=True)
    passed = not hops[-1].advice
    if arguments.json:
        told = [{"hop": hop.name, "ms": hop.ms, "detail": hop.detail, "advice": hop.advice} for hop in hops]
        print(msgspec.json.encode({"bed": str(bed), "passed": passed, "hops": told}).decode())
    elif passed:
        print(f"passed: a TEST alarm of bed {bed} took the whole way")
    return 0 if passed else 1


def _line(hop: Hop) -> str:
    if hop.advice:
        return f"STOPPED        {hop.name}: {hop.advice}"
    return f"ok {hop.ms:>7} ms  {hop.name}: {hop.detail}"


def _pages(config: Path | None) -> Path | None:
    """Where the hub's paging keeps its pages, if these are the settings of a hub that pages."""
    if config is None:
        return None
    data = load(read_text(config), str(config)).data
    pagers = data.get("pagers") if isinstance(data, dict) else None
    if not isinstance(pagers, dict) or not pagers.get("file"):
        return None
    return config.resolve().parent / str(pagers.get("path", "pages.db"))
