"""The conversation with the hub: rows of the spool go out on three lanes, receipts come in and let them go.

While the disk takes nothing, a second spool in memory has lanes of its own, under its own epoch, and goes first.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Literal

from chassis.clock import Clock
from chassis.failpoints import failpoint
from chassis.paho_session import Connection, Message, PahoSession
from edge_agent.lanes import Lanes, Plan
from edge_agent.seqset import Range, SeqSet
from edge_agent.spool_memory import MemorySpool
from edge_agent.spool_thread import SpoolThread
from edge_agent.stamp import Draft
from vitals import topics
from vitals.codec import decode
from vitals.errors import StorageError, WireError
from vitals.readings import GAP_DEVICE
from vitals.sessions import MAX_RECEIPT_RANGES, HubStatus, Receipt
from vitals.waves import renumbered

log = logging.getLogger(__name__)

MESSAGE_BYTES = 60_000  # of records in one message; the wire allows 64 kB with everything around
HEAD_BYTES = 256  # topic, properties and envelope, where the broker limits the packet
LOOK_S = 1.0  # how often to see whether the spool should be told of receipts
TELL_S = 30.0  # while records come: to spare the card. What a crash forgets is sent twice, nothing more
QUIET_S = 5.0  # and once no record has come for so long
IDLE_S = 1.0
RETAINED_MS = 2_000  # a hub status this soon after connecting is the retained one: nothing has changed
PATIENCE_FOR_TIME_MS = 15_000  # after the first connection, records dated by a guess wait so long for the true time
ASK_MS = 10_000  # how often the hub is asked for the time while nobody else tells it
CONFLICT_MS = 120_000  # how long the status tells of another client with our id
EPOCH_CHANGE_S = 60.0  # at most one new epoch in this time, whatever a receipt says


class Publisher:
    """Listens to the session and moves the lanes. Everything here runs on the event loop."""

    def __init__(
        self,
        gateway: str,
        spool: SpoolThread,
        clock: Clock,
        boot: str,
        greet: Callable[[], list[Message]],
        forget_on: Literal["receipt", "puback"] = "receipt",
    ) -> None:
        self.memory = MemorySpool(jitter=_jitter)
        self.session: PahoSession | None = None
        self.refusals: Counter[str] = Counter()  # publishes the broker did not take, by reason
        self.rejected: Counter[str] = Counter()  # records the hub put into quarantine, by reason
        self._reason = ""
        self.heard: Callable[[int, int], None] = lambda _time, _error_ms: None  # told what time the hub says it is
        self.guesses: Callable[[], bool] = lambda: False  # whether times in the spool may yet be put right
        self.hub_offset_ms: int | None = None  # hub clock minus ours, at the last receipt
        self._gateway = gateway
        self._spool = spool
        self._clock = clock
        self._greet = greet
        self._forget_on = forget_on
        self._boot = boot
        self.lanes = self._fresh_lanes(spool.spool.young(boot, clock.steady_ms() - 10_000))
        self._carried: dict[int, tuple[Lanes, list[Range]]] = {}
        self._trouble = ""  # why the spool cannot be read or told of receipts
        self._receipt_time = 0
        self._committed_at = self._told_at = clock.steady_ms()
        self._regress: list[Range] | None = None  # what a hub still knows that once knew more
        self._connections = 0
        self._wake = asyncio.Event()
        self._byte_limit = MESSAGE_BYTES
        self._connected_at = self._asked_at = 0
        self._history_from: int | None = None  # set once: a line that breaks often must not hold the backlog for ever
        self._conflict_until = 0
        self._hub_started = 0
        self._epoch_changed_at: float | None = None
        self._behind = False

    @property
    def reason(self) -> str:
        """What people should know of the connection; empty when all is well."""
        return "identity_conflict" if self._clock.steady_ms() < self._conflict_until else self._reason

    def committed(self, seqs: Range, measured: int) -> None:
        """The spool holds these now; they go out at once if they may."""
        self._committed_at = self._clock.steady_ms()
        self.lanes.committed(*seqs, measured)
        self._wake.set()

    def waves_committed(self, seqs: Iterable[Range]) -> None:
        """These are waves; said before `committed`."""
        self.lanes.are_waves(seqs)

    def pruned(self, seqs: Range) -> None:
        """The spool had to give these up."""
        self.lanes.gone([seqs])

    def in_memory(self) -> None:
        """The memory holds new records, or fewer than before; they go out at once if they may."""
        self._wake.set()

    async def run(self) -> None:
        """Send what the lanes allow, whenever something has changed or a receipt is overdue."""
        while True:
            self._wake.clear()
            try:
                if self._behind:
                    await self._begin_epoch()
                if self._regress is not None:
                    await self._refill()
                await self._send_memory()
                await self._send_all()
                self._cured()
            except StorageError as exc:
                self._ails(exc)
            now = self._clock.steady_ms()
            if self.guesses() and self._is_connected and now - self._asked_at >= ASK_MS:
                self._hello()  # an answer that took long tells no time: ask again
            due = min(
                (at for lanes in self._both() if (at := lanes.rewind_at()) is not None and self._is_connected),
                default=None,
            )
            if due is not None and due <= now:
                for lanes in self._both():
                    if (at := lanes.rewind_at()) is not None and at <= now:
                        log.info("no receipt for %d records: sending them again", lanes.rewind(now))
                continue
            wait_s = IDLE_S if due is None else min(IDLE_S, (due - now) / 1_000)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), wait_s)

    async def forget(self) -> None:
        """Tell the spool what has a receipt, every few seconds."""
        while True:
            await asyncio.sleep(LOOK_S)
            now = self._clock.steady_ms()
            quiet = now - self._committed_at >= QUIET_S * 1_000 or self._forget_on == "puback"
            if now - self._told_at < (QUIET_S if quiet else TELL_S) * 1_000:
                continue
            try:
                await self.forget_now()
            except StorageError as exc:
                self._ails(exc)

    async def forget_now(self) -> None:
        """Tell the spool what has a receipt. Raises StorageError."""
        self._told_at = self._clock.steady_ms()
        self.memory.settled()
        lanes = self.lanes
        receipted, rejected = lanes.settled()
        failpoint("forget.before")
        spool = self._spool.spool
        await self._spool.call(spool.settle, receipted, rejected, lanes.watermark, self._clock.wall_ms())
        failpoint("forget.after")
        lanes.noted([*receipted, *rejected])

    # The session's side

    def connected(self, connection: Connection) -> None:
        """Ask for receipts, say hello, and begin with the oldest record that has none."""
        assert self.session is not None
        self._connections += 1
        self._carried.clear()
        self._reason = ""
        self._byte_limit = MESSAGE_BYTES
        if connection.max_packet:
            self._byte_limit = max(1, min(MESSAGE_BYTES, connection.max_packet - HEAD_BYTES))
        self.session.subscribe(topics.receipt(self._gateway))
        self.session.subscribe(topics.hub_status("+"))
        self._hello()
        self._connected_at = self._clock.steady_ms()
        for lanes in self._both():
            lanes.window = connection.receive_maximum
            lanes.connected(self._connected_at)
        if self._history_from is None and self.guesses():
            self._history_from = self._connected_at + PATIENCE_FOR_TIME_MS
        self.lanes.history_from = self._history_from or 0
        self._wake.set()

    def sure(self) -> None:
        """No time in the spool is a guess any more: what was held back may go."""
        self._history_from = self.lanes.history_from = 0
        self._wake.set()

    def disconnected(self, reason: str) -> None:
        """Everything without a receipt may have been lost with the connection."""
        self._carried.clear()
        self._reason = "connection lost"
        if reason.startswith("identity_conflict"):
            self._conflict_until = self._clock.steady_ms() + CONFLICT_MS
        for lanes in self._both():
            lanes.disconnected()

    def refused(self, reason: str) -> None:
        """Not let in, or nobody there."""
        self._reason = "refused: " + reason

    def acknowledged(self, token: int, failure: str) -> None:
        """The broker took a message, or says why not; what it did not take is sent again in time."""
        carried = self._carried.pop(token, None)
        if failure:
            if failure not in self.refusals:
                log.error("the broker does not take our messages: %s; check the access rules of this gateway", failure)
            self.refusals[failure] += 1
            self._reason = f"publish refused: {failure}"
        elif self._reason.startswith("publish refused"):
            self._reason = ""
        if carried is not None:
            now = self._clock.steady_ms()
            lanes, seqs = carried
            lanes.acknowledged(token, now)
            if self._forget_on == "puback" and not failure:
                lanes.receipt(seqs, (), lanes.credit, now)
            self._wake.set()

    def received(self, topic: str, payload: bytes) -> None:
        """A receipt, or word of a hub."""
        try:
            if topic == topics.receipt(self._gateway):
                self._receipt(decode(payload, Receipt))
            elif topic.endswith("/status"):
                self._hub(decode(payload, HubStatus))
        except WireError as exc:
            log.warning("message on %s cannot be used: %s", topic, exc)

    # Ours

    @property
    def _is_connected(self) -> bool:
        return self.session is not None and self.session.is_connected

    def _hello(self) -> None:
        assert self.session is not None
        self._asked_at = self._clock.steady_ms()  # the hub answers with a receipt, which says what time it is
        for message in self._greet():
            self.session.publish(message)
        failpoint("hello.after")

    def _both(self) -> tuple[Lanes, ...]:
        return (self.lanes, self.memory.lanes) if self.memory.lanes.accepted else (self.lanes,)

    def _receipt(self, receipt: Receipt) -> None:
        if self._forget_on == "puback":
            return
        now = self._clock.steady_ms()
        if receipt.epoch == self.memory.epoch:
            self._settle(self.memory.lanes, receipt, now)
            self.memory.settled()
        elif receipt.epoch == self._spool.spool.epoch:
            if any(high > self.lanes.accepted for _, high in receipt.committed):
                self._behind = True  # only a spool put back from a copy knows less than the hub
            self._compare(receipt)
            self._settle(self.lanes, receipt, now)
        else:
            return
        if receipt.time:
            self.heard(receipt.time, now - self._asked_at)
            self.hub_offset_ms = receipt.time - self._clock.wall_ms()
        self._wake.set()

    def _settle(self, lanes: Lanes, receipt: Receipt, now: int) -> None:
        for seq, reason in receipt.rejected:
            if reason not in self.rejected:
                log.error("the hub put record %d into quarantine: %s", seq, reason)
            self.rejected[reason.partition("=")[0]] += 1
        failpoint("receipt.taken.before")
        lanes.receipt(receipt.committed, [seq for seq, _ in receipt.rejected], receipt.credit, now)
        failpoint("receipt.taken.after")

    def _compare(self, receipt: Receipt) -> None:
        """A hub whose watermark is below what it once gave a receipt for was put back from an older copy."""
        newer = receipt.time > self._receipt_time or not receipt.time
        self._receipt_time = max(self._receipt_time, receipt.time)
        watermark = _watermark(receipt)
        if watermark >= self.lanes.watermark:
            self._regress = None
            self.lanes.watermark = watermark
        elif newer and self._regress is None:  # an old receipt may come late
            self._regress = _known(receipt)

    def _hub(self, status: HubStatus) -> None:
        """A hub that has started anew has lost nothing it gave a receipt for; what was on its way to it is gone."""
        if not status.online or status.started == self._hub_started:
            return
        now = self._clock.steady_ms()
        retained = not self._hub_started and now - self._connected_at < RETAINED_MS
        self._hub_started = status.started
        if not retained and self._is_connected:
            log.info("hub %s started anew: sending %d records again", status.hub, self.lanes.outstanding)
            self._hello()
            for lanes in self._both():
                lanes.resend(now)
            self._wake.set()

    async def _send_all(self) -> None:
        while self._is_connected and (plan := self.lanes.plan(self._clock.steady_ms())) is not None:
            lanes, connection = self.lanes, self._connections
            spool = self._spool.spool
            rows = await self._spool.call(spool.read, plan.ranges, self._byte_limit)
            _drop_missing(lanes, plan, [seq for seq, _ in rows])
            if rows and connection == self._connections and not self._publish(lanes, spool.epoch, plan, rows):
                return
            await self._send_memory()

    async def _send_memory(self) -> None:
        lanes = self.memory.lanes
        while self._is_connected and (plan := lanes.plan(self._clock.steady_ms())) is not None:
            rows = self.memory.read(plan.ranges, self._byte_limit)
            _drop_missing(lanes, plan, [seq for seq, _ in rows])
            if rows and not self._publish(lanes, self.memory.epoch, plan, rows):
                return
            self.memory.went([(seq, seq) for seq, _ in rows])

    def _publish(self, lanes: Lanes, epoch: int, plan: Plan, rows: list[tuple[int, bytes]]) -> bool:
        if not self._is_connected or self.session is None:
            return False
        seqs = SeqSet()
        for seq, _ in rows:
            seqs.add(seq)
        if plan.lane == "wave":
            payload = b"".join(renumbered(body, epoch, seq) for seq, body in rows)
        else:
            payload = b'{"epoch":%d,"records":[%b]}' % (epoch, b",".join(body for _, body in rows))
        failpoint("publish.before")
        token = self.session.publish(Message(topic=topics.up(self._gateway, plan.lane), payload=payload))
        failpoint("publish.after")
        if token is None:
            return False
        self._carried[token] = (lanes, list(seqs))
        lanes.sent(plan, list(seqs), token, self._clock.steady_ms())
        return True

    async def _begin_epoch(self) -> None:
        """The hub has records of this epoch that our spool never gave out: go on under a new epoch."""
        self._behind = False
        now = asyncio.get_running_loop().time()
        if self._epoch_changed_at is not None and now - self._epoch_changed_at < EPOCH_CHANGE_S:
            return
        self._epoch_changed_at = now
        note = "the hub had more records of this spool than the spool itself: it was put back from a copy"
        epoch = await self._spool.call(self._spool.spool.new_epoch, note, self._stamp())
        log.error("%s; going on with epoch %d", note, epoch)
        self._regress = None
        self.lanes = await self._spool.call(self._fresh_lanes, [])
        self._carried.clear()
        if self._is_connected:
            self._hello()
            self.lanes.connected(self._clock.steady_ms())

    async def _refill(self) -> None:
        """The hub has lost what it gave receipts for: send what is kept, declare what is not."""
        known, self._regress = self._regress or [], None
        await self.forget_now()
        watermark = known[0][1] if known and known[0][0] == 1 else 0
        done = await self._spool.call(self._spool.spool.refill, known, watermark, self._stamp())
        again = sum(high - low + 1 for low, high in done.ranges)
        missing = sum(high - low + 1 for low, high in done.missing)
        log.error(
            "the hub has lost records it gave receipts for: sending %d again, %d are not kept any more", again, missing
        )
        self.lanes.are_waves(await self._spool.call(self._spool.spool.waves))
        self.lanes.again(done.ranges, watermark)
        self._count(self.lanes)
        if done.gaps[1] >= done.gaps[0]:
            self.lanes.committed(*done.gaps, self._clock.steady_ms())

    def _fresh_lanes(self, young: list[tuple[int, int]]) -> Lanes:
        spool = self._spool.spool
        lanes = Lanes(held=spool.waiting(), waves=spool.waves(), accepted=spool.accepted(), young=young, jitter=_jitter)
        self._count(lanes)
        lanes.watermark = spool.watermark
        return lanes

    def _count(self, lanes: Lanes) -> None:
        spool = self._spool.spool
        lanes.counted(spool.receipted, spool.rejected, spool.pruned)

    def _stamp(self) -> Draft:
        """What a gap record of this moment is stamped like."""
        wall, steady = max(0, self._clock.wall_ms()), self._clock.steady_ms()
        return Draft(device=GAP_DEVICE, time=wall, steady=steady, boot=self._boot, clock="holdover")

    def _ails(self, exc: StorageError) -> None:
        if not self._trouble:
            log.error("%s", exc)
        self._trouble = str(exc)

    def _cured(self) -> None:
        if self._trouble:
            log.info("the spool can be read again")
            self._trouble = ""


def _watermark(receipt: Receipt) -> int:
    return next((high for low, high in receipt.committed if low == 1), 0)


def _known(receipt: Receipt) -> list[Range]:
    """What a receipt surely says the hub has. Of many ranges it leaves out the middle: there nobody knows."""
    ranges = sorted(receipt.committed)
    if len(ranges) < MAX_RECEIPT_RANGES:
        return ranges
    half = len(ranges) // 2
    return [*ranges[: half - 1], (ranges[half - 1][0], ranges[half][1]), *ranges[half + 1 :]]


def _jitter() -> float:
    return random.uniform(0.8, 1.2)  # noqa: S311 - so that not every gateway sends again at the same moment


def _drop_missing(lanes: Lanes, plan: Plan, found: list[int]) -> None:
    """Rows of the plan up to the last one read that the spool does not hold any more."""
    asked = SeqSet(plan.ranges)
    last = found[-1] if found else max(high for _, high in plan.ranges)
    for seq in found:
        asked.discard(seq, seq)
    lanes.gone(asked.within(1, last))
