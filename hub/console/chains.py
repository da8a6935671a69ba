"""The chain of limits as the hub judges by it now, read beside it: for screens that show or change limits."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import NamedTuple

from hub import limits
from hub.history import History
from hub.rulebook import kept_path, profiles_in_force
from hub.settings import HubSettings
from rules.chain import Chain
from rules.profiles import Profiles
from vitals.errors import DocumentError, StorageError, UsageError
from vitals.identity import BedKey

_PATIENTS = 'SELECT ward, bed, patient FROM admission WHERE "end" IS NULL'
_CHANGED = "SELECT (SELECT max(id) FROM limit_override), (SELECT max(id) FROM profile)"


class InForce(NamedTuple):
    """The chain, and who lies in which bed."""

    chain: Chain
    patients: dict[BedKey, str]


class Chains:
    """Reads the rules and the journal anew only when one of them has changed. May be asked by several threads."""

    def __init__(self, settings: HubSettings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self._kept = kept_path(settings, folder)
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._profiles: Profiles | None = None
        self._chain: Chain | None = None
        self._changed: object = None

    @property
    def source(self) -> tuple[HubSettings, Path]:
        """The settings it reads by, and where their paths begin."""
        return self._settings, self._folder

    def profiles(self) -> Profiles:
        """The rule sets in force. Raises StorageError."""
        with self._lock:
            return self._read()

    def in_force(self, history: History) -> InForce:
        """What every bed is judged by. Raises StorageError."""
        with self._lock:
            profiles = self._read()
            changed = history.select(_CHANGED)
            if self._chain is None or changed != self._changed:
                self._chain = Chain(profiles)
                limits.load(self._chain, history.select)
                self._changed = changed
            return InForce(self._chain, {BedKey(ward, bed): who for ward, bed, who in history.select(_PATIENTS)})

    def _read(self) -> Profiles:
        stamp = self._look()
        if self._profiles is None or stamp != self._stamp:
            try:
                self._profiles = profiles_in_force(self._settings, self._folder)
            except (UsageError, DocumentError) as error:
                raise StorageError(f"cannot read the rules of this hub: {error}") from error
            self._stamp, self._chain = stamp, None
        return self._profiles

    def _look(self) -> tuple[int, int] | None:
        try:
            stat = self._kept.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_size
