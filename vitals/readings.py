"""Readings: what a driver observed, and the record of it that travels and is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

import msgspec

from vitals.identity import DeviceId

ClockQuality = Literal["synced", "holdover", "unsynced"]

Seq = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
Epoch = Annotated[int, msgspec.Meta(ge=1, le=2**32 - 1)]
# From here on an epoch is volatile: its records were never on the gateway's disk. As a time this is the year 2072.
VOLATILE_FROM = 3 << 30
# 1970-01-01 to 9999-12-31: a gateway without a clock chip may well think it is 1970.
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=253_402_300_799_999)]

MAX_GAP_RANGES = 1000  # of one gap record, so that it fits a message
GAP_DEVICE = "gateway"  # stands where a record has its device: a gap concerns the gateway as a whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """A stretch of one sampled signal; `samples` are raw device counts or physical units as the driver says."""

    rate_hz: float | None  # None: the driver was not told
    samples: tuple[float, ...]
    unit: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one frame of a monitor says: numbers, why numbers are missing, states, waves.

    `values` and `missing` are keyed by parameter name (vitals.parameters) and never share a key.
    `flags` are device states (vitals.vocabulary.DEVICE_STATES), sorted. `device` holds raw fields of the
    protocol that are no vital sign; they are shown by `wardline decode`, never published.

    An `aperiodic` observation is a single measurement with its own time (cuff pressure, spot check): it was made
    `age_ms` before it was heard and is published once. `device_time` is the monitor's own clock, without zone.
    `untimed`: nobody knows when it was made; it gets the time it was heard, marked as of an unsynced clock.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    waves: Mapping[str, Wave] = field(default_factory=dict)
    device: Mapping[str, object] = field(default_factory=dict)
    aperiodic: bool = False
    age_ms: int = 0
    device_time: str | None = None
    untimed: bool = False


class Gap(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Records that will never come, said by the gateway that had to give them up: every missing seq is explained.

    `count` seqs between `first` and `last` are missing: all of them, or those in `ranges` where others between them
    are not. `first` and `last` are 0 for records that were lost before they had a seq.
    """

    first: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    last: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
    count: Annotated[int, msgspec.Meta(ge=1)]
    reason: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}$")]  # one of vitals.vocabulary.GAP_REASONS
    kind: Literal["vitals", "wave", "mixed"] = "vitals"
    epoch: Epoch | None = None  # whose seqs they are; None: the epoch of the message
    ranges: Annotated[list[tuple[Seq, Seq]], msgspec.Meta(max_length=MAX_GAP_RANGES)] = []
    start: Milliseconds = 0  # measured from `start` to `end`; 0 where nobody knows
    end: Milliseconds = 0

    def spans(self) -> list[tuple[int, int]]:
        """The missing seqs as inclusive ranges, lowest first; empty if they never had any."""
        if self.ranges:
            return list(self.ranges)
        return [(self.first, self.last)] if self.first else []


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """One observation on its way: where it came from and when it was measured.

    `time` is UTC epoch milliseconds; `flags` maps a parameter without a value to the reason; `states` are the
    device's own states. Identified by (gateway, epoch, seq), of which gateway and epoch stand in the envelope.
    A record with a `gap` says nothing else: it is the gateway's own word, of the device GAP_DEVICE.
    """

    seq: Seq
    device: DeviceId
    time: Milliseconds
    clock: ClockQuality = "synced"
    values: dict[str, float] = {}
    flags: dict[str, str] = {}
    states: tuple[str, ...] = ()
    gap: Gap | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """Payload of `up/<gateway>/vitals` and `up/<gateway>/backfill`.

    `gateway` may be left out (the topic is authoritative); if present it must equal the topic's.
    """

    epoch: Epoch
    records: Annotated[list[Record], msgspec.Meta(min_length=1, max_length=1000)]
    gateway: str | None = None
