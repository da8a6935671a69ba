"""`wardline edge`: run the agent of a gateway, or check its settings."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from chassis import logs
from chassis.tasks import stop_on_signals
from edge_agent.agent import broker_address, run_agent
from edge_agent.settings import LoadedSettings, load_settings

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`run` and `check`, each with the settings file."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True, dest="action")
    run_parser = actions.add_parser("run", help="read the devices and publish, until SIGTERM or Ctrl-C")
    run_parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings, YAML")
    run_parser.add_argument("--log-level", choices=LEVELS, help="instead of log_level in the settings")
    check_parser = actions.add_parser("check", help="check settings, drivers and secrets; touch nothing")
    check_parser.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings, YAML")


def run(arguments: argparse.Namespace) -> int:
    """Run or check."""
    loaded = load_settings(arguments.config)
    if arguments.action == "check":
        return _check(loaded)
    logs.set_up(arguments.log_level or loaded.settings.log_level)
    run_agent(loaded, stop_on_signals)
    return 0


def _check(loaded: LoadedSettings) -> int:
    """Settings and drivers are good when we get here; secrets and certificates are read, ports only looked at."""
    address = broker_address(loaded)
    print(f"gateway {loaded.settings.gateway}: settings are good")
    print(
        f"  broker {address.host}:{address.port} as {address.username or 'anonymous'}{', TLS' if address.tls else ''}"
    )
    for device in loaded.settings.devices:
        print(f"  device {device.id}: driver {device.driver}, {device.serial.path} ({_port_note(device.serial.path)})")
    return 0


def _port_note(path: str) -> str:
    if not Path(path).exists():
        return "not there now; it is opened when it appears"
    if not os.access(path, os.R_OK | os.W_OK):
        return "no permission; add this user to the group of the port, usually dialout"
    return "there"
