"""What is asked of a monitor, how often, and when to ask again because no answer came."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Poll:
    """One question that is asked again and again."""

    every_ms: int | None  # None: once answered, never again
    patience_ms: int  # without an answer it is asked again after this time
    first_asked: int | None = None
    asked: int | None = None
    answered: int | None = None

    def due(self) -> int | None:
        """When to ask; None: never again."""
        if self.asked is None:
            return 0
        if self.every_ms is None:
            return self.asked + self.patience_ms if self.answered is None else None
        heard = max(self.asked, self.answered or self.asked)
        return min(self.asked + self.every_ms, heard + self.patience_ms)

    def ask(self, now: int) -> None:
        """It is asked now."""
        self.asked = now
        if self.first_asked is None:
            self.first_asked = now

    def silent_for(self, now: int) -> int:
        """How long there has been no answer, counted from the first question at the earliest."""
        since = self.answered if self.answered is not None else self.first_asked
        return now - since if since is not None else 0
