"""Settings of the bedside alarms: whose rules to trust, and whom to tell."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from vitals.durations import Duration


class BedsideSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a gateway does by itself while it does not hear the hub."""

    hub_key: (
        Annotated[
            str,
            msgspec.Meta(
                pattern=r"^(file:.+|ed25519:[A-Za-z0-9+/]{43}=)$",
                description="The hub's public key, or file:PATH of it; without one the first key heard is trusted",
            ),
        ]
        | None
    ) = None
    folder: Annotated[Path, msgspec.Meta(description="Where the rules of the hub are kept")] = msgspec.field(
        default_factory=lambda: Path("bedside")
    )
    file: Annotated[Path, msgspec.Meta(description="What local displays read")] = msgspec.field(
        default_factory=lambda: Path("bedside.json")
    )
    command: Annotated[
        list[Annotated[str, msgspec.Meta(min_length=1)]],
        msgspec.Meta(description="Program and arguments, run for each transition with it as JSON on standard input"),
    ] = []
    command_timeout: Annotated[Duration, msgspec.Meta(description="It is ended after this")] = msgspec.field(
        default_factory=lambda: Duration(10_000)
    )

    def __post_init__(self) -> None:
        if not 100 <= self.command_timeout <= 60_000:
            raise ValueError("command_timeout must be from 100ms to 1min")
