"""What a sink is: a place downstream of the journal that takes batches of entries, or says why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol, TypeAlias, get_args, runtime_checkable

from hub.history import StoredRecord
from vitals.alarms import AlarmEvent
from vitals.errors import WardlineError

Stream = Literal["records", "alarm-events", "device-states", "ticket-events", "scores", "admissions", "waves"]
"""What the journal tells in order, each numbered by itself."""
STREAMS: tuple[Stream, ...] = get_args(Stream)


class StoredEvent(NamedTuple):
    """One committed alarm transition."""

    id: int
    event: AlarmEvent


class StoredState(NamedTuple):
    """A piece of equipment entered a state; `device` '' is the gateway itself, `ward` and `bed` '' is at no bed."""

    id: int
    gateway: str
    device: str
    ward: str
    bed: str
    time: int
    state: str
    message: str


class StoredTicketEvent(NamedTuple):
    """A line of a ticket's history. `text` are words of people: they may name a patient."""

    id: int
    ticket: int
    time: int
    kind: str
    by: str
    text: str
    gateway: str
    device: str
    ward: str
    bed: str
    fault: str


class StoredScore(NamedTuple):
    """The score of a bed from `time` on; `total` None: unknown. `body` is JSON: partial, points, missing, red."""

    id: int
    ward: str
    bed: str
    time: int
    table: str
    total: int | None
    complete: bool
    risk: str
    body: bytes


class StoredStay(NamedTuple):
    """An admission as it stands after a change."""

    id: int
    time: int
    kind: str
    admission: int
    ward: str
    bed: str
    patient: str
    start: int
    end: int | None
    by: str
    reason: str


class StoredWave(NamedTuple):
    """A frame of one channel; `samples` are int16, little-endian: value = raw * scale + offset, -32768 is none."""

    id: int
    gateway: str
    epoch: int
    seq: int
    device: str
    channel: str
    ward: str
    bed: str
    time: int
    received: int
    clock: str
    rate: float
    scale: float
    offset: float
    unit: str
    samples: bytes


Entry: TypeAlias = StoredRecord | StoredEvent | StoredState | StoredTicketEvent | StoredScore | StoredStay | StoredWave


class PoisonError(WardlineError):
    """The sink understood the batch and refuses something in it: trying again changes nothing.

    `dropped` is how many entries it says it refused, None when it does not say.
    """

    def __init__(self, reason: str, dropped: int | None = None) -> None:
        super().__init__(reason)
        self.dropped = dropped


class Sink(Protocol):
    """One place the journal is copied to. Used by one thread; must bear being given an entry a second time."""

    name: str
    batch: int  # entries it likes to take at once
    streams: tuple[Stream, ...]  # which it wants

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


@runtime_checkable
class Unhurried(Protocol):
    """A sink that would rather take many entries seldom than a few at once, if `unhurried` is true."""

    unhurried: bool
