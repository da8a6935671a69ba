"""What a gateway and the hub say about their conversation: hello, status, receipt, hub status, heartbeat."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from vitals.drills import DrillTrace
from vitals.identity import DeviceId, GatewayId
from vitals.readings import ClockQuality, Epoch, Milliseconds, Seq

# The hub coalesces; past this many ranges it sends the lowest first and the rest with the next receipt.
MAX_RECEIPT_RANGES = 32

Link = Literal["up", "down", "silent", "error"]
"""A device's line: `up` frames arrive · `silent` open, nothing valid arrives · `down` not there · `error` refused."""


class DeviceStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One device as its gateway sees it. `good` and `bad` count frames since the agent started."""

    id: DeviceId
    driver: str
    link: Link
    since: Milliseconds  # when the link entered this state
    good: int = 0
    bad: int = 0
    detail: str = ""


class ListenerStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One way in from the network for many devices. Counts are since the agent started."""

    id: str
    type: str  # tcp_json, webhook, care, mqtt, hl7
    link: Link  # up: it listens; down: it cannot, `detail` says why
    since: Milliseconds
    connections: int = 0  # open now
    taken: int = 0  # observations
    refused: dict[str, int] = {}  # messages nobody could use, by reason
    detail: str = ""


class Hello(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `up/<gateway>/hello`, sent on every connect; the hub answers with a receipt from its journal."""

    gateway: GatewayId
    epoch: Epoch
    lowest: int  # lowest and highest seq the spool still holds, receipted ones too; 0 and 0 when it is empty
    highest: int
    accepted: int  # highest seq ever given out in this epoch
    time: Milliseconds  # the gateway's clock when it sent this
    clock: ClockQuality
    boot: str  # kernel boot id, diagnostic only
    version: str
    settings: str  # SHA-256 of the settings file, hex
    devices: list[str] = []


class Ledger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The books of one epoch of a gateway: accepted = spooled + receipted + pruned + rejected, at any instant."""

    epoch: Epoch
    accepted: int = 0  # seqs given out, all that are below
    spooled: int = 0  # wait for a receipt; gap records among them
    receipted: int = 0  # the hub has said that they are committed
    pruned: int = 0  # given up, and named in a gap record
    rejected: int = 0  # the hub has put them into quarantine
    volatile: bool = False  # of memory alone: the disk takes nothing
    lost_before_spool: dict[str, int] = {}  # never had a seq, by reason, since the agent started


class GatewayStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `up/<gateway>/status`, retained; the last will is the same with `online` false."""

    gateway: GatewayId
    online: bool
    time: Milliseconds = 0
    epoch: int = 0
    spooled: int = 0  # records waiting for a receipt
    accepted: int = 0
    reason: str = ""
    devices: list[DeviceStatus] = []
    listeners: list[ListenerStatus] = []
    rules: str = ""  # SHA-256 of the bundle it would judge by while it does not hear the hub; empty: it has none
    hub_silent_since: Milliseconds | None = None
    drill: DrillTrace | None = None  # the last one, for a while
    durability: Literal["full", "degraded"] = "full"  # degraded: records go out from memory, the disk takes none
    ledger: list[Ledger] = []  # one per epoch in use, the spool's own first
    version: str = ""  # of the agent's software


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `down/<gateway>/receipt`: the only thing that lets an edge agent forget.

    `committed` are inclusive seq ranges that are in the journal; a range starting at 1 is the watermark.
    `rejected` are (seq, reason) pairs, final. `credit` is how many records may be outstanding.
    """

    epoch: Epoch
    committed: Annotated[list[tuple[Seq, Seq]], msgspec.Meta(max_length=MAX_RECEIPT_RANGES)] = []
    rejected: list[tuple[Seq, str]] = []
    credit: int = 2000
    time: Milliseconds = 0


class HubStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `hub/<hub>/status`, retained; the last will is the same with `online` false."""

    hub: str
    online: bool
    time: Milliseconds = 0
    version: str = ""
    started: Milliseconds = 0
    counters: dict[str, int] = {}  # since the hub started: received, committed, duplicate, rejected, …
    clocks_off_ms: dict[str, int] = {}  # by gateway, of those whose clock is off by more than 2 s
    books_differ: dict[str, int] = {}  # by gateway: records nobody can account for now


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `hub/<hub>/heartbeat`, each 5 s; its absence for three periods means the hub is gone."""

    hub: str
    time: Milliseconds
    beat: int  # counts up from 1 since the hub started
