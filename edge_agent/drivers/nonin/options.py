"""Options of the driver `nonin`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

FormatName = Literal["auto", "df1", "df2", "df7", "df8", "df13", "ascii"]
Model = Literal["wired", "bluetooth"]

_WIRED_ONLY = ("df1", "ascii")


class NoninOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of the driver `nonin`."""

    format: Annotated[
        FormatName,
        msgspec.Meta(description="Data format of the stream; auto takes df2 or df7, whichever arrives"),
    ] = "auto"
    model: Annotated[
        Model,
        msgspec.Meta(
            description="wired: status bit 6 means no sensor. bluetooth (9560, 3150): reserved bits are undefined, and "
            "the device is told the format when the line opens"
        ),
    ] = "wired"

    def __post_init__(self) -> None:
        if self.model == "bluetooth" and self.format in _WIRED_ONLY:
            raise ValueError(f"format: the Bluetooth models do not send {self.format}; use df2, df7, df8 or df13")
