"""Alarm records: the lines of alarm text on the monitor's screen, and whether somebody silenced them."""

from __future__ import annotations

import struct
from dataclasses import dataclass

STATUS = 1  # subrecord type
_HEAD = struct.Struct("<hhhhh")  # reserved, sound, two reserved, silence
_LINE = struct.Struct("<80shhh12x")  # text, text changed, priority, priority changed
_LINES = 5
_SIZE = _HEAD.size + _LINES * _LINE.size
_PRIORITIES = {0: "none", 1: "white", 2: "yellow", 3: "red"}
_SILENCED = range(1, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """What one alarm status says."""

    flags: frozenset[str]
    device: dict[str, object]


def read_alarms(data: bytes) -> Alarms | None:
    """The alarm status these bytes begin with; None if it is cut."""
    if len(data) < _SIZE:
        return None
    _, sound, _, _, silence = _HEAD.unpack_from(data)
    lines = [_LINE.unpack_from(data, _HEAD.size + number * _LINE.size) for number in range(_LINES)]
    shown = [(_text(text), priority) for text, _, priority, _ in lines]
    alarms = [{"text": text, "priority": _PRIORITIES.get(priority, "unknown")} for text, priority in shown if text]
    flags = {"device_alarm"} if any(text and priority for text, priority in shown) else set()
    if silence in _SILENCED:
        flags.add("alarm_silenced")
    return Alarms(flags=frozenset(flags), device={"alarms": alarms, "alarm_sound": bool(sound), "silence": silence})


def _text(raw: bytes) -> str:
    text = raw.split(b"\0", 1)[0].decode("latin-1")
    return "".join(letter for letter in text if letter.isprintable()).strip()
