"""`wardline compose`: make the credentials of every service of docker-compose.yml, each in a folder of its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from wardline.compose_secrets import SERVICES, write_compose_secrets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--into",
        type=Path,
        required=True,
        metavar="DIR",
        help=f"a folder with one folder per service: credentials, {', '.join(SERVICES)}",
    )


def run(arguments: argparse.Namespace) -> int:
    write_compose_secrets(arguments.into)
    for service, names in SERVICES.items():
        print(f"{service}: {', '.join(sorted(names))}")
    return 0
