"""A question to the journal of a hub, which may be running, and the sentence when it cannot be read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from hub.history import History
from hub.settings import HubSettings
from vitals.errors import StorageError

_T = TypeVar("_T")


def ask_journal(settings: HubSettings, folder: Path, about: str, question: Callable[[History], _T]) -> _T:
    """What `question` finds. Raises StorageError naming what it was `about`."""
    path = folder / settings.journal.path
    history = History(path)
    try:
        return question(history)
    except sqlite3.Error as error:
        raise StorageError(
            f"cannot read {about} from {path}: {error}; start the hub once, it makes what lacks"
        ) from error
    finally:
        history.close()
