"""The hub's eye on its own projections: what their status says, and their silence, as one fault. Pure."""

from __future__ import annotations

from vitals.projections import ProjectionsStatus

SILENT_MS = 15_000  # three beats of the status
RULE = "projection-refused"


class ProjectionWatch:
    """Knows which copies need a person. `expected` is whether the settings have any sink."""

    def __init__(self, hub: str, *, expected: bool, now: int) -> None:
        self._hub = hub
        self._expected = expected
        self._heard = now
        self._status: ProjectionsStatus | None = None

    def take(self, status: ProjectionsStatus, now: int) -> None:
        """A status of the projections came in."""
        if status.hub == self._hub:
            self._status, self._heard = status, now

    def fault(self, now: int, *, connected: bool) -> str:
        """Why readings are not copied, '' if they are. Without a broker nothing can be heard, so nothing changes."""
        if not self._expected:
            return ""
        if not connected:
            self._heard = now
        status = self._status
        if status is not None and not status.online:
            return "Projections have stopped: readings stay in the journal"
        if now - self._heard >= SILENT_MS:
            return "Projections are silent: readings may stay in the journal"
        if status is None or not status.faults:
            return ""
        first, *others = status.faults
        more = f" (and {len(others)} more)" if others else ""
        return f"{first.sink}: {first.reason}"[: 120 - len(more)] + more
