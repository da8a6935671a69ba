"""Options of the driver `ivy450c`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Pressure = Literal["abp", "cvp", "icp", "none"]
Temperature = Literal["temp", "temp_core", "temp_skin", "none"]


class IvyOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the pressure and temperature inputs of the monitor are connected to."""

    p1: Annotated[Pressure, msgspec.Meta(description="Which pressure the input P1 measures; none: not published")] = (
        "abp"
    )
    p2: Annotated[Pressure, msgspec.Meta(description="Which pressure the input P2 measures; none: not published")] = (
        "none"
    )
    t1: Annotated[
        Temperature, msgspec.Meta(description="Which temperature the input T1 measures; none: not published")
    ] = "temp"
    t2: Annotated[
        Temperature, msgspec.Meta(description="Which temperature the input T2 measures; none: not published")
    ] = "none"

    def __post_init__(self) -> None:
        for one, other, what in ((self.p1, self.p2, "p1 and p2"), (self.t1, self.t2, "t1 and t2")):
            if one == other != "none":
                raise ValueError(f"{what}: both are {one!r}; name one of them otherwise or 'none'")
