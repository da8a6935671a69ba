"""Options of the driver `contec-cms50`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec


class ContecCms50Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the driver `contec-cms50`."""

    format: Annotated[
        Literal["auto", "5byte", "9byte"],
        msgspec.Meta(
            description="5byte: older devices, set the serial port to 19200 baud, parity O. 9byte: newer ones, 115200 "
            "baud, parity N. auto takes whichever arrives"
        ),
    ] = "auto"
