"""The secrets of docker-compose.yml: made once, and given to each service in a folder only it can see."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

from chassis.secrets import write_private
from vitals.errors import StorageError
from wardline.credentials import ACL_FILE, PASSWORD_FILE, SECRETS_FOLDER, Client, write_broker_files

HUB, CONSOLE, GATEWAY, PAGER = "hub-1", "console-1", "gw-demo", "pager-1"
CLIENTS = (Client(HUB, "hub"), Client(CONSOLE, "display"), Client(GATEWAY, "gateway"), Client(PAGER, "pager"))

MASTER = "credentials"  # the only folder that holds everything; no service but `init` mounts it
INFLUXDB_TOKEN, INFLUXDB_PASSWORD, GRAFANA_PASSWORD = "influxdb-token", "influxdb-password", "grafana-password"
SECRET_BYTES = 24

SERVICES: Mapping[str, Mapping[str, Path]] = {
    "mosquitto": {"passwd": PASSWORD_FILE, "acl": ACL_FILE},
    "hub": {name: SECRETS_FOLDER / name for name in (HUB, CONSOLE, INFLUXDB_TOKEN)},
    "edge": {GATEWAY: SECRETS_FOLDER / GATEWAY},
    "influxdb": {name: SECRETS_FOLDER / name for name in (INFLUXDB_TOKEN, INFLUXDB_PASSWORD)},
    "grafana": {name: SECRETS_FOLDER / name for name in (INFLUXDB_TOKEN, GRAFANA_PASSWORD)},
}
"""Per service: the file it sees, and where it stands in the master folder."""


def write_compose_secrets(root: Path) -> None:
    """Make what is missing in `root`/credentials and copy to each service's folder what it needs.

    A secret that exists is kept, also one that somebody put in its place; the broker's files follow the enrolment.
    Raises StorageError.
    """
    master = root / MASTER
    write_broker_files(master, CLIENTS)
    try:
        for name in (INFLUXDB_TOKEN, INFLUXDB_PASSWORD, GRAFANA_PASSWORD):
            if not (master / SECRETS_FOLDER / name).exists():
                write_private(master / SECRETS_FOLDER / name, secrets.token_urlsafe(SECRET_BYTES))
        for service, files in SERVICES.items():
            (root / service).mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, source in files.items():
                target = root / service / name
                if source in (PASSWORD_FILE, ACL_FILE) or not target.exists():
                    write_private(target, (master / source).read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"cannot write the secrets below {root}: {error}") from error
