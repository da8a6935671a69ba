"""What was taken already: a sender that did not hear our answer says it again, and it must not count twice."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

MEMORY = 10_000  # the oldest are forgotten; nothing survives a restart of the agent


class Taken:
    """Remembers messages by key, each with the digest of its bytes and how many observations it held."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._entries: OrderedDict[str, tuple[bytes, int]] = OrderedDict()

    def find(self, key: str, message: bytes) -> tuple[bool, int] | None:
        """(the same message, how many observations) if the key was used before."""
        entry = self._entries.get(key)
        return (entry[0] == _digest(message), entry[1]) if entry else None

    def add(self, key: str, message: bytes, count: int) -> None:
        """The message is on its way to the disk."""
        self._entries[key] = (_digest(message), count)
        while len(self._entries) > self._memory:
            self._entries.popitem(last=False)


class Repeats:
    """Recognises a single measurement that a monitor tells again and again, such as the last cuff pressure."""

    def __init__(self) -> None:
        self._last: dict[str, object] = {}

    def is_news(self, device: str, measurement: object) -> bool:
        """Whether this is not what the device said last."""
        return self._last.get(device) != measurement

    def note(self, device: str, measurement: object) -> None:
        """It is taken now."""
        self._last[device] = measurement


def _digest(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()
