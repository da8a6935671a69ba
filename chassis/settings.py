"""Settings files: read once at the top, strictly, into one object."""

from __future__ import annotations

import gc
import pickle
from pathlib import Path
from typing import TypeVar

import msgspec

from vitals.document import read_document
from vitals.errors import UsageError
from vitals.yamldoc import MAX_SETTINGS_BYTES

_T = TypeVar("_T", bound=msgspec.Struct)


def read_settings(path: Path, type_: type[_T]) -> _T:
    """The settings in `path`. Raises UsageError if it cannot be read, DocumentError with every problem in it."""
    return _packed(read_document(read_text(path), str(path), type_, MAX_SETTINGS_BYTES))


def _packed(settings: _T) -> _T:
    """The same, written anew into memory side by side.

    What is kept of a large document lies scattered among what reading it threw away, and holds on to all of those
    pages: 90 MB for a hub of 20,000 beds.
    """
    kept = pickle.dumps(settings)
    del settings
    gc.collect()
    packed: _T = pickle.loads(kept)  # noqa: S301 - our own bytes of a moment ago
    return packed


def read_text(path: Path) -> str:
    """The UTF-8 text of a file a person named. Raises UsageError saying what is wrong with it."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text (byte {error.start})") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from error
