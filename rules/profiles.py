"""Profiles: the sets beds are judged by, and which of them stands where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.documents import Limit, RuleSet
from vitals.identity import BedKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """What the settings say of rules: the sets by name, the default one, those for every bed, and who has which."""

    sets: Mapping[str, RuleSet]
    default: str
    everywhere: tuple[RuleSet, ...] = ()  # their rules stand at every bed, whatever its profile
    placed: Mapping[str, str] = field(default_factory=dict)  # ward/WARD or bed/WARD/BED → profile
    beds: Mapping[BedKey, tuple[str, ...]] = field(default_factory=dict)  # every bed, with its tags

    def rule_sets(self, profile: str) -> tuple[RuleSet, ...]:
        """Everything a bed of this profile is judged by."""
        return (self.sets[profile], *self.everywhere)

    def limits(self, profile: str) -> dict[str, Limit]:
        """The limits of a profile by id."""
        return {limit.id: limit for rule_set in self.rule_sets(profile) for limit in rule_set.limits}

    def fits(self, rule_set: RuleSet) -> bool:
        """Whether none of its rules stands at every bed already."""
        return not self._twice(rule_set)

    def problems(self) -> list[str]:
        """Why these sets cannot stand together."""
        return [text for rule_set in self.sets.values() for text in self._twice(rule_set)]

    def _twice(self, rule_set: RuleSet) -> list[str]:
        owners: dict[str, str] = {}
        found: list[str] = []
        for part in (rule_set, *self.everywhere):
            for rule in part.rules:
                if rule.id in owners:
                    found.append(f"rule {rule.id} is in set {owners[rule.id]} and again in set {part.id}")
                owners[rule.id] = part.id
        return found


def ward_scope(bed: BedKey) -> str:
    """The scope of the whole ward a bed is in."""
    return f"ward/{bed.ward}"


def bed_scope(bed: BedKey) -> str:
    """The scope of one bed."""
    return f"bed/{bed}"


def patient_scope(patient: str) -> str:
    """The scope of whoever carries this id."""
    return f"patient/{patient}"
