"""What the hub hands to a gateway for the time nobody hears the hub: the rules of its beds, signed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vitals.alarms import Alarm, AlarmEvent
from vitals.commands import BedName
from vitals.identity import DeviceId, GatewayId, RuleId
from vitals.readings import Milliseconds

MAX_BUNDLE_BYTES = 200_000  # brokers are set up for packets of 256 KiB
MAX_REPORTED = 200  # alarms, and ended alarms, in one report

SetId = RuleId


class Phase(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bounds that differ from the documents, from `since` on: an override ends although no hub says so."""

    since: Milliseconds = 0
    bounds: dict[str, float] = {}  # by rule id, or rule id and `.extreme`


class BedRules(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a gateway needs to judge one bed. `devices` are its own that stand there, the preferred one first."""

    bed: BedName
    devices: Annotated[list[DeviceId], msgspec.Meta(min_length=1)]
    sets: Annotated[list[SetId], msgspec.Meta(min_length=1)]
    profile: str = ""
    tags: list[str] = []
    phases: list[Phase] = []


class Bundle(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The rules of one gateway's beds. `sets` are rule documents as text, named by their own `id`."""

    hub: GatewayId
    gateway: GatewayId
    version: Annotated[int, msgspec.Meta(ge=1, le=2**53)]  # grows with every change; an older one is refused
    not_before: Milliseconds
    heartbeat_ms: Annotated[int, msgspec.Meta(ge=100, le=600_000)]
    sets: list[str]
    beds: list[BedRules] = []


class SignedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Payload of `down/<gateway>/settings`, retained: a bundle as text, and the hub's Ed25519 signature of that text.

    `key` is the public key, so that a gateway can say which one it does not trust.
    """

    bundle: str
    key: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{43}=$", description="32 bytes, base64")]
    signature: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9+/]{86}==$", description="64 bytes, base64")]


class BedsideReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `up/<gateway>/bedside`: what a gateway has alarmed by itself while it did not hear the hub.

    Sent at each change while the hub is silent, for displays near the bed, and to the hub before its next readings.
    `standing` alarms are the hub's from then on; `ended` tells the transitions of those that are over.
    """

    gateway: GatewayId
    time: Milliseconds
    silent_since: Milliseconds | None = None  # since when the hub is not heard; None: it is heard again
    version: int = 0  # of the bundle judged by
    standing: Annotated[list[Alarm], msgspec.Meta(max_length=MAX_REPORTED)] = []
    ended: Annotated[list[AlarmEvent], msgspec.Meta(max_length=2 * MAX_REPORTED)] = []
