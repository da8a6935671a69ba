"""Alerts of the alert monitor: what is active now as device states, and the words of it for people."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from edge_agent.drivers.driver import BadFrame
from edge_agent.drivers.intellivue import codes
from edge_agent.drivers.intellivue.cursor import Cursor, TruncatedError
from edge_agent.drivers.intellivue.messages import Polled


@dataclass(slots=True)
class Alerts:
    """The alerts of one reply."""

    flags: set[str] = field(default_factory=set)
    entries: list[dict[str, object]] = field(default_factory=list)
    bad: list[BadFrame] = field(default_factory=list)


def read_alerts(objects: Iterable[Polled]) -> Alerts:
    """Every alert that is active."""
    found = Alerts()
    for polled in objects:
        condition = polled.attributes.get(codes.ALERT_CONDITION, b"")
        if int.from_bytes(condition[:2], "big") & codes.QUIET:
            found.flags.add("alarm_silenced")
        for attribute in (codes.PATIENT_ALERTS, codes.TECHNICAL_ALERTS):
            data = polled.attributes.get(attribute)
            if data is None:
                continue
            try:
                _read_list(Cursor(data), found)
            except TruncatedError:
                found.bad.append(BadFrame(reason="bad_length", size=len(data)))
    return found


def _read_list(at: Cursor, found: Alerts) -> None:
    count, inside = at.listed()
    for _ in range(count):
        source, code, kind, state = inside.u16(), inside.u16(), inside.u16(), inside.u16()
        inside.take(6)  # the object that raised it
        inside.u16()  # the form of what follows, which its length tells as well
        details = inside.inner()
        if not kind:
            continue
        event = code & ~1  # the last bit names the partition of the source
        found.flags.add(codes.ALERT_FLAGS.get(event, "device_alarm"))
        if state & codes.QUIET:
            found.flags.add("alarm_silenced")
        found.entries.append(
            {
                "source": source,
                "code": event,
                "kind": codes.ALERT_KINDS.get(kind, f"{kind:04x}"),
                "states": [word for bit, word in codes.ALERT_STATES if state & bit],
                **_details(details),
            }
        )


def _details(at: Cursor) -> dict[str, object]:
    try:
        at.u16()  # instance
        text_id = at.u32()
        at.take(4)  # priority, flags
    except TruncatedError:
        return {}
    try:
        words = at.inner()
    except TruncatedError:
        return {"text_id": text_id}
    return {"text_id": text_id, "text": read_text(words.take(words.left))}


def read_text(data: bytes) -> str:
    """A string of the monitor: 16-bit characters, filled up with zeros."""
    return data.decode("utf-16-be", errors="replace").rstrip("\x00").strip()
