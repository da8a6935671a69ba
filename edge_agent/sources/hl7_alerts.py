"""Alerts of other systems (IHE PCD-04, ORU^R40) become states of their device: it alarms by itself.

An alert is never a reading: its value is shown with it and goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.sources.hl7_codes import parameter_of
from edge_agent.sources.hl7_message import Hl7Message, Segment
from edge_agent.sources.hl7_observations import Equipment

STANDING_MS = 600_000  # an alert nobody repeats for so long is taken for one whose end was lost
MAX_STANDING = 100  # per device

# Facets are told by their reference id: senders use different numbers for them.
_FACETS = {
    "MDC_ATTR_EVENT_PHASE": "phase",
    "MDC_ATTR_ALARM_STATE": "state",
    "MDC_ATTR_ALARM_INACTIVATION_STATE": "inactivation",
    "MDC_ATTR_ALARM_PRIORITY": "priority",
    "MDC_ATTR_ALERT_TYPE": "type",
}
_OVER = {"end", "reset"}


@dataclass(slots=True, kw_only=True)
class Alert:
    """One alert as its sender tells it; `names` are what its device may be called, best first."""

    names: tuple[str, ...] = ()
    instance: str = ""  # stays the same over the life of the alert
    event: str = ""
    text: str = ""
    source: str = ""  # a parameter of ours, or what the sender calls it
    value: float | str = ""
    limits: str = ""
    priority: str = ""
    type: str = ""
    phase: str = ""
    state: str = ""
    inactivation: str = ""

    @property
    def stands(self) -> bool:
        """Whether the condition is alarmed now; a latched one is over."""
        return self.state == "active" or (not self.state and self.phase not in _OVER)

    @property
    def silenced(self) -> bool:
        """Whether somebody has paused it, switched it off or acknowledged it."""
        return self.inactivation not in ("", "enabled")

    def fields(self) -> dict[str, object]:
        """What it says, as raw fields of the device."""
        names = "text source value limits priority type phase state inactivation instance".split()
        return {"alert": self.event} | {name: getattr(self, name) for name in names}


def read_alerts(message: Hl7Message, device_from: Iterable[str]) -> list[Alert]:
    """The alerts of a message: one for each OBR that is followed by anything."""
    places = list(device_from)
    found: list[Alert] = []
    instance, alert, equipment = "", Alert(), Equipment(message)
    for segment in message.segments:
        if segment.name == "OBR":
            equipment.group()
            instance, alert = segment.part(3, 1), Alert()
        elif segment.name == "PRT":
            equipment.participation = segment
        elif segment.name == "OBX":
            if not alert.instance:
                alert = Alert(instance=instance or "?")
                found.append(alert)
            equipment.observation(segment)
            alert.names = alert.names or equipment.names(places)
            _facet(alert, segment)
    return [alert for alert in found if alert.event]


def _facet(alert: Alert, segment: Segment) -> None:
    code, text = segment.part(3, 2), segment.field(5).strip()
    parameter = parameter_of(segment.parts(3))
    if code in _FACETS:
        setattr(alert, _FACETS[code], text)
    elif code.startswith("MDC_EVT_") and not alert.event:
        alert.event, alert.text = code, text
        marks = segment.repetitions(8)
        alert.priority = next((mark for mark in marks if mark in ("PN", "PL", "PM", "PH", "PI")), alert.priority)
        alert.type = next((mark for mark in marks if mark in ("SP", "ST", "SA")), alert.type)
    elif parameter is not None:
        alert.source, alert.value, alert.limits = parameter[0], _number(text), segment.field(7)
    elif code == "MDC_ATTR_ALERT_SOURCE":
        alert.source, alert.value = code, text


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text


class StandingAlerts:
    """Which alerts stand at which device; `now` is UTC ms."""

    def __init__(self) -> None:
        self._standing: dict[str, dict[str, tuple[int, bool]]] = {}  # device → instance → (told, silenced)

    def note(self, device: str, alert: Alert, now: int) -> None:
        """Take in what was told of one alert."""
        standing = self._standing.setdefault(device, {})
        standing.pop(alert.instance, None)
        if alert.stands:
            standing[alert.instance] = (now, alert.silenced)
            while len(standing) > MAX_STANDING:
                del standing[next(iter(standing))]

    def states(self, device: str, now: int) -> set[str]:
        """What the device's own alerts make of it now."""
        alive = [silenced for told, silenced in self._standing.get(device, {}).values() if now - told <= STANDING_MS]
        if not alive:
            return set()
        return {"device_alarm", "alarm_silenced"} if all(alive) else {"device_alarm"}
