"""Which records go next, and what may be forgotten: live, backfill, waves; and nothing gone without a receipt.

Pure: the caller owns the spool, the broker and the clock (`now` is steady milliseconds), asks `plan`, reads those
rows, publishes them, and reports back. A record is always in exactly one place: sendable, sent, or done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from edge_agent.sendable import Sendable
from edge_agent.seqset import Range, SeqSet

Lane = Literal["vitals", "backfill", "wave"]

LIVE_AGE_MS = 10_000  # older records are history: they go the backfill lane
WINDOW = 20  # messages the broker has not acknowledged yet; mosquitto's own default
BACKFILL_WINDOW = 2  # of these, so that on a thin line a live record waits for two batches at most
SPARE_WINDOW = 4  # places in it that waves leave free, for a reading that comes now
LIVE_BATCH = 100
BACKFILL_BATCH = 500
WAVE_BATCH = 64
WAVE_BATCH_FIRST = 4  # on a thin line a reading waits behind one message of waves: begin small
SMALL_BATCH = 32  # a line that breaks under less than this is treated as if it broke under so much
SMALLEST_BATCH = 1
LIVE_RUN = 7  # after this many live messages in a row the backfill may send, 70 to 30
BACKFILL_RUN = 3
CREDIT_FIRST = 500  # until the first receipt says how much the hub wants
WAVE_SHARE = 0.3  # of the credit
BACKFILL_SHARE = 0.7  # of the credit; the rest is always free for live records
PATIENCE_MS = 2_000  # the slowest receipt we wait for before sending again
PATIENCE_LAST_MS = 10_000
SLOW_ACK_MS = 1_000  # a backfill message that took longer makes the next one smaller
QUICK_ACK_MS = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Send these rows on this lane, as many as fit into one message."""

    lane: Lane
    ranges: list[Range]


@dataclass(slots=True)
class _Message:
    lane: Lane
    first: int  # the first record it carried; 0 once that is confirmed or to be sent again
    sent_at: int
    ranges: list[Range]
    number: int  # messages are numbered in the order they were sent
    acknowledged: bool = False


class Lanes:
    """The state of the conversation with the hub, for one epoch of the spool."""

    def __init__(
        self,
        *,
        held: Iterable[Range] = (),
        waves: Iterable[Range] = (),
        accepted: int = 0,
        young: Iterable[tuple[int, int]] = (),
        jitter: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`held` is what the spool has, `waves` which of it are waves.

        `young` are (seq, steady time) of its newest rows of this boot.
        """
        self.accepted = accepted
        self.credit = CREDIT_FIRST
        self.window = WINDOW
        self.round_trip_ms = 0.0
        self.rewinds = 0
        self.batch = BACKFILL_BATCH
        self.wave_batch = WAVE_BATCH_FIRST
        self.watermark = 0  # the hub has all up to this one
        self.history_from = 0  # before this, nothing goes the backfill lane: its times may yet be put right
        self.receipted = self.rejected = self.pruned = 0  # how many, of all that were ever accepted
        self._jitter = jitter
        self._sendable = Sendable(held, waves)
        self._sent = SeqSet()
        self._receipted = SeqSet()  # the spool has yet to be told
        self._rejected = SeqSet()
        self._young = deque(young)  # (highest seq of a commit, when its newest record was measured)
        self._live_from = self._young[0][0] if self._young else accepted + 1
        self._messages: dict[int, _Message] = {}
        self._numbers = 0
        self._arrived = 0  # the newest message the hub has given a receipt for
        self._turn = 0  # place in the cycle of LIVE_RUN live and BACKFILL_RUN backfill messages
        self._patience = 1.0
        self._progress_at = 0
        self._progressed = False  # since the last connect
        self._careful = False  # the line broke under what was sent at once: one message at a time until one is through

    @property
    def outstanding(self) -> int:
        """Records sent and not yet receipted."""
        return self._sent.count()

    @property
    def waiting(self) -> int:
        """Records the hub has not confirmed, sent or not."""
        return self._sent.count() + self._sendable.count()

    def confirmed(self, seq: int) -> bool:
        """Whether the hub has this one, of those ever committed here."""
        return seq not in self._sendable and seq not in self._sent

    def span(self) -> Range:
        """The lowest and the highest seq the hub has not confirmed; (0, 0) if it has all."""
        ranges = [*self._sendable, *self._sent]
        return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else (0, 0)

    def counted(self, receipted: int, rejected: int, pruned: int) -> None:
        """The spool has counted, or counted anew."""
        self.receipted, self.rejected, self.pruned = receipted, rejected, pruned

    def are_waves(self, ranges: Iterable[Range]) -> None:
        """These seqs are those of waves; say it before they are committed or sent again."""
        self._sendable.are_waves(ranges)

    def committed(self, first: int, last: int, measured: int) -> None:
        """The spool holds `first`..`last` now; `measured` is the steady time of the newest."""
        self.accepted = max(self.accepted, last)
        self._sendable.put(first, last)
        self._young.append((last, measured))

    def plan(self, now: int) -> Plan | None:
        """What to send now, or None: nothing to send, no credit, or the window is full."""
        self._age(now)
        self._recover(now)
        unacknowledged = [message.lane for message in self._messages.values() if not message.acknowledged]
        if len(unacknowledged) >= (1 if self._careful else self.window):
            return None
        live = self._live(self.credit - self.outstanding)
        backfill = None
        if unacknowledged.count("backfill") < BACKFILL_WINDOW and now >= self.history_from:
            backfill = self._backfill(max(int(self.credit * BACKFILL_SHARE), 1) - self.outstanding)
        if live is None or (backfill is not None and self._turn >= LIVE_RUN):
            live = backfill
        if live is None and not unacknowledged.count("wave") and len(unacknowledged) < self._wave_window:
            return self._wave(max(int(self.credit * WAVE_SHARE), 1) - self.outstanding)
        return live

    def sent(self, plan: Plan, ranges: Iterable[Range], token: int, now: int) -> None:
        """The rows in `ranges` left in the message `token`; the rest of the plan did not fit."""
        if not self._sent:
            self._progress_at = now
        parts = [part for low, high in ranges for part in self._sendable.discard(low, high)]
        for start, end in parts:
            self._sent.put(start, end)
        self._numbers += 1
        self._messages[token] = _Message(plan.lane, parts[0][0] if parts else 0, now, parts, self._numbers)
        if plan.lane == "vitals":
            self._turn = min(self._turn + 1, LIVE_RUN)
        elif plan.lane == "backfill":
            self._turn = (self._turn + 1) % (LIVE_RUN + BACKFILL_RUN) if self._turn >= LIVE_RUN else 0

    def gone(self, ranges: Iterable[Range]) -> None:
        """These rows are not in the spool any more; whoever took them out has said so."""
        for low, high in ranges:
            for start, end in [*self._sendable.discard(low, high), *self._sent.discard(low, high)]:
                self._sendable.settled(start, end)
                self.pruned += end - start + 1

    def again(self, ranges: Iterable[Range], watermark: int) -> None:
        """The hub has lost these although it gave receipts for them: they are sendable once more."""
        self.watermark = watermark
        for low, high in ranges:
            self._sendable.put(low, high)
            self._receipted.discard(low, high)
            self._rejected.discard(low, high)

    def acknowledged(self, token: int, now: int) -> None:
        """The broker took the message: a place in the window is free, nothing else."""
        message = self._messages.get(token)
        if message is None or message.acknowledged:
            return
        message.acknowledged = True
        took = now - message.sent_at
        if took < QUICK_ACK_MS:
            self.batch = min(BACKFILL_BATCH, self.batch * 2)
            if message.lane == "wave":
                self.wave_batch = min(WAVE_BATCH, self.wave_batch * 2)
        elif took > QUICK_ACK_MS and message.lane == "wave":
            self.wave_batch = max(SMALLEST_BATCH, self.wave_batch // 2)
        elif took > SLOW_ACK_MS and message.lane == "backfill":
            self._shrink()
        if not message.first:
            del self._messages[token]

    def receipt(self, committed: Iterable[Range], rejected: Iterable[int], credit: int, now: int) -> int:
        """The hub has these for good. Returns how many were news to us."""
        self.credit = max(1, credit)
        # First these: to the hub a rejected one is settled too, so it stands among the committed ranges as well.
        refused = self._settle(((seq, seq) for seq in rejected), self._rejected)
        settled = self._settle(committed, self._receipted)
        self.receipted += settled
        self.rejected += refused
        news = settled + refused
        if news:
            self._progress_at = now
            self._progressed = True
            self._careful = False
            self._patience = 1.0
            self._measure(now)
        return news

    def settled(self) -> tuple[list[Range], list[Range]]:
        """What the spool may let go, (receipted, rejected); call `noted` when it knows."""
        return list(self._receipted), list(self._rejected)

    def noted(self, ranges: Iterable[Range]) -> None:
        """The spool knows these are settled."""
        for low, high in ranges:
            self._receipted.discard(low, high)
            self._rejected.discard(low, high)

    def rewind_at(self) -> int | None:
        """When to send again what has no receipt, if none comes before; None when nothing is out."""
        if not self._sent:
            return None
        patience = max(PATIENCE_MS, 4 * self.round_trip_ms) * self._patience
        return int(self._progress_at + min(patience, PATIENCE_LAST_MS))

    def rewind(self, now: int) -> int:
        """No receipt came: everything sent is sendable again, in smaller batches. Returns how many."""
        count = self._resend(now)
        self._patience = min(self._patience * 2 * self._jitter(), PATIENCE_LAST_MS / PATIENCE_MS)
        self._shrink()
        return count

    def resend(self, now: int) -> int:
        """A hub that has just started asks for everything it has no record of. Returns how many."""
        self._patience = 1.0
        return self._resend(now)

    def connected(self, now: int) -> None:
        """A new connection: the window is empty, the hub has seen nothing of it."""
        self._messages.clear()
        self._resend(now)
        self._progressed = False

    def disconnected(self) -> None:
        """The connection is gone, and what it carried may be."""
        if self._sent and not self._progressed:
            # A line that breaks before one batch is through needs far smaller ones than those it broke under, one at a
            # time: the next attempts come later and later.
            self._careful = True
            largest = max((SeqSet(message.ranges).count() for message in self._messages.values()), default=0)
            self.batch = max(SMALLEST_BATCH, min(self.batch, max(largest, SMALL_BATCH)) // 4)
        self._messages.clear()
        self._resend(self._progress_at)

    def _settle(self, ranges: Iterable[Range], into: SeqSet) -> int:
        news = 0
        for low, high in ranges:
            for start, end in [*self._sent.discard(low, high), *self._sendable.discard(low, high)]:
                into.put(start, end)
                self._sendable.settled(start, end)
                news += end - start + 1
        return news

    def _recover(self, now: int) -> None:
        """What the hub should have had before records it has given receipts for is lost: it is sendable again.

        Messages keep their order on the way, so this sends nothing twice on a slow line. Without it, records that went
        to a hub that was away for a moment would wait for ever behind the receipts of younger ones.
        """
        patience = max(PATIENCE_MS, 4 * self.round_trip_ms)
        for token, message in list(self._messages.items()):
            if not message.first or message.number > self._arrived or now - message.sent_at < patience:
                continue
            for low, high in message.ranges:
                for start, end in self._sent.discard(low, high):
                    self._sendable.put(start, end)
            message.first = 0
            self.rewinds += 1
            if message.acknowledged:
                del self._messages[token]

    def _resend(self, now: int) -> int:
        count = self._sent.count()
        if count:
            self.rewinds += 1
        for low, high in self._sent:
            self._sendable.put(low, high)
        self._sent.clear()
        self._messages = {key: value for key, value in self._messages.items() if not value.acknowledged}
        for message in self._messages.values():
            message.first = 0
        self._progress_at = now
        return count

    def _age(self, now: int) -> None:
        while self._young and now - self._young[0][1] > LIVE_AGE_MS:
            self._live_from = self._young.popleft()[0] + 1

    def _live(self, credit: int) -> Plan | None:
        limit = min(LIVE_BATCH, self.batch, credit)
        ranges = self._sendable.readings.take(self._live_from, self.accepted, limit)
        return Plan(lane="vitals", ranges=ranges) if ranges else None

    def _backfill(self, credit: int) -> Plan | None:
        limit = min(self.batch, credit)
        ranges = self._sendable.readings.take(1, self._live_from - 1, limit)
        return Plan(lane="backfill", ranges=ranges) if ranges else None

    @property
    def _wave_window(self) -> int:
        return max(1, self.window - SPARE_WINDOW)

    def _wave(self, credit: int) -> Plan | None:
        """Waves, only while no reading waits: what a screen shows now before what was once."""
        limit, sendable = min(self.wave_batch, credit), self._sendable
        if sendable.readings:
            return None
        ranges = sendable.waves.take(self._live_from, self.accepted, limit) or sendable.waves.take(
            1, self._live_from - 1, limit
        )
        return Plan(lane="wave", ranges=ranges) if ranges else None

    def _measure(self, now: int) -> None:
        """Round trips of the messages whose first record is confirmed."""
        for token, message in list(self._messages.items()):
            if message.first and message.first not in self._sent:
                took = now - message.sent_at
                self.round_trip_ms = took if not self.round_trip_ms else 0.8 * self.round_trip_ms + 0.2 * took
                # Some of it may be confirmed because it was sent before: the rest is still to be watched over.
                rest = (part for low, high in message.ranges for part in self._sent.within(low, high))
                message.first = next(rest, (0, 0))[0]
                self._arrived = max(self._arrived, message.number)
            if message.acknowledged and not message.first:
                del self._messages[token]

    def _shrink(self) -> None:
        self.batch = max(SMALLEST_BATCH, self.batch // 2)
