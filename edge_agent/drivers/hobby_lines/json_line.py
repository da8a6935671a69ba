"""JSON lines, our canonical line among them: one flat object becomes what it said."""

from __future__ import annotations

import math

import msgspec

from edge_agent.drivers.hobby_lines.crc8 import crc8
from edge_agent.drivers.hobby_lines.names import parameter_of
from edge_agent.drivers.hobby_lines.said import Said, UnreadableLine

_CHECK = b',"ck"'
_VERSION = 1

# Flat on purpose: nesting is refused by the type. NaN and Infinity are no JSON.
_decoder = msgspec.json.Decoder(dict[str, int | float | str | bool | None])


def read_json(line: bytes, *, strict: bool) -> Said:
    """What the object says. `strict`: only canonical lines with their check value. Raises UnreadableLine."""
    try:
        fields = _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
        raise UnreadableLine("bad_line") from exc
    if fields.get("v", _VERSION) != _VERSION or (strict and not {"v", "ck"} <= fields.keys()):
        raise UnreadableLine("bad_line")
    if "ck" in fields:
        _verify(line, fields.pop("ck"))
    said = Said()
    leads = fields.pop("leads", None)
    # Whatever else a sketch may write here, only "ok" says that the electrodes are on.
    if leads is not None and leads != "ok":
        said.flags.add("lead_off")
    known = leads is not None
    for key, value in fields.items():
        if parameter_of(key) is None:
            said.note(key, value)
        elif isinstance(value, bool | str):
            raise UnreadableLine("bad_line")
        else:
            said.add(key, _float(value))
            known = True
    if not known:
        raise UnreadableLine("bad_line")
    return said


def _verify(line: bytes, check: object) -> None:
    head, found, _ = line.rpartition(_CHECK)
    if not found or not isinstance(check, str) or check.upper() != f"{crc8(head):02X}":
        raise UnreadableLine("bad_checksum")


def _float(value: float | None) -> float:
    if value is None:
        return math.nan
    return float(value) if abs(value) < 1e300 else math.inf
