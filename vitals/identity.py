"""Identifiers: which names a gateway, device, ward, bed or client may carry."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

GATEWAY_PATTERN = r"^[a-z0-9][a-z0-9-]{1,30}$"
# Beds are called "7" on real wards, so one character is enough for everything that is not a login name.
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,30}$"

GatewayId = Annotated[str, msgspec.Meta(pattern=GATEWAY_PATTERN, description="Gateway id, equal to its MQTT user name")]
ClientId = Annotated[str, msgspec.Meta(pattern=GATEWAY_PATTERN, description="MQTT user name of a person or pager")]
DeviceId = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, description="Device id")]
WardId = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, description="Ward id")]
BedId = Annotated[str, msgspec.Meta(pattern=NAME_PATTERN, description="Bed id")]
SomeWardId = Annotated[
    str,
    msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$", description="Ward id; empty for what concerns the whole hub"),
]
SomeBedId = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^([a-z0-9][a-z0-9-]{0,30})?$", description="Bed id; empty for equipment that stands at no bed"
    ),
]
Subject = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^((gateway|hub|broker|projection|pager)/[a-z0-9][a-z0-9-]{0,30})?$",
        description="Equipment that stands at no bed, as kind/id; empty for an alarm of a bed",
    ),
]
PatientId = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,30}$", description="Opaque id of a patient; never a name or record number"
    ),
]
RuleId = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,47}$", description="Rule id, kebab case")]

_gateway = re.compile(GATEWAY_PATTERN)
_name = re.compile(NAME_PATTERN)


def is_gateway_id(text: str) -> bool:
    """Whether `text` may name a gateway or an MQTT client."""
    return _gateway.fullmatch(text) is not None


def is_name(text: str) -> bool:
    """Whether `text` may name a device, a ward or a bed."""
    return _name.fullmatch(text) is not None


class BedKey(msgspec.Struct, frozen=True, order=True, gc=False):
    """A bed in its ward; written `icu/7`."""

    ward: str
    bed: str

    @classmethod
    def parse(cls, text: str) -> BedKey:
        """Read `ward/bed`. Raises ValueError saying what was expected."""
        ward, slash, bed = text.partition("/")
        if not slash or not is_name(ward) or not is_name(bed):
            raise ValueError(f"expected ward/bed such as icu/7, got {text!r}")
        return cls(ward, bed)

    def __str__(self) -> str:
        return f"{self.ward}/{self.bed}"
