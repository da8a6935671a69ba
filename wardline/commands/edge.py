"""`wardline edge`: run the agent of a gateway, or check its settings."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from chassis import logs
from chassis.tasks import stop_on_signals
from edge_agent.agent import broker_address, run_agent
from edge_agent.bedside.trust import Trust
from edge_agent.settings import DeviceSettings, LoadedSettings, load_settings
from edge_agent.sources.listener_settings import ListenerSettings, MqttSettings
from edge_agent.sources.listeners import read_secrets

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
    read_secrets(loaded)
    bedside = loaded.settings.bedside
    trust = Trust(bedside.hub_key, loaded.folder, loaded.folder / bedside.folder)
    print(f"gateway {loaded.settings.gateway}: settings are good")
    print(
        f"  broker {address.host}:{address.port} as {address.username or 'anonymous'}{', TLS' if address.tls else ''}"
    )
    print(f"  bedside alarms: {_trust_note(trust)}")
    for device in loaded.settings.devices:
        print(f"  device {device.id}: driver {device.driver}, {_source_note(device, loaded.folder)}")
    for listener in loaded.settings.listeners:
        print(f"  listener {listener.id}: {listener.kind}, {_door_note(listener)}")
        for known in listener.devices:
            print(f"    device {known.id}, known as {known.name}")
    return 0


def _trust_note(trust: Trust) -> str:
    if trust.pinned:
        return "the hub's key is pinned"
    known = "the key heard first is trusted" if trust.known else "the first key heard will be trusted"
    return f"{known}; write the hub's hub.pub into bedside.hub_key to be sure"


def _source_note(device: DeviceSettings, folder: Path) -> str:
    if device.serial is not None:
        return f"{device.serial.path} ({_port_note(device.serial.path)})"
    if device.tcp_client is not None:
        return f"TCP to {device.tcp_client.host} port {device.tcp_client.port}"
    if device.udp is not None:
        return f"UDP to {device.udp.host} port {device.udp.port}"
    assert device.replay is not None
    there = "there" if (folder / device.replay.file).is_file() else "not there now"
    return f"replay of {device.replay.file} ({there}), marked as test"


def _door_note(listener: ListenerSettings) -> str:
    section = listener.section
    if isinstance(section, MqttSettings):
        where = f"{section.broker.host} port {section.broker.port}" if section.broker else "the gateway's broker"
        return f"{section.topic} at {where}"
    return f"{section.host} port {section.port}"


def _port_note(path: str) -> str:
    if not Path(path).exists():
        return "not there now; it is opened when it appears"
    if not os.access(path, os.R_OK | os.W_OK):
        return "no permission; add this user to the group of the port, usually dialout"
    return "there"
