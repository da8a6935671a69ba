"""`wardline demo`: everything on this machine, in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import math
from pathlib import Path

from chassis.logs import set_up
from wardline.demo import Demo, DemoOptions, check_ports
from wardline.processes import set_aside
from wardline.state import default_folder, owned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--for", dest="seconds", type=_seconds, metavar="SECONDS", help="stop by itself after this time"
    )
    parser.add_argument("--port", type=_port, default=8080, help="port of the board and the API (default: 8080)")
    parser.add_argument("--broker-port", type=_port, default=1883, help="port of the broker (default: 1883)")
    parser.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="folder for settings, secrets and history; a second run goes on from the first "
        "(default: wardline in your data directory)",
    )
    parser.add_argument(
        "--broker",
        choices=("auto", "mosquitto", "embedded"),
        default="auto",
        help="auto (default): mosquitto when it is installed, otherwise the embedded one",
    )
    parser.add_argument("--pagers", type=Path, metavar="FILE", help="a pagers document: page these people")


def run(arguments: argparse.Namespace) -> int:
    with owned(arguments.state or default_folder()) as folder:
        check_ports(arguments.port, arguments.broker_port)
        log = folder / "logs" / "demo.log"
        log.parent.mkdir(mode=0o700, exist_ok=True)
        set_aside(log)
        set_up(file=log)  # the terminal is for the progress and the alarms
        options = DemoOptions(
            port=arguments.port,
            broker_port=arguments.broker_port,
            broker=arguments.broker,
            seconds=arguments.seconds,
            pagers=arguments.pagers,
        )
        return asyncio.run(_run(folder, options))


async def _run(folder: Path, options: DemoOptions) -> int:
    return await Demo(folder, options).run()


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"expected a port from 1 to 65535, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text!r}")
    return seconds
