"""The rule documents that come with Wardline, as text."""

from __future__ import annotations

from importlib import resources

from vitals.errors import UsageError

_FOLDER = resources.files("rules").joinpath("sets")
_SUFFIX = ".yaml"
_SCENARIOS = ".scenarios.yaml"


def shipped_sets() -> list[str]:
    """Names of the shipped sets."""
    names = (entry.name for entry in _FOLDER.iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX) and _SCENARIOS not in name)


def set_text(name: str) -> str:
    """The document of a shipped set. Raises UsageError naming the ones there are."""
    if name not in shipped_sets():
        raise UsageError(f"there is no shipped rule set {name!r}; there are: {', '.join(shipped_sets())}")
    return _FOLDER.joinpath(f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def scenarios_text(name: str) -> str:
    """The scenarios of a shipped set."""
    return _FOLDER.joinpath(f"{name}{_SCENARIOS}").read_text(encoding="utf-8")
