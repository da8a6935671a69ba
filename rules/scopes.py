"""The scope of a rule: at which beds it is in force."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

import msgspec
from msgspec import Meta

from vitals.identity import BedKey, RuleId, WardId

Tag = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$", description="A tag of a bed, such as isolation")]
Place = Annotated[
    str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,30}/[a-z0-9][a-z0-9-]{0,30}$", description="A bed as ward/bed")
]


class Scope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Beds that meet every list given; a list is met by any one of its entries."""

    wards: Annotated[list[WardId], Meta(description="Beds of these wards")] = []
    beds: Annotated[list[Place], Meta(description="These beds, as ward/bed")] = []
    profiles: Annotated[list[RuleId], Meta(description="Beds with one of these profiles")] = []
    tags: Annotated[list[Tag], Meta(description="Beds with one of these tags")] = []

    def __post_init__(self) -> None:
        if not (self.wards or self.beds or self.profiles or self.tags):
            raise ValueError("name wards, beds, profiles or tags; a rule for every bed has no scope")

    def includes(self, bed: BedKey, tags: Collection[str] = (), profile: str = "") -> bool:
        """Whether the rule is in force at `bed`."""
        return (
            (not self.wards or bed.ward in self.wards)
            and (not self.beds or str(bed) in self.beds)
            and (not self.profiles or profile in self.profiles)
            and (not self.tags or not set(self.tags).isdisjoint(tags))
        )
