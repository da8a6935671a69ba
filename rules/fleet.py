"""The fleet: what gateways and devices say, and what they leave unsaid, becomes one state of each piece of equipment.

A fault stands at its root: behind a gateway that is offline its devices are unknown, not faulty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from vitals.identity import is_gateway_id, is_name
from vitals.sessions import DeviceStatus, GatewayStatus

STALE_MS = 15_000  # the age at which a periodic value is no longer shown as the present one
# A gateway says how it is each 5 s. One heard within this time speaks, so a device behind it that says nothing is
# silent itself; a gateway that has said nothing for longer may have gone together with its devices.
PULSE_MS = 7_500
GRACE_MS = 30_000  # gateways need this long to come back to a broker or a hub that was away
LOOK_MS = 1_000  # a look at 20,000 devices takes 16 ms

SERIOUS = ("spool_error", "spool_full", "identity_conflict")
"""How reasons in a gateway's status begin that somebody must go and see to."""

State = Literal["online", "error", "offline", "unknown"]
REACHABLE: frozenset[State] = frozenset({"online", "error"})
"""States of a gateway in which something of its devices is known."""
FAULTS: frozenset[State] = frozenset({"error", "offline"})


class Equipment(NamedTuple):
    """A device of a gateway, written `gw-1/mon-a`; without a device the gateway itself, written `gw-1`."""

    gateway: str
    device: str = ""

    @classmethod
    def parse(cls, text: str) -> Equipment:
        """Read `gateway/device` or `gateway`. Raises ValueError saying what was expected."""
        gateway, slash, device = text.partition("/")
        if not is_gateway_id(gateway) or (slash and not is_name(device)):
            raise ValueError(f"expected gateway/device such as gw-1/mon-a, or a gateway alone, got {text[:80]!r}")
        return cls(gateway, device)

    def __str__(self) -> str:
        return f"{self.gateway}/{self.device}" if self.device else self.gateway


class StateChange(NamedTuple):
    """A piece of equipment has entered a state. `since` may lie before it could be known: silence begins unnoticed."""

    equipment: Equipment
    state: State
    message: str
    since: int


class _Device:
    __slots__ = ("faulty", "heard", "line", "message", "since", "state")

    def __init__(self, since: int) -> None:
        self.state: State = "unknown"
        self.message = ""
        self.since = since
        self.heard: int | None = None  # when its last live record arrived
        self.faulty = False  # whether that record said that the device is broken
        self.line: DeviceStatus | None = None  # its gateway's last word on it


class _Gateway:
    __slots__ = ("begun", "devices", "gone", "heard", "message", "since", "state", "status", "status_at")

    def __init__(self, devices: Iterable[str], since: int) -> None:
        self.state: State = "unknown"
        self.message = ""
        self.since = since
        self.devices = {device: _Device(since) for device in devices}
        self.heard: int | None = None
        self.begun = since  # since when silence of its devices means something
        self.gone = ""  # why it, or the broker for it, said that it is gone
        self.status: GatewayStatus | None = None
        self.status_at = 0


class Fleet:
    """All equipment of one hub. `now` is UTC ms on a clock that never steps; everything is unknown at first."""

    def __init__(self, gateways: Mapping[str, Iterable[str]], now: int) -> None:
        self._gateways = {name: _Gateway(devices, now) for name, devices in gateways.items()}
        self._connected = False
        self._since = now  # when the hub began to hear the broker
        self._looked = now

    # What is heard. None of these judges silence; `advance` does.

    def spoke(self, gateway: str, now: int) -> list[StateChange]:
        """Something of this gateway arrived that was not retained."""
        known = self._gateways.get(gateway)
        if known is None:
            return []
        known.heard, known.gone = now, ""
        return [] if known.state == "online" else self._judge(gateway, known, now)

    def record(self, gateway: str, device: str, *, faulty: bool, now: int) -> list[StateChange]:
        """A live record of a device. `faulty`: the device says that it is broken."""
        known = self._gateways.get(gateway)
        at = known.devices.get(device) if known is not None else None
        if known is None or at is None:
            return self.spoke(gateway, now)
        new = at.state != "online" or at.faulty != faulty
        known.heard, known.gone = now, ""
        at.heard, at.faulty = now, faulty
        if known.state != "online":
            return self._judge(gateway, known, now)
        changes: list[StateChange] = []
        if new:
            self._judge_device(gateway, known, device, at, now, changes)
        return changes

    def status(self, status: GatewayStatus, *, retained: bool, now: int) -> list[StateChange]:
        """A gateway, or its last will, says how it is; a retained word that all is well proves nothing of now."""
        known = self._gateways.get(status.gateway)
        if known is None or (retained and status.online):
            return []
        if status.online:
            known.heard, known.gone = now, ""
            known.status, known.status_at = status, now
            lines = {line.id: line for line in status.devices}
            for name, at in known.devices.items():
                at.line = lines.get(name)
        else:
            known.gone = status.reason or "it says that it is offline"
        return self._judge(status.gateway, known, now)

    def broker(self, connected: bool, now: int) -> list[StateChange]:
        """Whether the hub has its broker; without it nothing is known of anybody."""
        if connected == self._connected:
            return []
        self._connected, self._since = connected, now
        for known in self._gateways.values():
            known.heard, known.gone, known.status = None, "", None
            for at in known.devices.values():
                at.heard, at.faulty, at.line = None, False, None
        return self._judge_all(now)

    def advance(self, now: int) -> list[StateChange]:
        """Let time pass: silence is noticed."""
        if now - self._looked < LOOK_MS:
            return []
        self._looked = now
        return self._judge_all(now)

    # What is so.

    def state(self, equipment: Equipment) -> State:
        """The state of equipment now; unknown for what the settings do not list."""
        known = self._gateways.get(equipment.gateway)
        if known is None:
            return "unknown"
        if not equipment.device:
            return known.state
        at = known.devices.get(equipment.device)
        return "unknown" if at is None else at.state

    def message(self, equipment: Equipment) -> str:
        """Why it is in that state, for people."""
        known = self._gateways.get(equipment.gateway)
        at = known.devices.get(equipment.device) if known is not None and equipment.device else known
        return "" if at is None else at.message

    # How it is judged.

    def _judge_all(self, now: int) -> list[StateChange]:
        return [change for name, known in self._gateways.items() for change in self._judge(name, known, now)]

    def _judge(self, name: str, known: _Gateway, now: int) -> list[StateChange]:
        changes: list[StateChange] = []
        before = known.state
        _enter(known, Equipment(name), self._of_gateway(known, now), changes)
        if known.state in REACHABLE and before not in REACHABLE:
            known.begun = now
        for device, at in known.devices.items():
            self._judge_device(name, known, device, at, now, changes)
        return changes

    def _judge_device(
        self, name: str, known: _Gateway, device: str, at: _Device, now: int, to: list[StateChange]
    ) -> None:
        found = _of_device(known, at, now) if known.state in REACHABLE else _unreachable(name, known)
        if found is not None:
            _enter(at, Equipment(name, device), found, to)

    def _of_gateway(self, known: _Gateway, now: int) -> tuple[State, str, int]:
        if not self._connected:
            return "unknown", "the hub does not hear the broker", now
        if known.gone:
            return "offline", known.gone, now
        if known.heard is None:
            if now - self._since < GRACE_MS or not known.devices:  # without devices it may not be installed yet
                return "unknown", "not heard yet", now
            return "offline", f"nothing heard for {GRACE_MS // 1_000} s", self._since
        if now - known.heard >= STALE_MS:
            return "offline", f"nothing heard for {STALE_MS // 1_000} s", known.heard
        trouble = _trouble(known.status)
        return ("error", trouble, now) if trouble else ("online", "", now)


def _enter(at: _Gateway | _Device, equipment: Equipment, found: tuple[State, str, int], to: list[StateChange]) -> None:
    state, message, since = found
    at.message = message
    if state != at.state:
        at.state, at.since = state, max(since, at.since)
        to.append(StateChange(equipment, state, message, at.since))


def _unreachable(name: str, known: _Gateway) -> tuple[State, str, int]:
    why = f"its gateway {name} is offline" if known.state == "offline" else known.message
    return "unknown", why, known.since


def _of_device(known: _Gateway, at: _Device, now: int) -> tuple[State, str, int] | None:
    """None: nothing new is known; the device stays as it is."""
    line = at.line if known.status is not None and now - known.status_at < STALE_MS else None
    if line is not None and line.link != "up":
        state: State = "error" if line.link == "error" else "offline"
        return state, line.detail or f"its line is {line.link}", now
    if at.faulty:
        return "error", "the device reports a fault of its own", now
    if line is not None:
        return "online", "", now
    return _of_silence(known, at, now)


def _of_silence(known: _Gateway, at: _Device, now: int) -> tuple[State, str, int] | None:
    """The state of a device of whose line its gateway says nothing."""
    if at.heard is not None and now - at.heard < STALE_MS:
        return "online", "", now
    quiet_since = max(known.begun, at.heard or 0)
    if now - quiet_since < STALE_MS or known.heard is None or now - known.heard >= PULSE_MS:
        return None
    why = "nothing heard" if known.status is None else "its gateway does not speak of it, and nothing is heard"
    return "offline", f"{why} for {STALE_MS // 1_000} s", quiet_since


def _trouble(status: GatewayStatus | None) -> str:
    """What of a gateway's status somebody must go and see to; empty when there is nothing."""
    if status is None:
        return ""
    reasons = [part for part in status.reason.split("; ") if part.startswith(SERIOUS)]
    reasons += [
        f"its {way.type} listener {way.id}: {way.detail or way.link}" for way in status.listeners if _shut(way.link)
    ]
    return "; ".join(reasons)[:200]


def _shut(link: str) -> bool:
    return link in ("down", "error")
