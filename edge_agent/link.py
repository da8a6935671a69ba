"""The state of one device's line, counted and dated, as the gateway's status tells it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable

from chassis.clock import Clock
from edge_agent.drivers.driver import BadFrame
from vitals.sessions import DeviceStatus, Link

log = logging.getLogger(__name__)

MAX_DETAIL = 200


class LinkState:
    """Who asks gets a DeviceStatus; who listens is told of each change."""

    def __init__(self, device: str, driver: str, clock: Clock, changed: Callable[[], None] = lambda: None) -> None:
        self.device = device
        self.driver = driver
        self.good = 0
        self.noise_bytes = 0
        self.bad: Counter[str] = Counter()
        self._clock = clock
        self._changed = changed
        self._link: Link = "down"
        self._detail = "not opened yet"
        self._since = clock.wall_ms()

    @property
    def link(self) -> Link:
        """up, silent, down or error."""
        return self._link

    @property
    def detail(self) -> str:
        """Why it is not up, for people."""
        return self._detail

    def enter(self, link: Link, detail: str = "") -> None:
        """Take a new state; one log line when it stops and one when it is back."""
        if (link, detail) == (self._link, self._detail):
            return
        if link != self._link:
            self._since = self._clock.wall_ms()
        level = logging.INFO if link == "up" else logging.WARNING
        log.log(level, "device %s (%s) is %s%s", self.device, self.driver, link, f": {detail}" if detail else "")
        self._link, self._detail = link, detail[:MAX_DETAIL]
        self._changed()

    def heard(self, good: int, bad: tuple[BadFrame, ...]) -> None:
        """Count frames."""
        self.good += good
        for frame in bad:
            self.bad[frame.reason] += 1
            self.noise_bytes += frame.size

    def status(self) -> DeviceStatus:
        """The state now."""
        return DeviceStatus(
            id=self.device,
            driver=self.driver,
            link=self._link,
            since=max(0, self._since),
            good=self.good,
            bad=self.bad.total(),
            detail=self._detail,
        )
