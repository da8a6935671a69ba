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
    """Every open screen. Those that see the same wards get the same messages under the same numbers."""

    def __init__(self, whole: Numbered) -> None:
        self._make_whole = whole
        self._audiences: dict[frozenset[str] | None, _Audience] = {None: _Audience()}

    @property
    def screens(self) -> int:
        """How many are open."""
        return sum(len(audience.screens) for audience in self._audiences.values())

    def open(self, wards: frozenset[str] | None = None) -> Screen | None:
        """A new screen, of these wards or of all; None when there are too many."""
        if self.screens >= MAX_SCREENS:
            return None
        audience = self._audiences.setdefault(wards, _Audience())
        screen = Screen(lambda: self._whole(wards, audience))
        audience.screens.add(screen)
        return screen

    def forget(self, screen: Screen) -> None:
        """The screen is gone."""
        for wards, audience in list(self._audiences.items()):
            audience.screens.discard(screen)
            if not audience.screens and wards is not None:
                del self._audiences[wards]

    def send(self, make: Numbered) -> None:
        """Send the same message to every screen that may see it; made only if somebody looks."""
        for wards, audience in self._audiences.items():
            if not audience.screens:
                audience.number += wards is None
                continue
            message = narrowed(make(audience.number + 1), wards)
            if message is not None:
                audience.number += 1
                text = _text(message)
                for screen in audience.screens:
                    screen.put(text)

    def close(self) -> None:
        """End every stream."""
        for audience in self._audiences.values():
            for screen in audience.screens:
                screen.close()

    def _whole(self, wards: frozenset[str] | None, audience: _Audience) -> str:
        # It says all up to the number last used; what is numbered later is queued behind it.
        return _text(narrowed(self._make_whole(audience.number), wards))


class _Audience:
    """The screens that see the same wards, and the number of their last message."""

    __slots__ = ("number", "screens")

    def __init__(self) -> None:
        self.number = 0
        self.screens: set[Screen] = set()


def narrowed(message: Message, wards: frozenset[str] | None) -> Message | None:
    """What is left of a message for who sees these wards only; None: nothing. What is of no ward is everybody's."""
    if wards is None:
        return message
    match message:
        case Whole():
            seen = [ward for ward in message.wards if ward.ward in wards]
            return msgspec.structs.replace(message, wards=seen, equipment=_seen(message.equipment, wards))
        case EquipmentMessage():
            return msgspec.structs.replace(message, equipment=_seen(message.equipment, wards))
        case WardMessage():
            return message if message.ward.ward in wards else None
        case AlarmMessage():
            return message if message.ward in wards else None
        case EventMessage():
            return message if message.event.alarm.ward in ("", *wards) else None
        case _:
            return message


def _seen(alarms: list[AlarmView], wards: frozenset[str]) -> list[AlarmView]:
    return [alarm for alarm in alarms if alarm.ward in ("", *wards)]


def _text(message: Message | None) -> str:
    return msgspec.json.encode(message).decode()
