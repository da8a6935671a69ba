"""Whether the hub is heard: its beats, its last will and the connection in; silent or not, and since when, out.

Pure: `now` is steady milliseconds.
"""

from __future__ import annotations

MISSED_BEATS = 3
PERIOD_MS = 5_000  # of the hub's heartbeat, until a bundle says otherwise
GRACE_MS = 4_000  # a broker or hub that restarts at once is no silence
STALLED_MS = 3_000  # nobody asked for so long: it was we who stood still, not the hub


class Hearing:
    """Silence begins by what is missing; only a beat ends it."""

    def __init__(self, now: int, silent_since: int | None = None) -> None:
        self.period_ms = PERIOD_MS
        self._heard_at = now
        self._gone_at: int | None = now  # there is no connection yet
        self._looked_at = now
        self._silent_since = silent_since

    @property
    def silent_since(self) -> int | None:
        """Since when the hub is silent; None while it is heard."""
        return self._silent_since

    @property
    def heard_at(self) -> int:
        """When the hub was heard last, or when listening began."""
        return self._heard_at

    def beat(self, now: int) -> None:
        """The hub is alive."""
        self._heard_at = now
        self._gone_at = self._silent_since = None

    def connected(self) -> None:
        """The broker is there; the hub has its beats to show that it is, too."""
        if self._silent_since is None:
            self._gone_at = None

    def gone(self, now: int) -> None:
        """The connection is lost, or the broker says that the hub is."""
        if self._gone_at is None:
            self._gone_at = now

    def look(self, now: int) -> None:
        """Notice what has come of age; asked a few times a second."""
        stood_still, self._looked_at = now - self._looked_at, now
        if stood_still > STALLED_MS:
            self._heard_at = min(now, self._heard_at + stood_still)
            if self._gone_at is not None:
                self._gone_at = min(now, self._gone_at + stood_still)
        if self._silent_since is not None:
            return
        if self._gone_at is not None and now - self._gone_at >= GRACE_MS:
            self._silent_since = self._gone_at
        elif now - self._heard_at >= MISSED_BEATS * self.period_ms:
            self._silent_since = self._heard_at
