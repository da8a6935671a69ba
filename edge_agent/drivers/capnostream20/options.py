"""Options of the driver `capnostream20`."""

from __future__ import annotations

from typing import Annotated

import msgspec


class Capnostream20Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the driver `capnostream20`."""

    ambient_mmhg: (
        Annotated[
            float,
            msgspec.Meta(
                ge=400, le=850, description="Air pressure at the bedside; a monitor set to Vol% gives no CO2 without it"
            ),
        ]
        | None
    ) = None
