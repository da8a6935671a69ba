"""Whose bundles are believed: the hub's public key from the settings, or the first one ever heard."""

from __future__ import annotations

import logging
from pathlib import Path

from chassis.secrets import write_private
from chassis.signing import PREFIX, read_public_key
from vitals.errors import UsageError

log = logging.getLogger(__name__)

FIRST_KEY = "hub.pub"


class Trust:
    """The pinned key. Without one in the settings, the first that signs a good bundle is kept in `folder`."""

    def __init__(self, setting: str | None, settings_folder: Path, folder: Path) -> None:
        """Raises UsageError for a key that cannot be read."""
        self._file = folder / FIRST_KEY
        self.pinned = setting is not None
        if setting is None:
            self._key = _read(self._file) if self._file.exists() else None
        elif setting.startswith("file:"):
            self._key = _read(settings_folder / Path(setting.removeprefix("file:")).expanduser())
        else:
            self._key = _parse(setting, "bedside.hub_key")

    @property
    def known(self) -> bool:
        """Whether there is a key to compare with."""
        return self._key is not None

    def believes(self, key: str) -> bool:
        """Whether a good signature of `key` (base64) is the hub's."""
        return self._key is None or key == self._key

    def heard(self, key: str) -> None:
        """A good bundle came from `key`; the first one is remembered. Raises OSError."""
        if self._key is not None:
            return
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self._file, f"{PREFIX}{key}\n")
        self._key = key
        log.warning(
            "this gateway trusts the hub key %s%s from now on, because it heard it first; compare it with the hub's "
            "hub.pub and write it into bedside.hub_key",
            PREFIX,
            key,
        )


def _read(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the public key of the hub from {path}: {error}") from error
    return _parse(text, str(path))


def _parse(text: str, where: str) -> str:
    try:
        return read_public_key(text)
    except ValueError as error:
        raise UsageError(f"{where} is no public key of a hub: {error}; copy the hub's hub.pub") from error
