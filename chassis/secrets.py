"""Secrets: references (`file:path`, `env:NAME`) read at the last moment, and private files written for them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from chassis.database import sync_folder
from vitals.errors import UsageError


def resolve(reference: str, folder: Path) -> str:
    """The secret behind `reference`; relative paths are relative to `folder` (that of the settings file).

    Raises UsageError if it is missing, empty, readable by others, or not a reference at all.
    """
    kind, _, name = reference.partition(":")
    if kind == "env" and name:
        secret = os.environ.get(name, "")
        if not secret:
            raise UsageError(f"the environment variable {name} is not set; it must hold the secret")
        return secret
    if kind == "file" and name:
        return _read(folder / Path(name).expanduser())
    raise UsageError("a secret must be given as file:PATH or env:NAME, never written out in the settings")


def write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, durably, whole or not at all. Raises OSError."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    sync_folder(path.parent)


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read the secret file {path}: {error.strerror}") from error
    if mode & (stat.S_IRWXO):
        raise UsageError(f"the secret file {path} is open to every user; run: chmod o-rwx {path}")
    if not secret:
        raise UsageError(f"the secret file {path} is empty")
    return secret
