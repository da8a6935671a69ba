"""Messages of strangers: bytes become plain data, or the one word why not."""

from __future__ import annotations

import json
import math
import re
from typing import Any

MAX_DEPTH = 16

_TOKENS = re.compile(rb'\\.|["\[\]{}]', re.DOTALL)  # an escaped character is one token


class Refused(Exception):  # noqa: N818  (no error of ours: the sender's message cannot be used)
    """`reason` is a short stable word that is counted; `detail` says more to the sender and holds none of its data."""

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


def read_json(data: bytes) -> object:
    """The value in `data`. Raises Refused: what no two readers would understand alike is refused, not guessed."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Refused("bad_utf8", f"the message is not UTF-8 (byte {exc.start})") from exc
    _require_shallow(data)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        raise Refused("bad_json", "the message is not JSON") from exc


def clean(text: object, limit: int) -> str:
    """Text of a stranger, fit for a log line and a status: printable, short, encodable."""
    return "".join(mark if mark.isprintable() else " " for mark in str(text)[:limit]).strip()


def _require_shallow(data: bytes) -> None:
    """Refuse deep nesting before the parser has to climb it."""
    if data.count(b"[") + data.count(b"{") <= MAX_DEPTH:
        return
    depth, inside = 0, False
    for token in _TOKENS.finditer(data):
        mark = token[0][0]
        if mark == 0x22:
            inside = not inside
        elif inside or mark == 0x5C:
            continue
        elif mark in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise Refused("too_deep", f"the message is nested deeper than {MAX_DEPTH} levels")
        else:
            depth -= 1


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Refused("duplicate_key", "a key stands twice in one object")
    return found


def _no_number(name: str) -> float:
    raise Refused("not_finite", f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise Refused("not_finite", "a number is too large")
    return value
