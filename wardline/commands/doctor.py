"""`wardline doctor`: what stands at the serial ports, which driver understands it, and what the machine lacks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from edge_agent.drivers.driver import DriverPlugin
from edge_agent.drivers.registry import find, names
from vitals.errors import UsageError
from wardline.gateway_checks import Finding, check_gateway
from wardline.listening import Report, listen, ports

LONGEST_S = 60.0
MOST_AT_ONCE = 16


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words of this command."""
    parser.add_argument(
        "--port", metavar="PATH", action="append", default=[], help="look at this port only; may be repeated"
    )
    parser.add_argument(
        "--seconds",
        metavar="N",
        type=float,
        default=3.0,
        help="how long to listen with each setting of a port, 3; a device that says something is heard out for longer",
    )
    parser.add_argument(
        "--talk",
        action="store_true",
        help="if nothing arrives, let each driver ask as it would in service; not on a device others depend on",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 1 if a device is not understood or the machine lacks something.

    A port in use is left alone. A port that nobody asked about may have nothing plugged in.
    """
    if not 0.1 <= arguments.seconds <= LONGEST_S:
        raise UsageError(f"--seconds {arguments.seconds:g}: expected 0.1 to {LONGEST_S:g}")
    paths = list(dict.fromkeys(arguments.port)) or ports()
    findings = check_gateway(paths)
    reports = _listen_at(paths, [find(name) for name in names()], arguments.seconds, talk=arguments.talk)
    if arguments.json:
        print(msgspec.json.encode({"gateway": findings, "ports": reports}).decode())
    else:
        _print(findings, reports, asked=bool(arguments.port))
    missed = any(_is_good(report, asked=bool(arguments.port)) is False for report in reports)
    return 1 if missed or any(finding.good is False for finding in findings) else 0


def _listen_at(paths: Sequence[str], plugins: list[DriverPlugin], seconds: float, *, talk: bool) -> list[Report]:
    """All ports at once: each takes a while."""
    if not paths:
        return []
    with ThreadPoolExecutor(min(len(paths), MOST_AT_ONCE)) as pool:
        return list(pool.map(lambda path: listen(path, plugins, seconds=seconds, talk=talk), paths))


def _is_good(report: Report, *, asked: bool) -> bool | None:
    """None: nothing that anybody must mend."""
    if report.found == "recognised":
        return True
    return None if report.in_use or (report.found == "silent" and not asked) else False


_MARKS = {True: "ok  ", False: "bad ", None: "note"}


def _print(findings: list[Finding], reports: list[Report], *, asked: bool) -> None:
    for finding in findings:
        print(f"{_MARKS[finding.good]}  {finding.text}")
    if not reports:
        print("note  No serial port is there; plug in an adapter, or name a port with --port PATH.")
    for report in reports:
        print(f"{_MARKS[_is_good(report, asked=asked)]}  {report.port}: {report.text}")
