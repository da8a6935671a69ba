"""Packages of npm that checks need, fetched once into the cache of the user; none of them is part of Wardline."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from vitals.errors import LinkError, UsageError

INSTALL_S = 120.0


def fetched(name: str, packages: Sequence[str], cache: Path | None = None) -> Path:
    """A folder with these packages in it, for as long as their versions are asked for.

    Raises UsageError without npm and node, LinkError when the packages cannot be fetched.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise UsageError("npm is not installed (Debian: apt-get install npm)")
    folder = cache or _cache() / "-".join([name, *(_version(package) for package in packages)])
    stamp = folder / ".installed"
    if stamp.exists():
        return folder
    wanted = " and ".join(packages)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text('{"private": true}\n', encoding="utf-8")
        done = run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *packages], folder)
    except subprocess.TimeoutExpired as error:
        raise LinkError(f"npm did not fetch {wanted} in {INSTALL_S:g} s; try again") from error
    except OSError as error:
        raise UsageError(f"cannot keep packages in {folder}: {error.strerror}; set XDG_CACHE_HOME") from error
    if done.returncode != 0:
        raise LinkError(f"npm cannot fetch {wanted}: {done.stderr.strip()[-300:]}")
    stamp.touch()
    return folder


def run(words: Sequence[str], folder: Path, typed: str | None = None) -> subprocess.CompletedProcess[str]:
    """What npm or node answers in a folder."""
    return subprocess.run(  # noqa: S603  # words of our own
        words, cwd=folder, input=typed, capture_output=True, text=True, timeout=INSTALL_S, check=False
    )


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wardline"


def _version(package: str) -> str:
    return re.sub(r"[^\w.]+", "-", package.rpartition("@")[2])
