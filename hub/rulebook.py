"""Which rule sets a hub applies: shipped ones by name, its own by path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from chassis.settings import read_text
from rules.documents import RuleSet, read_rules
from rules.library import read_set, shipped_sets
from vitals.errors import UsageError


def read_rule_sets(names: Sequence[str], folder: Path) -> list[RuleSet]:
    """The rule sets in the order given. Raises UsageError or DocumentError."""
    return [_read(name, folder) for name in names]


def _read(name: str, folder: Path) -> RuleSet:
    if name in shipped_sets():
        return read_set(name)
    if name.endswith((".yaml", ".yml")):
        return read_rules(read_text(folder / name), str(folder / name))
    raise UsageError(f"there is no rule set {name!r}; shipped: {', '.join(shipped_sets())}, or give a .yaml file")
