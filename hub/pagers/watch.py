"""The hub's eye on its own paging: what its status says, and its silence, as faults of equipment. Pure."""

from __future__ import annotations

from vitals.pages import PagersStatus

SILENT_MS = 15_000  # three beats of the status
RULE = "pager-failed"


class PagerWatch:
    """Knows which recipients pages do not reach. `expected` is whether the settings name a pagers file."""

    def __init__(self, hub: str, *, expected: bool, now: int) -> None:
        self._hub = hub
        self._expected = expected
        self._heard = now  # a paging that was never heard is silent, too, after the same time
        self._status: PagersStatus | None = None

    def take(self, status: PagersStatus, now: int) -> None:
        """A status of the paging came in."""
        if status.hub == self._hub:
            self._status, self._heard = status, now

    def faults(self, now: int, *, connected: bool) -> dict[str, str]:
        """What fails now: subject → reason. Without a broker nothing can be heard, so nothing changes."""
        if not self._expected:
            return {}
        if not connected:
            self._heard = now
        status = self._status
        found = {}
        if status is not None and not status.online:
            found[f"hub/{self._hub}"] = "Paging has stopped: nobody is paged"
        elif now - self._heard >= SILENT_MS:
            found[f"hub/{self._hub}"] = "Paging is silent: nobody may be paged"
        for fault in status.faults if status is not None else []:
            subject = f"pager/{fault.recipient}" if fault.recipient else f"hub/{self._hub}"
            found.setdefault(subject, f"Pages fail: {fault.reason}"[:120])
        return found
