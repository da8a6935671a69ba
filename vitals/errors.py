"""Errors, named after who must act, under one root."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


class WardlineError(Exception):
    """Root of every error this project raises on purpose."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing wrong in a document, with the place to look."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class DocumentError(WardlineError):
    """A person must edit a file; carries every problem found, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class WireError(WardlineError):
    """The sender of a message is wrong; `reason` is short, stable and safe to publish."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class LinkError(WardlineError):
    """A line or a connection is down: wait and retry."""


class StorageError(WardlineError):
    """A disk or database refuses: free space, restore, retry."""


class UsageError(WardlineError):
    """The command line or the environment is wrong; one sentence that says what to do."""
