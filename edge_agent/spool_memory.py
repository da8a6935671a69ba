"""The spool of last resort: while the disk takes nothing, records go out from memory, under an epoch of their own.

Nothing here survives the process, so nothing here pretends to: the epoch is a volatile one, and the status says
`degraded`. When the disk is back the records that wait go there and get a seq of the durable epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from edge_agent.epochs import volatile_epoch
from edge_agent.lanes import Lanes
from edge_agent.seqset import Range, SeqSet
from edge_agent.stamp import Draft
from vitals.codec import encode
from vitals.readings import GAP_DEVICE, MAX_GAP_RANGES, Gap
from vitals.sessions import Ledger

MEMORY = 20_000  # records; then the oldest go, counted and declared when the disk is back
ANSWER_MS = 10_000  # a record on its way to the hub waits so long for its receipt before it goes to the disk too


class MemorySpool:
    """Drafts by seq. Everything happens on the event loop."""

    def __init__(self, limit: int = MEMORY, jitter: Callable[[], float] = lambda: 1.0) -> None:
        self.epoch = volatile_epoch()
        self.lanes = Lanes(jitter=jitter)
        self._limit = limit
        self._drafts: dict[int, Draft] = {}
        self._went = SeqSet()  # handed to the broker at least once
        self._lost = SeqSet()  # fell out of memory, and not declared yet
        self._lost_times: list[int] = []
        self._back_at: int | None = None

    @property
    def holds(self) -> int:
        """Records in memory that the hub has not confirmed."""
        return len(self._drafts)

    @property
    def used(self) -> bool:
        """Whether the hub may know this epoch."""
        return bool(self._went)

    def take(self, drafts: Iterable[Draft]) -> int:
        """Send these from memory; returns how many older ones had to go for them."""
        self._back_at = None
        lost = 0
        for draft in drafts:
            seq = self.lanes.accepted + 1
            self._drafts[seq] = draft
            self.lanes.committed(seq, seq, draft.steady)
            if len(self._drafts) > self._limit:
                oldest = next(iter(self._drafts))
                self._lost_times.append(self._drafts.pop(oldest).time)
                self._lost.put(oldest, oldest)
                self.lanes.gone([(oldest, oldest)])
                lost += 1
        return lost

    def read(self, ranges: Iterable[Range], max_bytes: int) -> list[tuple[int, bytes]]:
        """(seq, record as JSON) of `ranges`, as many as fit into `max_bytes`, at least one."""
        rows: list[tuple[int, bytes]] = []
        total = 0
        for low, high in ranges:
            for seq in range(low, high + 1):
                draft = self._drafts.get(seq)
                if draft is None:
                    continue
                body = encode(draft.record(seq))
                total += len(body) + 1
                if rows and total > max_bytes:
                    return rows
                rows.append((seq, body))
        return rows

    def went(self, ranges: Iterable[Range]) -> None:
        """The broker was handed these."""
        for low, high in ranges:
            self._went.put(low, high)

    def settled(self) -> None:
        """Forget what the hub has confirmed."""
        receipted, rejected = self.lanes.settled()
        for low, high in [*receipted, *rejected]:
            for seq in range(low, high + 1):
                self._drafts.pop(seq, None)
        self.lanes.noted([*receipted, *rejected])

    def returning(self, now: int, limit: int) -> list[int]:
        """Seqs that go to the disk now that it takes records again: those on their way to the hub last."""
        if self._back_at is None:
            self._back_at = now
        self.settled()
        patient = now < self._back_at + ANSWER_MS
        return [seq for seq in self._drafts if not (patient and seq in self._went)][:limit]

    def parcel(self, seqs: list[int], like: Draft | None) -> list[Draft]:
        """The drafts of `seqs`, and the gap records that tell what became of this epoch. Nothing is forgotten yet."""
        drafts = [self._drafts[seq] for seq in seqs]
        moved = SeqSet()
        for seq in seqs:
            moved.put(seq, seq)
        stamp = like or (drafts[-1] if drafts else None)
        if stamp is not None:
            if self._lost:
                drafts.append(_gap(stamp, self._declared(self._lost, "disk_refused")))
            if self.used:
                drafts += [_gap(stamp, self._declared(part, "moved")) for part in _parts(moved)]
        return drafts

    def returned(self, seqs: list[int]) -> None:
        """The disk has the parcel of `seqs`."""
        for seq in seqs:
            self._drafts.pop(seq, None)  # its receipt may have come meanwhile
            self.lanes.gone([(seq, seq)])
        self._lost.clear()
        self._lost_times.clear()

    @property
    def owes(self) -> bool:
        """Whether something is to be told to the disk."""
        return bool(self._drafts or self._lost)

    def ledger(self) -> Ledger:
        """The books of the volatile epoch."""
        lanes = self.lanes
        return Ledger(
            epoch=self.epoch,
            accepted=lanes.accepted,
            spooled=lanes.waiting,
            receipted=lanes.receipted,
            pruned=lanes.pruned,
            rejected=lanes.rejected,
            volatile=True,
        )

    def _declared(self, seqs: SeqSet, reason: str) -> Gap:
        parts = list(seqs)
        lost = reason == "disk_refused"
        times = (min(self._lost_times), max(self._lost_times)) if lost and self._lost_times else (0, 0)
        if not self.used or len(parts) > MAX_GAP_RANGES:  # the hub has never heard of these seqs
            return Gap(first=0, last=0, count=seqs.count(), reason=reason, start=times[0], end=times[1])
        return Gap(
            first=parts[0][0],
            last=parts[-1][1],
            count=seqs.count(),
            ranges=parts if len(parts) > 1 else [],
            reason=reason,
            epoch=self.epoch,
            start=times[0],
            end=times[1],
        )


def _parts(seqs: SeqSet) -> list[SeqSet]:
    ranges = list(seqs)
    return [SeqSet(ranges[at : at + MAX_GAP_RANGES]) for at in range(0, len(ranges), MAX_GAP_RANGES)]


def _gap(like: Draft, gap: Gap) -> Draft:
    return Draft(
        device=GAP_DEVICE, time=like.time, steady=like.steady, boot=like.boot, clock=like.clock, kind="gap", gap=gap
    )
