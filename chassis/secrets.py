"""Secret references: `file:path` and `env:NAME` become the secret itself, at the last moment."""

from __future__ import annotations

import os
import stat
from pathlib import Path

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
