"""`wardline enrol`: give each MQTT client a login of its own, and the broker its password and ACL files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from vitals.errors import UsageError
from wardline.credentials import ACL_FILE, PASSWORD_FILE, ROLES, SECRETS_FOLDER, Client, write_broker_files

WHO = {
    "gateway": "an edge agent: writes its own readings, hears its own receipts",
    "hub": "the hub: hears all gateways and commands, writes receipts, alarms and answers",
    "display": "a board or console: hears wards, hub and waves, sends commands",
    "pager": "a pager: hears wards and hub, sends commands",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, required=True, help="where the credentials are kept, or are to be")
    for role in ROLES:
        parser.add_argument(f"--{role}", action="append", default=[], metavar="NAME", help=WHO[role])


def run(arguments: argparse.Namespace) -> int:
    clients = [Client(name, role) for role in ROLES for name in getattr(arguments, role)]
    if not clients:
        raise UsageError("name at least one client, such as --gateway gw-a or --pager pager-1")
    folder: Path = arguments.folder
    write_broker_files(folder, clients)
    for client in clients:
        print(f"{client.role} {client.name}: secret in {folder / SECRETS_FOLDER / client.name}")
    print(f"broker: password_file {folder / PASSWORD_FILE}, acl_file {folder / ACL_FILE}")
    print("a running mosquitto reads both again on SIGHUP", file=sys.stderr)
    return 0
