"""The secrets of docker-compose.yml: made once, and given to each service in a folder only it can see."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from pathlib import Path

from chassis.secrets import write_private
from vitals.errors import StorageError
from wardline.credentials import ACL_FILE, PASSWORD_FILE, SECRETS_FOLDER, Client, write_broker_files

HUB, CONSOLE, GATEWAY, PAGER = "hub-1", "console-1", "gw-demo", "pager-1"
CLIENTS = (Client(HUB, "hub"), Client(CONSOLE, "display"), Client(GATEWAY, "gateway"), Client(PAGER, "pager"))

MASTER = "credentials"  # the only folder that holds everything; no service but `init` mounts it
INFLUXDB_TOKEN, INFLUXDB_PASSWORD = "influxdb-token", "influxdb-password"
GRAFANA_PASSWORD, POSTGRES_PASSWORD = "grafana-password", "postgres-password"
INFLUXDB3_ADMIN = "influxdb3-admin"  # the same token, in the form InfluxDB 3 reads it at its first start
INFLUXDB3_PREFIX = "apiv3_"  # InfluxDB 3 takes no other token; InfluxDB 2 takes any
SECRET_BYTES = 24

SERVICES: Mapping[str, Mapping[str, Path]] = {
    "mosquitto": {"passwd": PASSWORD_FILE, "acl": ACL_FILE},
    "hub": {name: SECRETS_FOLDER / name for name in (HUB, CONSOLE, INFLUXDB_TOKEN, POSTGRES_PASSWORD)},
    "edge": {GATEWAY: SECRETS_FOLDER / GATEWAY},
    "influxdb": {name: SECRETS_FOLDER / name for name in (INFLUXDB_TOKEN, INFLUXDB_PASSWORD)},
    "grafana": {name: SECRETS_FOLDER / name for name in (INFLUXDB_TOKEN, GRAFANA_PASSWORD)},
    "influxdb3": {INFLUXDB3_ADMIN: SECRETS_FOLDER / INFLUXDB3_ADMIN},
    "postgres": {POSTGRES_PASSWORD: SECRETS_FOLDER / POSTGRES_PASSWORD},
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
        for name in (INFLUXDB_TOKEN, INFLUXDB_PASSWORD, GRAFANA_PASSWORD, POSTGRES_PASSWORD):
            prefix = INFLUXDB3_PREFIX if name == INFLUXDB_TOKEN else ""
            _make(master / SECRETS_FOLDER / name, prefix + secrets.token_urlsafe(SECRET_BYTES))
        token = (master / SECRETS_FOLDER / INFLUXDB_TOKEN).read_text(encoding="utf-8").strip()
        _make(master / SECRETS_FOLDER / INFLUXDB3_ADMIN, json.dumps({"token": token, "name": "_admin"}))
        for service, files in SERVICES.items():
            (root / service).mkdir(mode=0o700, parents=True, exist_ok=True)
            for name, source in files.items():
                target = root / service / name
                if source in (PASSWORD_FILE, ACL_FILE) or not target.exists():
                    write_private(target, (master / source).read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageError(f"cannot write the secrets below {root}: {error}") from error


def _make(path: Path, text: str) -> None:
    if not path.exists():
        write_private(path, text)
