"""A rule set as text again, complete with what it includes, for a reader who has no files."""

from __future__ import annotations

from datetime import time
from typing import Any

import msgspec

from rules.documents import RuleSet
from vitals.durations import Duration

_LEFT_OUT = frozenset({"provenance"})  # of each rule: a reader that only judges has no use for it


def transcribe(rule_set: RuleSet) -> str:
    """JSON, which is YAML: `read_rules` makes the same rules of it."""
    plain = msgspec.to_builtins(rule_set, enc_hook=_plain)
    document = _bare(plain) | {"include": [], "provenance": rule_set.provenance}
    return msgspec.json.encode(document).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Duration):
        return f"{int(value)}ms"
    if isinstance(value, time):
        return value.isoformat()
    raise NotImplementedError(f"no way to write {type(value).__name__} into a rule document")


def _bare(part: Any) -> Any:
    """Without empty keys, which say what the default says, and without provenance."""
    if isinstance(part, dict):
        return {
            key: _bare(value)
            for key, value in part.items()
            if key not in _LEFT_OUT and value is not None and value not in ("", [], {})
        }
    return [_bare(value) for value in part] if isinstance(part, list) else part
