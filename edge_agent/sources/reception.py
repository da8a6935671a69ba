"""The reception of a listener: what senders bring, for the devices it knows; everything else is counted by reason."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from chassis.clock import Clock
from edge_agent.drivers.driver import BadFrame
from edge_agent.link import LinkState
from edge_agent.sources.fieldmap import FieldMap, apply
from edge_agent.sources.messages import Refused, clean
from vitals.errors import StorageError
from vitals.readings import Observation
from vitals.sessions import Link, ListenerStatus

log = logging.getLogger(__name__)

MAX_ITEMS = 200  # observations in one message
BURST_S = 10.0  # a device may save up this much of its rate
MAX_DETAIL = 160
DOUBT = "its clock was not believed; the time of arrival stands"

CheckIn = Literal["online", "error", "offline"]


class Reception:
    """One listener's books. `links` is keyed by device id, `known` by what the sender calls the device."""

    def __init__(
        self,
        name: str,
        kind: str,
        known: Mapping[str, str],
        links: Mapping[str, LinkState],
        clock: Clock,
        observed: Callable[[str, Observation, int], None],
        stored: Callable[[], Awaitable[None]],
        *,
        max_rate: float = 20.0,
        silence_ms: int = 60_000,
    ) -> None:
        self.name = name
        self.kind = kind
        self.refused: Counter[str] = Counter()
        self.taken = 0
        self.connections = 0
        self.stored = stored
        self._known = known
        self._links = links
        self._clock = clock
        self._observed = observed
        self._max_rate = max_rate
        self._silence_ms = silence_ms
        self._allowance: dict[str, tuple[float, int]] = {}
        self._heard_at: dict[str, int] = {}
        self._in_error: set[str] = set()
        self._doubted: set[str] = set()  # devices whose clock was not believed since the door opened
        self._link: Link = "down"
        self._detail = "not opened yet"
        self._since = max(0, clock.wall_ms())

    # The door itself

    def opened(self, where: str) -> None:
        """It listens at `where`."""
        self._enter("up", where)
        for device, link in self._links.items():
            if device not in self._heard_at:
                link.enter("silent", "nothing has arrived yet")

    def closed(self, why: str) -> None:
        """It cannot listen; nothing can arrive."""
        self._enter("down", why)
        for link in self._links.values():
            link.enter("down", why)
        self._heard_at.clear()
        self._doubted.clear()

    def stopped(self) -> None:
        """The agent ends in order: nothing is wrong with the door or the devices."""
        self._enter("down", "stopped listening", logging.INFO)

    def tick(self) -> None:
        """Notice devices that have fallen silent; call about once a second."""
        now = self._clock.steady_ms()
        for device, heard_at in list(self._heard_at.items()):
            link = self._links[device]
            if link.link == "up" and now - heard_at > self._silence_ms:
                link.enter("silent", f"nothing for {self._silence_ms // 1_000} s")

    def status(self) -> ListenerStatus:
        """The books as they stand."""
        return ListenerStatus(
            id=self.name,
            type=self.kind,
            link=self._link,
            since=self._since,
            connections=self.connections,
            taken=self.taken,
            refused=dict(sorted(self.refused.items())),
            detail=self._detail,
        )

    # What comes in

    def wall_ms(self) -> int:
        """The gateway's clock, to compare a sender's with."""
        return self._clock.wall_ms()

    def device(self, known_as: str) -> str:
        """Our id of a device. Raises Refused: a device nobody listed is never guessed."""
        found = self._known.get(known_as)
        if found is None:
            raise Refused("unknown_device", "this gateway does not know that device")
        return found

    def take_message(self, message: object, fields: FieldMap, known_as: str | None = None) -> int:
        """Take one message, or a list of messages. Returns how many observations it held; all of them or none.

        Raises Refused.
        """
        if isinstance(message, list):
            if not message:
                raise Refused("nothing_mapped", "the list is empty")
            if len(message) > MAX_ITEMS:
                raise Refused("too_many_items", f"a list may hold {MAX_ITEMS} messages")
        found = []
        for item in message if isinstance(message, list) else [message]:
            mapped = apply(item, fields, self._clock.wall_ms())
            name = mapped.device if mapped.device is not None else known_as
            if name is None:
                raise Refused("no_device_id", "the message does not say which device it is from")
            found.append((self.device(name), mapped.observation))
        self.take(found)
        return len(found)

    def take(self, found: list[tuple[str, Observation]]) -> None:
        """Take observations of our devices: all of them, or, when one device sends too fast, none. Raises Refused."""
        now = self._clock.steady_ms()
        self._require_allowance(Counter(device for device, _ in found), now)
        for device, observation in found:
            self.taken += 1
            self._observed(device, observation, now)
            link = self._links[device]
            link.heard(1, ())
            self._heard_at[device] = now
            if observation.untimed:
                self._doubted.add(device)
            if device not in self._in_error:
                link.enter("up", DOUBT if device in self._doubted else "")

    def check_in(self, device: str, state: CheckIn, message: str) -> None:
        """A device says how it is. `error` stands until it says otherwise; readings do not end it."""
        said = clean(message, MAX_DETAIL)
        self._heard_at[device] = self._clock.steady_ms()
        self._in_error.discard(device)
        if state == "error":
            self._in_error.add(device)
        link: Link = {"online": "up", "error": "error", "offline": "down"}[state]  # type: ignore[assignment]
        self._links[device].enter(link, said or ("" if state == "online" else f"the device says {state}"))

    def refuse(self, reason: str, device: str | None = None, size: int = 0) -> None:
        """Count what could not be used; one log line at the first of its kind."""
        self.refused[reason] += 1
        if self.refused[reason] == 1:
            log.warning("listener %s refuses messages: %s; further ones are only counted", self.name, reason)
        if device is not None and device in self._links:
            self._links[device].heard(0, (BadFrame(reason=reason, size=size),))

    async def settle(self) -> bool:
        """Wait until what was taken is on the disk; False when the disk refuses."""
        try:
            await self.stored()
        except StorageError:
            return False
        return True

    def _require_allowance(self, wanted: Counter[str], now: int) -> None:
        most = self._max_rate * BURST_S
        left = {}
        for device, count in wanted.items():
            saved, at = self._allowance.get(device, (most, now))
            left[device] = min(most, saved + (now - at) / 1_000 * self._max_rate) - count
            if left[device] < 0:
                raise Refused("too_fast", f"a device may send {self._max_rate:g} observations per second")
        for device, rest in left.items():
            self._allowance[device] = (rest, now)

    def _enter(self, link: Link, detail: str, level: int = logging.ERROR) -> None:
        if (link, detail) == (self._link, self._detail):
            return
        if link != self._link:
            self._since = max(0, self._clock.wall_ms())
        log.log(logging.INFO if link == "up" else level, "listener %s is %s: %s", self.name, link, detail)
        self._link, self._detail = link, detail[:MAX_DETAIL]
