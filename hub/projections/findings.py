"""Findings: what a look at a place that readings are copied to has shown, one sentence each."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import NamedTuple

from hub.settings import HubSettings


class Finding(NamedTuple):
    """One sentence; `well` is false where something is missing and a person must act."""

    well: bool
    text: str


DOCTORS = {
    "influxdb": "hub.projections.influxdb.doctor",
    "lake": "hub.projections.lake.doctor",
}
"""Each section of `projections` and the module whose `examine(settings, folder)` looks at its place."""


def examine(settings: HubSettings, folder: Path) -> list[Finding]:
    """Look at every place that the settings name. Nothing is changed there."""
    found: list[Finding] = []
    for section, module in DOCTORS.items():
        if getattr(settings.projections, section, None) is not None:
            found += importlib.import_module(module).examine(settings, folder)
    return found
