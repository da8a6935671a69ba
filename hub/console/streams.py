"""The streams to the screens: every screen gets each message, numbered; one that cannot follow gets the whole again."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from hub.console.views import AlarmEventView, AlarmView, HubView, ParameterView, WardView

QUEUED = 32  # messages a screen may be behind before it is given the whole instead
MAX_SCREENS = 200


class _Message(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """A message of the stream. `number` grows by one; `time` is the console's clock."""

    number: int
    time: int


class Whole(_Message, frozen=True, kw_only=True, tag="whole"):
    """Everything: the first message, and again whenever the screen fell behind."""

    version: str
    hub: HubView
    broker: bool
    parameters: dict[str, ParameterView]
    wards: list[WardView]
    equipment: list[AlarmView]


class WardMessage(_Message, frozen=True, kw_only=True, tag="ward"):
    """A ward has a new snapshot."""

    ward: WardView


class AlarmMessage(_Message, frozen=True, kw_only=True, tag="alarm"):
    """An alarm changed between two snapshots; null: it ended."""

    ward: str
    bed: str
    rule: str
    alarm: AlarmView | None


class EquipmentMessage(_Message, frozen=True, kw_only=True, tag="equipment"):
    """An alarm of equipment that stands at no bed has changed: all of them that stand now, most urgent first."""

    equipment: list[AlarmView]


class EventMessage(_Message, frozen=True, kw_only=True, tag="event"):
    """A transition, as the hub announced it."""

    event: AlarmEventView


class Beat(_Message, frozen=True, kw_only=True, tag="beat"):
    """Each second, whatever the hub does: this console lives. `hub_silent_ms` null: it never spoke."""

    hub_silent_ms: int | None
    hub: HubView
    broker: bool


Message = Whole | WardMessage | AlarmMessage | EquipmentMessage | EventMessage | Beat


class Numbered(Protocol):
    """Makes a message of a number."""

    def __call__(self, number: int) -> Message: ...


class Screen:
    """What one screen has yet to be sent. Never longer than QUEUED: memory does not grow with slowness."""

    def __init__(self, whole: Callable[[], str]) -> None:
        self._whole = whole
        self._waiting: deque[str] = deque()
        self._behind = True
        self._news = asyncio.Event()
        self._news.set()
        self.closed = False

    def put(self, text: str) -> None:
        """Queue a message, or note that the screen is too far behind for single messages."""
        if len(self._waiting) >= QUEUED:
            self._waiting.clear()
            self._behind = True
        if not self._behind:
            self._waiting.append(text)
        self._news.set()

    def close(self) -> None:
        """No more messages: the console goes down."""
        self.closed = True
        self._news.set()

    async def get(self) -> str | None:
        """The next message, None at the end."""
        while not self.closed:
            if self._behind:
                self._behind = False
                return self._whole()
            if self._waiting:
                return self._waiting.popleft()
            self._news.clear()
            await self._news.wait()
        return None


class Streams:
    """Every open screen."""

    def __init__(self, whole: Numbered) -> None:
        self._make_whole = whole
        self._number = 0
        self._screens: set[Screen] = set()

    @property
    def screens(self) -> int:
        """How many are open."""
        return len(self._screens)

    def open(self) -> Screen | None:
        """A new screen; None when there are too many."""
        if len(self._screens) >= MAX_SCREENS:
            return None
        screen = Screen(self._whole)
        self._screens.add(screen)
        return screen

    def forget(self, screen: Screen) -> None:
        """The screen is gone."""
        self._screens.discard(screen)

    def send(self, make: Numbered) -> None:
        """Send the same message to every screen; made only if somebody looks."""
        self._number += 1
        if self._screens:
            text = _text(make(self._number))
            for screen in self._screens:
                screen.put(text)

    def close(self) -> None:
        """End every stream."""
        for screen in self._screens:
            screen.close()

    def _whole(self) -> str:
        # It says all up to the number last used; what is numbered later is queued behind it.
        return _text(self._make_whole(self._number))


def _text(message: Message) -> str:
    return msgspec.json.encode(message).decode()
