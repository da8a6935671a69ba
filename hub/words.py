"""Words of gateways: hello and status become receipts owed, the live picture, and what the watch knows."""

from __future__ import annotations

from hub.bookkeeping import Bookkeeping
from hub.clock_offsets import ClockOffsets
from hub.ingest.receipts import Receipts
from hub.live import LivePicture
from hub.registry import Registry
from hub.tickets.workshop import Workshop
from rules.watch import Watch
from vitals.codec import decode, require_gateway
from vitals.errors import WireError
from vitals.sessions import GatewayStatus, Hello


class Words:
    """Reads what a gateway says of itself."""

    def __init__(
        self,
        registry: Registry,
        receipts: Receipts,
        picture: LivePicture,
        watch: Watch,
        workshop: Workshop,
        bookkeeping: Bookkeeping,
        clocks: ClockOffsets,
    ) -> None:
        self._registry = registry
        self._receipts = receipts
        self._picture = picture
        self._watch = watch
        self._workshop = workshop
        self._bookkeeping = bookkeeping
        self._clocks = clocks

    def take(self, gateway: str, channel: str, payload: bytes, retained: bool, now: int) -> None:
        """Take in one message. Raises WireError for one nobody can use."""
        if gateway not in self._registry.gateways:
            raise WireError("identity: gateway is not registered")
        if channel == "hello":
            hello = decode(payload, Hello)
            require_gateway(hello.gateway, gateway)
            self._receipts.owe(gateway, hello.epoch)
            self._watch.heard(gateway, now)
            self._workshop.spoke(gateway, now)
            if not retained:
                self._bookkeeping.hello(hello)
                self._time(gateway, hello.time, now)
        elif channel == "status":
            status = decode(payload, GatewayStatus)
            require_gateway(status.gateway, gateway)
            self._picture.gateway(status)
            self._watch.status(gateway, online=status.online, reason=status.reason, retained=retained, now=now)
            self._workshop.status(status, retained=retained, now=now)
            if status.online and not retained:
                self._bookkeeping.status(status, now)
                self._time(gateway, status.time, now)
        else:
            raise WireError(f"the channel {channel} is not read by this hub")

    def _time(self, gateway: str, time: int, now: int) -> None:
        self._clocks.heard(gateway, time, now)
        self._watch.found(gateway, "clock-offset", self._clocks.trouble(gateway))
