"""`wardline hub`: run the hub with its projections and console, or one part of it."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from chassis.logs import set_up
from chassis.settings import read_settings
from chassis.tasks import stop_on_signals
from hub.settings import HubSettings
from wardline import __version__

if TYPE_CHECKING:
    from hub.hub import Hub

PARTS = ("ingest", "pagers", "projections", "console")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run`, `check` and `doctor`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    run_parser = actions.add_parser("run", help="run the hub until it is stopped")
    run_parser.add_argument(
        "--part", choices=("all", *PARTS), default="all", help="run one process alone (default: all)"
    )
    check_parser = actions.add_parser("check", help="check the settings, rules and secrets, and say what is wrong")
    doctor_parser = actions.add_parser("doctor", help="look at the stores readings are copied to; exit 1 if they lack")
    for action, sub in (("run", run_parser), ("check", check_parser), ("doctor", doctor_parser)):
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
        sub.set_defaults(action=action)


def run(arguments: argparse.Namespace) -> int:
    """Read the settings, then be the part that was asked for."""
    settings = read_settings(arguments.config, HubSettings)
    folder = arguments.config.resolve().parent
    if arguments.action == "check":
        return _check(settings, folder)
    if arguments.action == "doctor":
        return _look(settings, folder)
    set_up(settings.log_level)
    if arguments.part == "all":
        from wardline.supervisor import run_parts

        words = ["hub", "run", "--config", str(arguments.config.resolve()), "--part"]
        parts = [part for part in PARTS if part != "pagers" or settings.pagers.file is not None]
        return asyncio.run(run_parts({part: [*words, part] for part in parts}))
    return asyncio.run(_serve(_part(arguments.part), settings, folder))


Part = Callable[[HubSettings, Path, asyncio.Event], Awaitable[None]]


async def _serve(part: Part, settings: HubSettings, folder: Path) -> int:
    await part(settings, folder, stop_on_signals())
    return 0


def _part(name: str) -> Part:
    if name == "console":
        from hub.console.app import run_console

        return run_console
    if name == "pagers":
        from hub.pagers.run import run_pagers

        return run_pagers
    if name == "projections":
        from hub.projections import run_projections

        return run_projections
    return _run_ingest


async def _run_ingest(settings: HubSettings, folder: Path, stop: asyncio.Event) -> None:
    from hub.hub import Hub

    hub = Hub(settings, folder, __version__)
    with _metrics(hub, settings, folder):
        await hub.run(stop)


def _metrics(hub: Hub, settings: HubSettings, folder: Path) -> AbstractContextManager[None]:
    if settings.metrics is None:
        return nullcontext()
    from chassis.metrics import metrics_page  # slow to import, and needed only here
    from hub.metrics import HubMetrics

    return metrics_page(settings.metrics, HubMetrics(hub, settings, folder, __version__))


def _check(settings: HubSettings, folder: Path) -> int:
    from hub.pagers.run import check_pagers
    from hub.rulebook import read_profiles

    read_profiles(settings, folder)
    settings.broker.login(folder)
    for sentence in check_pagers(settings, folder):
        print(f"note: pagers: {sentence}")
    beds = sum(len(ward.beds) for ward in settings.wards)
    print(f"ok: {len(settings.wards)} wards, {beds} beds, {len(settings.gateways)} gateways")
    return 0


def _look(settings: HubSettings, folder: Path) -> int:
    from hub.projections.findings import examine

    found = examine(settings, folder)
    for finding in found:
        print(f"{'ok' if finding.well else 'MISSING'}: {finding.text}")
    if not found:
        print("ok: readings are copied to no store that can be looked at")
    return 0 if all(finding.well for finding in found) else 1
