"""Waves for the screens that look at a bed: heard from the broker only while somebody looks, passed on as they come."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Annotated

import msgspec

from hub.console.ward_waves import EVERY_S, MAX_SCREENS, WardLook
from hub.console.wave_screen import WaveScreen
from hub.registry import Registry
from vitals import topics
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.readings import ClockQuality
from vitals.waves import WaveFrame, sift_frames

QUEUED = 64  # frames an onlooker may be behind
MAX_ONLOOKERS = 50


class WaveView(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of one waveform. `values` are in `unit` (`raw`: only a shape), `null` where there is no sample."""

    gateway: str
    device: str
    channel: str
    time: Annotated[int, msgspec.Meta(description="of the first sample, UTC ms")]
    clock: ClockQuality
    rate_hz: float
    unit: str
    values: list[float | None]


class WaveRelay:
    """Who looks at which bed, and which gateways are listened to for it."""

    def __init__(
        self, registry: Registry, subscribe: Callable[[str], None], unsubscribe: Callable[[str], None]
    ) -> None:
        self._registry = registry
        self._moves = registry.moves
        self._beds = registry.gateways
        self._subscribe = subscribe
        self._unsubscribe = unsubscribe
        self._onlookers: set[WaveScreen] = set()
        self._looks: dict[tuple[str, frozenset[str]], WardLook] = {}
        self._heard: Counter[str] = Counter()  # gateway → onlookers
        self._newest: dict[tuple[str, str, str], int] = {}

    def open(self, bed: BedKey) -> WaveScreen | None:
        """Begin to look at a bed; None when there are too many onlookers."""
        if len(self._onlookers) >= MAX_ONLOOKERS:
            return None
        onlooker = WaveScreen(lambda at: at == bed, QUEUED)
        self._onlookers.add(onlooker)
        self._follow(onlooker)
        return onlooker

    def forget(self, onlooker: WaveScreen) -> None:
        """The screen looks elsewhere."""
        self._onlookers.discard(onlooker)
        self._unlisten(onlooker.gateways)

    def open_ward(self, ward: str, channels: frozenset[str]) -> WaveScreen | None:
        """Begin to show these channels of a ward; None when there are too many screens."""
        if sum(len(look.screens) for look in self._looks.values()) >= MAX_SCREENS:
            return None
        look = self._looks.setdefault((ward, channels), WardLook(ward, channels))
        screen = look.open()
        self._follow(screen)
        return screen

    def forget_ward(self, ward: str, channels: frozenset[str], screen: WaveScreen) -> None:
        """The screen shows something else."""
        look = self._looks[ward, channels]
        look.screens.discard(screen)
        if not look.screens:
            del self._looks[ward, channels]
        self._unlisten(screen.gateways)

    async def send_wards(self) -> None:
        """Send the wards' screens what has come for them, again and again."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self._moves != self._registry.moves:
                self._moves = self._registry.moves
                for screen in self._screens():
                    self._follow(screen)
            for look in self._looks.values():
                look.send()

    def take(self, gateway: str, payload: bytes) -> None:
        """A message of `up/<gateway>/wave`. Raises WireError when it cannot be read."""
        if not self._heard[gateway]:
            return
        frames, bad = sift_frames(payload)
        for frame in frames:
            bed = self._beds[gateway].get(frame.device)
            if bed is None or not self._is_news(gateway, frame):
                continue
            onlookers = [one for one in self._onlookers if one.shows(bed)]
            if onlookers:
                text = msgspec.json.encode(_view(gateway, frame)).decode()
                for onlooker in onlookers:
                    onlooker.put(text)
            for look in self._looks.values():
                look.take(bed, frame)
        if bad:
            raise WireError(bad[0].reason)

    def close(self) -> None:
        """End every look."""
        for screen in self._screens():
            screen.close()

    def _screens(self) -> Iterator[WaveScreen]:
        return chain(self._onlookers, *(look.screens for look in self._looks.values()))

    def _follow(self, screen: WaveScreen) -> None:
        """Listen to the gateways that serve what it shows now, no longer to those that did: devices are moved."""
        former = screen.gateways
        screen.gateways = [
            gateway
            for gateway, devices in self._beds.items()
            if any(bed is not None and screen.shows(bed) for bed in devices.values())
        ]
        self._listen(screen.gateways)
        self._unlisten(former)

    def _listen(self, gateways: list[str]) -> None:
        for gateway in gateways:
            self._heard[gateway] += 1
            if self._heard[gateway] == 1:
                self._subscribe(topics.up(gateway, "wave"))

    def _unlisten(self, gateways: list[str]) -> None:
        for gateway in gateways:
            self._heard[gateway] -= 1
            if not self._heard[gateway]:
                self._unsubscribe(topics.up(gateway, "wave"))
                self._newest = {name: time for name, time in self._newest.items() if name[0] != gateway}

    def _is_news(self, gateway: str, frame: WaveFrame) -> bool:
        """Whether nothing newer was shown: what a gateway sends late or twice is history, which a screen is not."""
        name = (gateway, frame.device, frame.channel)
        if frame.time <= self._newest.get(name, -1):
            return False
        self._newest[name] = frame.time
        return True


def _view(gateway: str, frame: WaveFrame) -> WaveView:
    return WaveView(
        gateway=gateway,
        device=frame.device,
        channel=frame.channel,
        time=frame.time,
        clock=frame.clock,
        rate_hz=frame.rate_hz,
        unit=frame.unit,
        values=[None if value is None else round(value, 6) for value in frame.values()],
    )


def stored_view(row: tuple[object, ...]) -> WaveView:
    """The view of a row: gateway, epoch, seq and then the fields of a frame in their order."""
    gateway, *fields = row
    return _view(str(gateway), WaveFrame(*fields))  # type: ignore[arg-type]
