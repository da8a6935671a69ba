"""The section every long-running process may have in its settings: where a Prometheus reads what it counts."""

from __future__ import annotations

from typing import Annotated

import msgspec


class MetricsSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a Prometheus reads what the process counts. The page has no login, and no patient data."""

    port: Annotated[int, msgspec.Meta(ge=1, le=65_532, description="A hub's further processes take the next three")]
    host: Annotated[str, msgspec.Meta(min_length=1, description="Address to listen on")] = "127.0.0.1"
