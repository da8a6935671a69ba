"""What a sink is: a place downstream of the journal that takes batches of entries, or says why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias

from hub.history import StoredRecord
from vitals.alarms import AlarmEvent
from vitals.errors import WardlineError

Stream = Literal["records", "alarm-events"]
STREAMS: tuple[Stream, ...] = ("records", "alarm-events")


class StoredEvent(NamedTuple):
    """One committed alarm transition."""

    id: int
    event: AlarmEvent


Entry: TypeAlias = StoredRecord | StoredEvent


class PoisonError(WardlineError):
    """The sink understood the batch and refuses something in it: trying again changes nothing.

    `dropped` is how many entries it says it refused, None when it does not say.
    """

    def __init__(self, reason: str, dropped: int | None = None) -> None:
        super().__init__(reason)
        self.dropped = dropped


class Sink(Protocol):
    """One place readings are copied to. Used by one thread; must bear being given an entry a second time."""

    name: str
    batch: int  # entries it likes to take at once

    def open(self) -> None:
        """Get ready. Raises UsageError when settings or secrets are wrong, LinkError when there is no connection."""

    def write(self, entries: Sequence[Entry]) -> None:
        """Store the entries of one stream, durably, before returning.

        Raises LinkError (wait and retry), UsageError (a person must act, then retry) or PoisonError.
        """

    def render(self, entry: Entry) -> bytes:
        """The entry as this sink would send it, for the dead-letter table. Must not raise."""

    def close(self) -> None:
        """Let go of everything `open` took; may be called twice."""
