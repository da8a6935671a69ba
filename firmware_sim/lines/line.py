"""What every line is: a place for bytes that may be slow, absent or gone, and never makes the monitor wait."""

from __future__ import annotations

from typing import Protocol


class Line(Protocol):
    """A serial line seen from the monitor."""

    address: str  # where a reader finds it
    dropped: int  # bytes nobody took

    def write(self, data: bytes) -> None:
        """Send; what does not fit is lost, as on a real line."""

    def read(self) -> bytes:
        """What the other side wrote since the last call."""

    def close(self) -> None:
        """Take the line away."""
