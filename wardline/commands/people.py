"""`wardline people`: the way back in for whoever has this machine, and the accounts there are."""

from __future__ import annotations

import argparse
import time
from contextlib import closing
from pathlib import Path

from chassis.settings import read_settings
from hub.console.people.accounts import Accounts, wards_of
from hub.console.people.people import first_link_words
from hub.console.people.store import CONSOLE, Doer, Store
from hub.settings import HubSettings


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline people`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    first = actions.add_parser("first-link", help="print a link that makes an administrator, once, within 24 h")
    first.set_defaults(act=_first_link)
    listing = actions.add_parser("list", help="list the accounts")
    listing.set_defaults(act=_list)
    for sub in actions.choices.values():
        sub.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")


def run(arguments: argparse.Namespace) -> int:
    """Act on the `people.db` of a console, which may run meanwhile."""
    settings = read_settings(arguments.config, HubSettings)
    path = arguments.config.resolve().parent / settings.console.people
    with closing(Store(path)) as store:
        return int(arguments.act(settings, Accounts(store)))


def _first_link(settings: HubSettings, accounts: Accounts) -> int:
    doer = Doer("command line", CONSOLE, "", time.time_ns() // 1_000_000)
    print(first_link_words(settings.console, accounts.first_link(doer)))
    return 0


def _list(_settings: HubSettings, accounts: Accounts) -> int:
    found = accounts.all()
    if not found:
        print("no accounts yet; wardline people first-link makes the first one")
    for account in found:
        wards = wards_of(account.wards)
        where = "every ward" if wards is None else " ".join(sorted(wards)) or "no ward"
        state = "disabled" if account.disabled else "" if account.password else "no password yet"
        print(f"{account.name:<31}  {account.role:<13}  {where:<20}  {state}".rstrip())
    return 0
