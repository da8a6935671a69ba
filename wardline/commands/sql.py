"""`wardline sql`: the tables of the SQL projection, shown or made by somebody with more rights than the hub."""

from __future__ import annotations

import argparse
from pathlib import Path

from chassis.settings import read_settings
from hub.projections.sql.sink import open_store, schema_statements
from hub.settings import HubSettings, SqlSettings
from vitals.errors import UsageError

DIALECTS = ("postgresql", "mariadb", "mysql")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The words after `wardline sql`."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    schema = actions.add_parser("schema", help="print the statements that make the tables, and change nothing")
    schema.add_argument("--dialect", choices=DIALECTS, required=True, help="for which server")
    schema.set_defaults(act=_schema)
    version = actions.add_parser("version", help="which tables the database has; exit 1 if they are not up to date")
    version.set_defaults(act=_version)
    migrate = actions.add_parser("migrate", help="make the tables, or bring them up to date")
    migrate.add_argument("--user", metavar="NAME", help="whose tables they will be (the user of the settings)")
    migrate.set_defaults(act=_migrate)
    for action in (version, migrate):
        action.add_argument("--config", type=Path, required=True, metavar="FILE", help="the hub's settings file")
    migrate.add_argument("--password", metavar="REF", help="file:PATH or env:NAME of the password of --user")


def run(arguments: argparse.Namespace) -> int:
    """Show or make."""
    return int(arguments.act(arguments))


def _schema(arguments: argparse.Namespace) -> int:
    print(schema_statements(arguments.dialect))
    return 0


def _version(arguments: argparse.Namespace) -> int:
    store = open_store(_settings(arguments), arguments.config.resolve().parent)
    found, newest = store.version(), store.newest
    print(f"{store.where} has {f'tables of version {found}' if found else 'no tables'}; this program's are {newest}")
    return 0 if found == newest else 1


def _migrate(arguments: argparse.Namespace) -> int:
    folder = arguments.config.resolve().parent
    store = open_store(_settings(arguments), folder, user=arguments.user, password=arguments.password)
    found = store.migrate()
    print(f"{store.where} has tables of version {found}")
    return 0


def _settings(arguments: argparse.Namespace) -> SqlSettings:
    settings = read_settings(arguments.config, HubSettings).projections.sql
    if settings is None:
        raise UsageError(f"{arguments.config} copies to no SQL database; set projections.sql.url")
    return settings
