"""The rule sets that come with Wardline, read."""

from __future__ import annotations

from rules.documents import RuleSet, read_rules
from rules.shelf import scenarios_text, set_text, shipped_sets

__all__ = ["profiles", "read_set", "scenarios_text", "set_text", "shipped_sets"]


def read_set(name: str) -> RuleSet:
    """A shipped set by its name. Raises UsageError naming the ones there are."""
    return read_rules(set_text(name), f"{name}.yaml")


def profiles() -> list[str]:
    """Names of the shipped sets a bed can be judged by; the others are parts that profiles include."""
    return [name for name in shipped_sets() if read_set(name).limits]
