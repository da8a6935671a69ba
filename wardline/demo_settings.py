"""The ward of the demo: eight beds, eight simulated monitors on one gateway, as settings files for hub and edge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from chassis.settings import read_settings
from chassis.signing import open_signing_key
from edge_agent.settings import load_settings
from hub.bundles import KEY_FILE
from hub.settings import HubSettings
from wardline.credentials import SECRETS_FOLDER, Client

HUB, GATEWAY, CONSOLE, PAGER = "hub-demo", "gw-demo", "console", "pager"
CLIENTS = (Client(HUB, "hub"), Client(GATEWAY, "gateway"), Client(CONSOLE, "display"), Client(PAGER, "pager"))
WARD = "icu"

# device id: driver and its options. The simulator's plan has a monitor of that kind behind each line.
DEVICES: dict[str, tuple[str, dict[str, str]]] = {
    "mon-1": ("nonin", {"format": "df2"}),
    "mon-2": ("nonin", {"format": "df2"}),
    "mon-3": ("nonin", {"format": "df7"}),
    "mon-4": ("nonin", {"format": "df7"}),
    "mon-5": ("hobby-lines", {}),
    "mon-6": ("hobby-lines", {}),
    "mon-7": ("hobby-lines", {}),
    "mon-8": ("hobby-lines", {}),
}
BEDS = {device: str(number) for number, device in enumerate(DEVICES, start=1)}

HUB_FILE, EDGE_FILE, LINES_FOLDER = "hub.yaml", "edge.yaml", "lines"


def write_settings(folder: Path, port: int, broker_port: int, pagers: Path | None = None) -> None:
    """Write both settings files and read them back the way their owners will. Raises DocumentError."""
    paging = {} if pagers is None else _paging(pagers, port)
    _write(folder / HUB_FILE, hub_settings(port, broker_port) | paging)
    _write(folder / EDGE_FILE, edge_settings(folder, broker_port))
    open_signing_key(folder / "hub" / KEY_FILE)  # before the hub's own first start, so that the gateway can pin it
    read_settings(folder / HUB_FILE, HubSettings)
    load_settings(folder / EDGE_FILE)


def hub_settings(port: int, broker_port: int) -> dict[str, Any]:
    """The hub's document."""
    return {
        "hub": HUB,
        "broker": _broker(HUB, broker_port),
        "journal": {"path": "hub/journal.db"},
        "projections": {"path": "hub/projections.db"},
        "rules": ["adult-ward"],
        "console": {
            "port": port,
            "username": CONSOLE,
            "password": _secret(CONSOLE),
            "people": "hub/people.db",
            "patients": "hub/patients.db",
            "demo_person": True,
        },
        "wards": [
            {"id": WARD, "title": "Demo ICU", "beds": [{"id": bed, "title": f"Bed {bed}"} for bed in BEDS.values()]}
        ],
        "gateways": [
            {"id": GATEWAY, "devices": [{"id": device, "bed": f"{WARD}/{bed}"} for device, bed in BEDS.items()]}
        ],
    }


def _paging(document: Path, port: int) -> dict[str, Any]:
    return {"pagers": {"file": str(document.resolve()), "path": "hub/pages.db", "base_url": f"http://127.0.0.1:{port}"}}


def edge_settings(folder: Path, broker_port: int) -> dict[str, Any]:
    """The edge agent's document."""
    return {
        "gateway": GATEWAY,
        "broker": _broker(GATEWAY, broker_port),
        "spool": {"path": "edge/spool.db"},
        "bedside": {"hub_key": "file:hub/hub.pub", "folder": "edge/bedside", "file": "edge/bedside.json"},
        "devices": [
            {
                "id": device,
                "driver": driver,
                "serial": {"path": str(folder / LINES_FOLDER / device)},
                **({"options": dict(options)} if options else {}),
                **({"waves": ["pleth"]} if driver == "nonin" else {}),
            }
            for device, (driver, options) in DEVICES.items()
        ],
    }


def _broker(name: str, port: int) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "username": name, "password": _secret(name)}


def _secret(name: str) -> str:
    return f"file:{SECRETS_FOLDER / name}"


def _write(path: Path, document: dict[str, Any]) -> None:
    text = "# Written by `wardline demo` at each start; what you change here is lost.\n"
    text += yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
