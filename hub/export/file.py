"""The file of an export: written under another name, and called by its own only when it is whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from chassis.database import sync_folder
from vitals.errors import StorageError, UsageError


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that takes the name `path` at the end, or leaves nothing behind.

    Raises StorageError, or UsageError if `path` is something else than a file.
    """
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is no file; give the name of a file")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with contextlib.ExitStack() as undo:
            file = undo.enter_context(partial.open("wb"))
            undo.callback(lambda: partial.unlink(missing_ok=True))
            yield file
            file.flush()
            os.fsync(file.fileno())
            partial.replace(path)
            sync_folder(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}; nothing was left there") from error
