"""One screen that shows waves: at which beds, and what it has yet to be sent."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from vitals.identity import BedKey


class WaveScreen:
    """It may be `most` messages behind; then the oldest go: of a wave only the present is worth a look."""

    def __init__(self, shows: Callable[[BedKey], bool], most: int) -> None:
        self.shows = shows
        self.gateways: list[str] = []  # listened to for it
        self.closed = False
        self._waiting: deque[str | bytes] = deque(maxlen=most)
        self._news = asyncio.Event()

    def put(self, message: str | bytes) -> None:
        """Queue a message."""
        self._waiting.append(message)
        self._news.set()

    def close(self) -> None:
        """No more messages: the console goes down."""
        self.closed = True
        self._news.set()

    async def get(self) -> str | bytes | None:
        """The next message, None at the end."""
        while not self.closed:
            if self._waiting:
                return self._waiting.popleft()
            self._news.clear()
            await self._news.wait()
        return None
