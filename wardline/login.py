"""How a command line logs in to the broker: from a settings file, or from options."""

from __future__ import annotations

import argparse
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from chassis.mqtt import BrokerSettings
from chassis.settings import read_text
from vitals.document import convert
from vitals.errors import UsageError
from vitals.yamldoc import YamlDocument, load


def add_login_options(parser: argparse.ArgumentParser) -> None:
    """The options that name a broker and a login."""
    parser.add_argument("--config", type=Path, metavar="FILE", help="a hub's or edge's settings file to log in with")
    parser.add_argument("--host", help="the broker (default: 127.0.0.1)")
    parser.add_argument("--port", type=int, help="its port (default: 1883)")
    parser.add_argument("--user", help="the MQTT user name")
    parser.add_argument("--password", metavar="REFERENCE", help="file:PATH or env:NAME; never the password itself")


def read_login(arguments: argparse.Namespace) -> tuple[BrokerSettings, Path]:
    """The broker of the settings file, overridden by the options; and the folder its secrets are relative to."""
    given = {"host": arguments.host, "port": arguments.port, "username": arguments.user, "password": arguments.password}
    given = {name: value for name, value in given.items() if value is not None}
    if arguments.config is None:
        return convert(YamlDocument("the command line", given), BrokerSettings), Path.cwd()
    document = load(read_text(arguments.config), str(arguments.config))
    sections = document.data if isinstance(document.data, dict) else {}
    section, console = sections.get("broker"), sections.get("console")
    if not isinstance(section, dict):
        raise UsageError(f"{arguments.config} has no broker section; name the broker with --host, --port and --user")
    if isinstance(console, dict) and "username" in console:  # the hub itself may not read what it says
        section = {**section, **{name: console[name] for name in ("username", "password") if name in console}}
    lines = {path[1:]: line for path, line in document.lines.items() if path[:1] == ("broker",)}
    settings = convert(YamlDocument(document.file, {**section, **given}, lines), BrokerSettings)
    return settings, arguments.config.resolve().parent


def new_client(broker: BrokerSettings, folder: Path, client_id: str) -> mqtt.Client:
    """A client that is not connected yet. Speaks 3.1.1, which every broker understands."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id)
    user, password = broker.login(folder)
    if user:
        client.username_pw_set(user, password)
    if broker.tls:
        client.tls_set_context(broker.tls.context(folder))
    return client
