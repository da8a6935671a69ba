"""What a gateway needs beside its devices: this machine is looked at, one finding per need."""

from __future__ import annotations

import grp
import os
import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock_quality import kernel_synced

OLDEST_PYTHON = (3, 11)
LEAST_FREE_BYTES = 1_000_000_000  # the spool of a day of broken network, and room for the system
SPOOL = Path("/var/lib/wardline")
PORT_GROUP = "dialout"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One need, and whether it is met; None: nobody can say."""

    about: str
    good: bool | None
    text: str


def check_gateway(paths: Iterable[str]) -> list[Finding]:
    """Everything, with the permission to open these ports."""
    return [check_python(sys.version_info[:2]), check_disk(SPOOL), check_clock(kernel_synced()), check_ports(paths)]


def check_python(version: tuple[int, int]) -> Finding:
    """The interpreter."""
    good = version >= OLDEST_PYTHON
    text = f"Python {version[0]}.{version[1]} on {platform.machine()}"
    return Finding(about="python", good=good, text=f"{text}." if good else f"{text}; Wardline needs 3.11 or newer.")


def check_disk(folder: Path) -> Finding:
    """Room for the spool; before it is there, where it would be made."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    text = f"{free / 1e9:.1f} GB free for the spool in {folder}"
    if free >= LEAST_FREE_BYTES:
        return Finding(about="disk", good=True, text=f"{text}.")
    return Finding(about="disk", good=False, text=f"{text}; make room for at least 1 GB.")


def check_clock(synced: bool | None) -> Finding:
    """Whether the time of readings can be trusted."""
    if synced is None:
        return Finding(about="clock", good=None, text="The kernel does not say whether the clock is synchronised.")
    if synced:
        return Finding(about="clock", good=True, text="The clock is synchronised.")
    text = "The clock is not synchronised; enable systemd-timesyncd or chrony, until then readings are marked unsynced."
    return Finding(about="clock", good=False, text=text)


def check_ports(paths: Iterable[str]) -> Finding:
    """Whether this user may open serial ports."""
    closed = [path for path in paths if os.path.exists(path) and not os.access(path, os.R_OK | os.W_OK)]
    if closed:
        text = f"No permission for {', '.join(closed)}; add this user to the group {PORT_GROUP} and log in again."
        return Finding(about="ports", good=False, text=text)
    if os.geteuid() == 0 or PORT_GROUP in _groups():
        return Finding(about="ports", good=True, text="This user may open serial ports.")
    text = f"This user is not in the group {PORT_GROUP}, which most serial ports belong to; add it before plugging in."
    return Finding(about="ports", good=None, text=text)


def _groups() -> set[str]:
    found = set()
    for number in {os.getegid(), *os.getgroups()}:
        try:
            found.add(grp.getgrgid(number).gr_name)
        except KeyError:  # a group without a name
            continue
    return found
