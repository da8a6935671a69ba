"""Clock offsets: how far each gateway's clock is from the hub's, by the times in what it says of itself."""

from __future__ import annotations

from collections import deque

FAULT_MS = 2_000
WINDOW_MS = 60_000


class ClockOffsets:
    """`now` is UTC ms of the hub's clock, which never steps."""

    def __init__(self) -> None:
        self._heard: dict[str, deque[tuple[int, int]]] = {}  # gateway → (now, time it said minus now)

    def heard(self, gateway: str, time: int, now: int) -> None:
        """A gateway says what time it is; not for a retained word, nor for a last will."""
        if not time:
            return
        heard = self._heard.setdefault(gateway, deque())
        heard.append((now, time - now))
        while now - heard[0][0] > WINDOW_MS:
            heard.popleft()

    def offset(self, gateway: str) -> int | None:
        """Milliseconds its clock is ahead of ours; None: it has not said.

        A word can only be late, and then its clock seems to be behind: the quickest of the last minute is the nearest
        to the truth.
        """
        heard = self._heard.get(gateway)
        return max(offset for _, offset in heard) if heard else None

    def offsets(self) -> dict[str, int]:
        """The offset of each gateway that has said what time it is."""
        return {name: max(offset for _, offset in heard) for name, heard in self._heard.items()}

    def trouble(self, gateway: str) -> str:
        """What is wrong with its clock; empty if nothing is."""
        offset = self.offset(gateway)
        if offset is None or abs(offset) <= FAULT_MS:
            return ""
        way = "ahead of" if offset > 0 else "behind"
        return f"The clock of gateway {gateway} is {abs(offset) / 1_000:,.1f} s {way} the hub's"

    def wrong(self) -> dict[str, int]:
        """The gateways whose clock is off by more than FAULT_MS, and by how much."""
        return {name: self.offset(name) or 0 for name in self._heard if self.trouble(name)}
