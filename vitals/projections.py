"""Projections: what the process that copies the journal elsewhere says of itself and of copies that need a person."""

from __future__ import annotations

import msgspec

from vitals.identity import GatewayId
from vitals.readings import Milliseconds


class ProjectionFault(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One sink that takes nothing until a person acts, or has taken nothing for long."""

    sink: str
    reason: str
    since: Milliseconds


class ProjectionsStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Payload of `hub/<hub>/projections`, retained and repeated. The last will says that it is gone."""

    hub: GatewayId
    online: bool
    time: Milliseconds = 0
    sinks: list[str] = []
    faults: list[ProjectionFault] = []
