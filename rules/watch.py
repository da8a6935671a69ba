"""The watch: words of gateways and the state of the broker in, faults of equipment and outages out.

One gateway that is down is one fault, whatever stands behind it; while the broker is lost nobody is judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from vitals.identity import BedKey

# A gateway says how it is each 5 s and its readings each second. Devices count as silent after 15 s, and are heard at
# most 5 s before the last word of their gateway: an outage known after 10 s is known before its first device is late.
SUSPECT_MS = 10_000
SILENT_MS = 15_000

REASONS: Mapping[str, str] = {
    "spool_error": "spool-degraded",
    "spool_full": "spool-full",
    "spool_damaged": "spool-damaged",
    "identity_conflict": "identity-conflict",
    "clock": "clock-offset",
    "rules_rejected": "rules-rejected",
}
"""How a reason in a gateway's status begins, and the fault it is."""

FOUND = ("bookkeeping-mismatch", "flood")
"""Faults of a gateway that others find out; they may also find those of REASONS."""


class Fault(NamedTuple):
    """Whether a fault of some equipment holds; None: nobody can know now."""

    place: BedKey
    rule: str
    holds: bool | None
    message: str = ""

    @property
    def subject(self) -> str:
        """The equipment, as kind/id."""
        return self.place.bed


class Outage(NamedTuple):
    """Whether a gateway is out of reach, so that nothing its devices do not say means anything."""

    gateway: str
    down: bool


@dataclass(slots=True)
class _Gateway:
    place: BedKey
    devices: int
    heard: int  # or when the watch began
    ever: bool = False
    offline: bool = False  # the broker, or the gateway itself, said that it is gone
    reasons: dict[str, str] = field(default_factory=dict)  # fault → what it says of it
    found: dict[str, str] = field(default_factory=dict)  # fault → what others have found out
    said: bool = False  # whether it has said how it is
    down: bool | None = None
    told: dict[str, bool | None] = field(default_factory=dict)


class Watch:
    """All gateways of one hub and its broker. `now` is UTC ms on a clock that never steps."""

    def __init__(self, hub: str, gateways: Mapping[str, Iterable[BedKey]], now: int) -> None:
        """`gateways` maps each registered gateway to the beds its devices stand at, one entry per device."""
        self._broker = BedKey("", f"broker/{hub}")
        self._gateways = {name: _gateway(name, list(beds), now) for name, beds in gateways.items()}
        self._connected: bool | None = None
        self._since = now  # when the watch began, or when the broker was found again
        self._broker_told: bool | None = None

    def heard(self, gateway: str, now: int) -> None:
        """Something of this gateway arrived."""
        known = self._gateways.get(gateway)
        if known is not None:
            known.heard, known.ever, known.offline = now, True, False

    def status(self, gateway: str, *, online: bool, reason: str, retained: bool, now: int) -> None:
        """A gateway, or its last will, says how it is; a retained word that it is well proves nothing of now."""
        known = self._gateways.get(gateway)
        if known is None:
            return
        if not online:
            known.offline, known.ever = True, True
        elif not retained:
            self.heard(gateway, now)
            known.said, known.reasons = True, _read(reason)

    def found(self, gateway: str, rule: str, message: str) -> None:
        """What the hub has found out about a gateway by itself; an empty message: nothing is wrong."""
        known = self._gateways.get(gateway)
        if known is None:
            return
        if message:
            known.found[rule] = message
        else:
            known.found.pop(rule, None)

    def station(self, gateway: str, beds: Iterable[BedKey]) -> None:
        """Devices of a gateway stand elsewhere now; in another ward all that stands is told anew."""
        known = self._gateways[gateway]
        place = _gateway(gateway, beds := list(beds), known.heard).place
        known.devices = len(beds)
        if place != known.place:
            known.place = place
            known.told.clear()

    def ages(self, now: int) -> dict[str, int]:
        """Milliseconds since each gateway was heard, or since the watch began; without those nobody waits for."""
        return {name: now - known.heard for name, known in self._gateways.items() if known.devices or known.ever}

    def broker(self, connected: bool, now: int) -> None:
        """Whether the hub has its broker."""
        if connected and not self._connected:
            self._since = now
        self._connected = connected

    def advance(self, now: int) -> list[Fault | Outage]:
        """What has changed since the last call."""
        news: list[Fault | Outage] = []
        lost = not self._connected
        if self._broker_told is not lost:
            self._broker_told = lost
            news.append(Fault(self._broker, "broker-lost", lost))
        for name, gateway in self._gateways.items():
            if gateway.devices == 0 and not gateway.ever:
                continue  # nobody lies at it, and it may not have been installed yet
            down = gateway.offline or now - gateway.heard >= SUSPECT_MS
            if down is not gateway.down:
                gateway.down = down
                news.append(Outage(name, down))
            for rule, holds, message in self._faults(name, gateway, now):
                if rule not in gateway.told or gateway.told[rule] is not holds:
                    gateway.told[rule] = holds
                    news.append(Fault(gateway.place, rule, holds, message))
        return news

    def _faults(self, name: str, gateway: _Gateway, now: int) -> list[tuple[str, bool | None, str]]:
        silent: bool | None = None
        if self._connected:
            silent = gateway.offline or now - max(gateway.heard, self._since) >= SILENT_MS
            if not silent and gateway.heard <= self._since:
                silent = None  # not heard since the broker is back: neither well nor gone
        found = [("gateway-silent", silent, _unwatched(name, gateway.devices) if silent else "")]
        known = gateway.said and not gateway.down
        standing = gateway.reasons | gateway.found
        for rule in (*REASONS.values(), *FOUND):
            # What the hub has found by itself needs no word of the gateway.
            ours = rule in FOUND and (rule in gateway.found or rule in gateway.told)
            sure = known or (ours and not gateway.down)
            if sure or rule in gateway.told:
                found.append((rule, rule in standing if sure else None, standing.get(rule, "")))
        return found


def _gateway(name: str, beds: list[BedKey], now: int) -> _Gateway:
    wards = [bed.ward for bed in beds]
    ward = max(sorted(set(wards)), key=wards.count, default="")
    return _Gateway(place=BedKey(ward, f"gateway/{name}"), devices=len(beds), heard=now)


def _read(reason: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in reason.split("; "):
        for beginning, rule in REASONS.items():
            if part.startswith(beginning):
                found.setdefault(rule, part[:200])
    return found


def _unwatched(name: str, devices: int) -> str:
    if devices == 0:
        return f"Nothing heard from gateway {name}"
    those = "its device is" if devices == 1 else f"its {devices} devices are"
    return f"Nothing heard from gateway {name}: {those} not watched here"
