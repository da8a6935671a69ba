"""Device states come from values, waves and alarms in turn; each observation carries all that still hold."""

from __future__ import annotations


class States:
    """The newest word of each kind of record, until it is too old to hold."""

    def __init__(self, holds_ms: dict[str, int]) -> None:
        self._holds_ms = holds_ms
        self._said: dict[str, tuple[frozenset[str], int]] = {}

    def say(self, source: str, flags: frozenset[str], now: int) -> tuple[str, ...]:
        """Take what a record says; all states that hold now, sorted."""
        self._said[source] = (flags, now)
        held = [flags for name, (flags, at) in self._said.items() if now - at <= self._holds_ms[name]]
        return tuple(sorted(frozenset().union(*held)))
