"""Waves for the screens that look at a bed: heard from the broker only while somebody looks, passed on as they come."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Annotated

import msgspec

from hub.console.ward_waves import EVERY_S, MAX_SCREENS, WardLook, WardScreen
from hub.registry import Registry
from vitals import topics
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.readings import ClockQuality
from vitals.waves import WaveFrame, sift_frames

QUEUED = 64  # frames an onlooker may be behind; then the oldest go: of a wave only the present is worth a look
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


class Onlooker:
    """One screen that looks at one bed."""

    def __init__(self, bed: BedKey, gateways: list[str]) -> None:
        self.bed = bed
        self.gateways = gateways  # listened to for it
        self.closed = False
        self._waiting: deque[bytes] = deque(maxlen=QUEUED)
        self._news = asyncio.Event()

    def put(self, text: bytes) -> None:
        """Queue a frame."""
        self._waiting.append(text)
        self._news.set()

    def close(self) -> None:
        """No more frames: the console goes down."""
        self.closed = True
        self._news.set()

    async def get(self) -> bytes | None:
        """The next frame, None at the end."""
        while not self.closed:
            if self._waiting:
                return self._waiting.popleft()
            self._news.clear()
            await self._news.wait()
        return None


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
        self._onlookers: set[Onlooker] = set()
        self._looks: dict[tuple[str, frozenset[str]], WardLook] = {}
        self._heard: Counter[str] = Counter()  # gateway → onlookers
        self._newest: dict[tuple[str, str, str], int] = {}

    def open(self, bed: BedKey) -> Onlooker | None:
        """Begin to look at a bed; None when there are too many onlookers."""
        if len(self._onlookers) >= MAX_ONLOOKERS:
            return None
        onlooker = Onlooker(bed, self._gateways(bed))
        self._onlookers.add(onlooker)
        self._listen(onlooker.gateways)
        return onlooker

    def forget(self, onlooker: Onlooker) -> None:
        """The screen looks elsewhere."""
        self._onlookers.discard(onlooker)
        self._unlisten(onlooker.gateways)

    def open_ward(self, ward: str, channels: frozenset[str]) -> WardScreen | None:
        """Begin to show these channels of a ward; None when there are too many screens."""
        if sum(len(look.screens) for look in self._looks.values()) >= MAX_SCREENS:
            return None
        look = self._looks.setdefault((ward, channels), WardLook(ward, channels))
        screen = WardScreen(self._ward_gateways(ward))
        look.screens.add(screen)
        self._listen(screen.gateways)
        return screen

    def forget_ward(self, ward: str, channels: frozenset[str], screen: WardScreen) -> None:
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
                self._follow()
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
            onlookers = [one for one in self._onlookers if one.bed == bed]
            if onlookers:
                text = msgspec.json.encode(_view(gateway, frame))
                for onlooker in onlookers:
                    onlooker.put(text)
            for look in self._looks.values():
                look.take(bed, frame)
        if bad:
            raise WireError(bad[0].reason)

    def close(self) -> None:
        """End every look."""
        for onlooker in self._onlookers:
            onlooker.close()
        for screen in [screen for look in self._looks.values() for screen in look.screens]:
            screen.close()

    def _follow(self) -> None:
        """A device was moved: each screen listens to the gateways that serve its beds now."""
        self._moves = self._registry.moves
        for onlooker in self._onlookers:
            former, onlooker.gateways = onlooker.gateways, self._gateways(onlooker.bed)
            self._listen(onlooker.gateways)
            self._unlisten(former)
        for look in self._looks.values():
            for screen in look.screens:
                former, screen.gateways = screen.gateways, self._ward_gateways(look.ward)
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

    def _ward_gateways(self, ward: str) -> list[str]:
        return [
            name for name, devices in self._beds.items() if any(bed and bed.ward == ward for bed in devices.values())
        ]

    def _gateways(self, bed: BedKey) -> list[str]:
        return [gateway for gateway, devices in self._beds.items() if bed in devices.values()]

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
