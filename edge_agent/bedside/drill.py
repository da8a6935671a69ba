"""Drills: on the hub's order a TEST record of a device goes the way of every reading, and its progress is told."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Container

import msgspec

from chassis.clock import Clock
from edge_agent.publisher import Publisher
from edge_agent.recorder import Recorder
from edge_agent.spool_thread import SpoolThread
from vitals.codec import decode
from vitals.drills import DRILL, DrillOrder, DrillTrace
from vitals.errors import StorageError, WireError
from vitals.readings import Observation, Record

log = logging.getLogger(__name__)

RECEIPT_S = 60.0  # no receipt for so long: the trace says so
LOOK_S = 0.02
SHOWN_MS = 600_000  # how long the status tells of the last drill
REMEMBERED = 64  # requests, so that an order delivered twice is carried out once

_record = msgspec.json.Decoder(Record)


class Drills:
    """Carries out one order after the other; `trace` is the last one's."""

    def __init__(
        self,
        devices: Container[str],
        recorder: Recorder,
        spool: SpoolThread,
        publisher: Publisher,
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        self._devices = devices
        self._recorder = recorder
        self._spool = spool
        self._publisher = publisher
        self._clock = clock
        self._changed = changed
        self._orders: asyncio.Queue[DrillOrder] = asyncio.Queue(maxsize=16)
        self._done: OrderedDict[str, None] = OrderedDict()
        self._trace: DrillTrace | None = None
        self._traced_at = 0

    @property
    def trace(self) -> DrillTrace | None:
        """How far the last drill has come; None when it is long ago."""
        if self._trace is not None and self._clock.steady_ms() - self._traced_at > SHOWN_MS:
            self._trace = None
        return self._trace

    def order(self, payload: bytes) -> None:
        """Take an order; returns at once."""
        try:
            order = decode(payload, DrillOrder)
        except WireError as error:
            log.warning("a drill order cannot be read: %s", error)
            return
        if order.request in self._done or self._orders.full():
            return
        self._done[order.request] = None
        if len(self._done) > REMEMBERED:
            self._done.popitem(last=False)
        self._orders.put_nowait(order)

    async def run(self) -> None:
        """Carry out what was ordered."""
        while True:
            await self._carry_out(await self._orders.get())

    async def _carry_out(self, order: DrillOrder) -> None:
        trace = DrillTrace(request=order.request, device=order.device, heard=self._wall())
        if order.device not in self._devices:
            self._tell(trace, problem=f"this gateway has no device {order.device}; compare its settings with the hub's")
            return
        self._tell(trace)
        log.info("drill %s: sending a TEST record of device %s", order.request, order.device)
        try:
            seq = await self._spooled(order.device)
        except StorageError as error:
            self._tell(trace, problem=f"the spool refuses: {error}")
            return
        if seq is None:
            self._tell(trace, problem="the TEST record did not reach the spool; another was just sent, try again")
            return
        trace = self._tell(trace, seq=seq, spooled=self._wall())
        deadline = self._clock.steady_ms() + RECEIPT_S * 1_000
        while not self._publisher.lanes.confirmed(seq):
            if self._clock.steady_ms() > deadline:
                self._tell(trace, problem=f"no receipt of the hub within {RECEIPT_S:.0f} s")
                return
            await asyncio.sleep(LOOK_S)
        self._tell(trace, receipted=self._wall())

    async def _spooled(self, device: str) -> int | None:
        """Spool the TEST record; its seq. Raises StorageError."""
        spool = self._spool.spool
        before = await self._spool.call(spool.accepted)
        self._recorder.observe(device, Observation(flags=(DRILL,)), self._clock.steady_ms())
        await self._recorder.stored()
        after = await self._spool.call(spool.accepted)
        rows = await self._spool.call(spool.read, [(before + 1, after)], 1 << 20)
        return next((seq for seq, body in rows if _is_test_of(device, body)), None)

    def _tell(self, trace: DrillTrace, **progress: object) -> DrillTrace:
        self._trace = msgspec.structs.replace(trace, **progress)
        self._traced_at = self._clock.steady_ms()
        if self._trace.problem:
            log.error("drill %s: %s", trace.request, self._trace.problem)
        self._changed()
        return self._trace

    def _wall(self) -> int:
        return max(0, self._clock.wall_ms())


def _is_test_of(device: str, body: bytes) -> bool:
    try:
        record = _record.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):  # the spool holds other things, too
        return False
    return record.device == device and DRILL in record.states
