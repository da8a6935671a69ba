"""A driver on whatever carries its bytes: feeds it, sends its answers, notices silence."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from chassis.clock import Clock
from edge_agent.drivers.driver import Driver
from edge_agent.link import LinkState
from vitals.errors import LinkError
from vitals.readings import Observation

Observed = Callable[[Observation, int], None]


class DriverLine:
    """One opening of a line, with a driver of its own."""

    def __init__(
        self,
        driver: Driver,
        link: LinkState,
        clock: Clock,
        observed: Observed,
        send: Callable[[bytes], None],
    ) -> None:
        self._driver = driver
        self._link = link
        self._clock = clock
        self._observed = observed
        self._send = send
        self._good_at = clock.steady_ms()

    def start(self) -> None:
        """The line is open: say what the device must hear first."""
        self._say(self._driver.start(self._clock.steady_ms()))

    def feed(self, data: bytes) -> None:
        """Give the driver what arrived."""
        now = self._clock.steady_ms()
        heard = self._driver.feed(data, now)
        self._link.heard(heard.good, heard.bad)
        if heard.good:
            self._good_at = now
            self._link.enter("up")
        for observation in heard.observations:
            self._observed(observation, now)
        self._say(heard.send)

    def tick(self) -> None:
        """Let the driver ask again, and notice silence."""
        now = self._clock.steady_ms()
        self._say(self._driver.tick(now))
        if now - self._good_at > self._driver.silence_s * 1_000:
            self._link.enter("silent", "the line is open, no valid frame arrives")

    def finish(self) -> None:
        """A recording is at its end."""
        now = self._clock.steady_ms()
        heard = self._driver.finish(now)
        self._link.heard(heard.good, heard.bad)
        for observation in heard.observations:
            self._observed(observation, now)

    def close(self) -> None:
        """We leave a live line: say goodbye. What is half read stays unread; half a number is a wrong number."""
        with contextlib.suppress(LinkError, OSError):
            self._say(self._driver.finish(self._clock.steady_ms()).send)

    def _say(self, data: bytes) -> None:
        if data:
            self._send(data)
