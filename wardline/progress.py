"""A bar that shows how far a long command is, on a terminal and nowhere else."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TextIO

WIDTH = 30
EACH_S = 0.1


class Progress:
    """A line that is drawn over; it is wiped away at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._next = 0.0
        self._drawn = False

    def __enter__(self) -> Progress:
        return self

    def show(self, done: float, words: str) -> None:
        """Draw `done` (0 to 1) and `words`, not more often than an eye can follow."""
        if not self._shown or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EACH_S
        full = round(WIDTH * done)
        self._stream.write(f"\r\x1b[K[{'#' * full}{'.' * (WIDTH - full)}] {done:4.0%}  {words}")
        self._stream.flush()
        self._drawn = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
