"""Load: beds that send at their rate, spread over each second, and the delay until each of their alarms is heard."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from benchmarks.mqtt_wire import Wire, open_wire, publish_packet

CONNECTIONS = 8
STRIDE = 25  # beds sent in one go before the others may run
LAST_ALARMS_S = 5.0
LAST_ANSWERS_S = 30.0

Payload = Callable[[int, int, bool], bytes]
"""(bed, sample, whether it crosses the limit) → the message"""


@dataclass(frozen=True, kw_only=True)
class Load:
    """How much is sent. `lines` says over which connection a bed sends: beds of a gateway share one."""

    beds: int
    seconds: int
    rate: float = 1.0
    alarms: float = 0.01  # share of the beds that cross the limit each second
    per_line: int = 1

    @property
    def every(self) -> int:
        """One sample in so many crosses the limit; 0: none."""
        return max(1, round(1 / self.alarms)) if self.alarms > 0 else 0


@dataclass
class Measured:
    """What one run saw."""

    published: int = 0
    probes: dict[str, float] = field(default_factory=dict)  # alarms that must still be heard, by bed
    latencies: list[float] = field(default_factory=list)  # seconds from publish to alarm
    behind_s: float = 0.0  # how late the generator itself ever was

    def heard(self, name: str) -> None:
        """The alarm of a bed has arrived."""
        sent = self.probes.pop(name, None)
        if sent is not None:
            self.latencies.append(time.perf_counter() - sent)

    @property
    def expected(self) -> int:
        """Alarms that should have been heard."""
        return len(self.probes) + len(self.latencies)

    def percentile_ms(self, percent: int, *, later: bool = False) -> float | None:
        """A percentile of the delays, or of the `later` half of them; None when no alarm was heard."""
        ordered = sorted(self.latencies[len(self.latencies) // 2 :] if later else self.latencies)
        return round(ordered[min(len(ordered) - 1, len(ordered) * percent // 100)] * 1e3, 1) if ordered else None


async def generate(
    load: Load, port: int, names: Sequence[str], topics: Sequence[bytes], payload: Payload, measured: Measured
) -> None:
    """Send it all; returns when it is sent and the last alarms had time to arrive.

    `names` is what `measured.heard` is told of a bed, `topics` are length-prefixed (mqtt_wire.prefixed).
    """
    wires: list[Wire] = [await open_wire("127.0.0.1", port, f"bench-load-{number}") for number in range(CONNECTIONS)]
    transports = [wire.transport for wire in wires]
    period, start, packet = 1 / load.rate, time.perf_counter(), 0
    for sample in range(round(load.seconds * load.rate)):
        for bed in range(load.beds):
            if bed % STRIDE == 0:
                wait = start + (sample + bed / load.beds) * period - time.perf_counter()
                measured.behind_s = max(measured.behind_s, -wait)
                await asyncio.sleep(max(0.0, wait))
            probe = load.every and (bed + sample) % load.every == 0
            body = payload(bed, sample, bool(probe))
            packet = packet % 65_535 + 1
            if probe:
                measured.probes[names[bed]] = time.perf_counter()
            transport = transports[bed // load.per_line % CONNECTIONS]
            assert transport is not None
            transport.write(publish_packet(topics[bed], body, packet))
            measured.published += 1
    deadline = time.perf_counter() + LAST_ALARMS_S
    while measured.probes and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    # A connection closed with answers unread is reset, and takes along what the broker has not read of it.
    deadline = time.perf_counter() + LAST_ANSWERS_S
    while sum(wire.acknowledged for wire in wires) < measured.published and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    for transport in transports:
        assert transport is not None
        transport.close()
