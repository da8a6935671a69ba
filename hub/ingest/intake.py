"""The intake: payloads of gateways become de-duplicated, judged records that wait for the next commit."""

from __future__ import annotations

from collections import Counter

import msgspec

from chassis.failpoints import failpoint
from hub.history import RecordBody
from hub.ingest.admission import Admitted, admit
from hub.ingest.quarantine import quarantine_row
from hub.journal import Batch, Journal, RecordRow, Refusal
from hub.journal_gaps import GapRow, Key
from hub.journal_waves import WaveRow
from hub.late import Gaps
from hub.live import LivePicture
from hub.registry import Registry, source_of
from hub.tickets.workshop import Workshop
from rules.engine import Engine
from vitals.alarms import AlarmEvent
from vitals.drills import DRILL
from vitals.errors import WireError
from vitals.identity import BedKey
from vitals.ranges import Ranges
from vitals.readings import GAP_DEVICE, VOLATILE_FROM, Record

LIVE_AGE_MS = 10_000  # what a gateway sends as new is not older
MAX_REASONS = 32  # that are told apart: a reason may name what a stranger sent
QUARANTINE_PER_COMMIT = 100  # a flood of rubbish is counted in full and kept in part

_NOTHING = Ranges()
_encode = msgspec.json.Encoder().encode


class _Line:
    """What a device said last that was live: order is not wall time."""

    __slots__ = ("_epoch", "_seq", "_time", "source")

    def __init__(self, source: str) -> None:
        self.source = source
        self._epoch = self._seq = self._time = 0

    def follows(self, epoch: int, record: Record) -> bool:
        """Whether this is its newest word; an older one must not move live values back."""
        seq, time = record.seq, record.time
        if epoch != self._epoch and max(epoch, self._epoch) >= VOLATILE_FROM:
            # The gateway's disk fails or is back: epochs do not follow each other then. What is live is seconds old.
            in_order = not self._time - LIVE_AGE_MS <= time < self._time
        else:
            in_order = (epoch, seq) >= (self._epoch, self._seq)
        if in_order:
            self._epoch, self._seq, self._time = epoch, seq, time
        return in_order


class Intake:
    """Holds what was taken but is not committed yet in `pending`."""

    def __init__(
        self,
        registry: Registry,
        journal: Journal,
        engine: Engine,
        picture: LivePicture,
        workshop: Workshop,
        gaps: Gaps,
    ) -> None:
        self._registry = registry
        self._journal = journal
        self._engine = engine
        self._picture = picture
        self._workshop = workshop
        self._gaps = gaps
        self._taken: dict[Key, Ranges] = {}
        self._missing: dict[Key, Ranges] = {}  # of what is taken: declared missing, and welcome if it comes
        self._repeated: dict[Key, Ranges] = {}  # said again, and not asked about since
        self._lines: dict[str, dict[str, _Line]] = {}  # by gateway and device
        self.pending = Batch()
        self.counters: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()  # of refusals, without what they quote

    def records(
        self, gateway: str, topic: str, payload: bytes, *, late: bool, now: int
    ) -> tuple[int, list[AlarmEvent]]:
        """Take a vitals (`late` False) or backfill payload. Returns its epoch, 0 if unreadable, and what it alarmed."""
        try:
            admitted = admit(gateway, payload, self._registry.gateways)
        except WireError as error:
            self.refuse(topic, gateway, error.reason, payload, now)
            return 0, []
        key = (gateway, admitted.epoch)
        taken = self._taken.get(key)
        if taken is None:
            taken = self._begin(key)
        if admitted.rejected:
            self._reject(gateway, topic, admitted, taken, now)
        events: list[AlarmEvent] = []
        pending = self.pending
        rows = pending.records
        settled = pending.settled.get(key)
        if settled is None:
            settled = pending.settled[key] = Ranges()
        devices = self._registry.gateways[gateway]
        lines = self._lines.get(gateway)
        if lines is None:
            lines = self._lines[gateway] = {device: _Line(source_of(gateway, device)) for device in devices}
        moved = self._registry.moved.get(gateway)
        duplicates = 0
        counters = self.counters
        for record in admitted.records:
            if not taken.add(record.seq) and not self._refill(key, record.seq):
                duplicates += 1
                self._repeat(key, record.seq)
                continue
            settled.add(record.seq)
            if record.gap is not None:
                rows.append(_row(gateway, admitted.epoch, record, None, now, late=False))
                self.declare(GapRow(gateway, record.gap.epoch or admitted.epoch, record.gap, "edge", now, Ranges()))
                continue
            if not late:
                self._workshop.record(gateway, record, now)
            bed = devices.get(record.device)
            here = True
            if moved is not None and record.time < moved.get(record.device, 0) and (late or record.clock != "unsynced"):
                here = False  # measured before it was moved
                bed = self._registry.bed_at(gateway, record.device, record.time)
            fresh = False
            if not late and here and bed is not None:
                line = lines[record.device]
                fresh = line.follows(admitted.epoch, record)
                if not fresh:
                    counters["out_of_order"] += 1
                # A TEST record is no word of the device.
                elif DRILL not in record.states:
                    fresh = self._picture.observe(bed, line.source, record, now)
            rows.append(_row(gateway, admitted.epoch, record, bed, now, late=not fresh and bed is not None))
            if fresh:
                assert bed is not None
                events += self._engine.observe(bed, line.source, record, now)
            elif bed is not None and record.clock != "unsynced" and DRILL not in record.states:
                self._gaps.note(bed, record.time, now)
        counters["received"] += len(admitted.records) + len(admitted.rejected)
        if duplicates:
            counters["duplicate"] += duplicates
        if late:
            counters["late"] += len(admitted.records) - duplicates
        return admitted.epoch, events

    def accept(self, key: Key, seq: int) -> bool:
        """Whether (gateway, epoch) `key` has not said `seq` before; then it is taken, and this batch settles it."""
        taken = self._taken.get(key)
        if taken is None:
            taken = self._begin(key)
        self.counters["received"] += 1
        if not taken.add(seq) and not self._refill(key, seq):
            self.counters["duplicate"] += 1
            self._repeat(key, seq)
            return False
        self.pending.settle(*key, seq)
        return True

    def reject(self, key: Key, seq: int, reason: str, topic: str, payload: bytes, now: int) -> None:
        """Refuse `seq` for good."""
        if self.accept(key, seq):
            self.counters["rejected"] += 1
            self.pending.refusals.append(Refusal(*key, seq, reason))
            self.refuse(topic, key[0], reason, payload, now, records=1)

    def repeated(self, key: Key) -> Ranges:
        """What (gateway, epoch) `key` has said again since this was asked: it waits for word about these."""
        return self._repeated.pop(key, _NOTHING)

    def _repeat(self, key: Key, seq: int) -> None:
        repeated = self._repeated.get(key)
        if repeated is None:
            repeated = self._repeated[key] = Ranges()
        repeated.add(seq)

    def refuse(self, topic: str, gateway: str, reason: str, payload: bytes, now: int, records: int = 0) -> None:
        """Put a payload nobody can use into quarantine."""
        self.counters["refused"] += 1
        short = reason.partition(":")[0].partition("=")[0]
        self.reasons[short if short in self.reasons or len(self.reasons) < MAX_REASONS else "other"] += 1
        if len(self.pending.quarantine) < QUARANTINE_PER_COMMIT:
            self.pending.quarantine.append(
                quarantine_row(
                    topic=topic, gateway=gateway, reason=reason, payload=payload, received=now, records=records
                )
            )

    def take(self) -> Batch:
        """What waits, for the committer; a new batch begins."""
        batch, self.pending = self.pending, Batch()
        return batch

    def _reject(self, gateway: str, topic: str, admitted: Admitted, taken: Ranges, now: int) -> None:
        for rejected in admitted.rejected:
            if not taken.add(rejected.seq):
                self.counters["duplicate"] += 1
                self._repeat((gateway, admitted.epoch), rejected.seq)
                continue
            self.counters["rejected"] += 1
            self.pending.settle(gateway, admitted.epoch, rejected.seq)
            self.pending.refusals.append(Refusal(gateway, admitted.epoch, rejected.seq, rejected.reason))
            self.refuse(topic, gateway, rejected.reason, rejected.payload, now, records=1)

    def declare(self, row: GapRow) -> None:
        """What is given up is final too: the watermark goes on past it. Whatever of it is here stays here."""
        key = (row.gateway, row.epoch)
        taken = self._taken.get(key)
        if taken is None:
            taken = self._begin(key)
        settled = self.pending.settled.setdefault(key, Ranges())
        declared = Ranges(row.gap.spans())
        missing = declared.minus(taken)
        self._missing[key] = self._missing[key].union(missing)
        for low, high in declared:
            taken.add_range(low, high)
            settled.add_range(low, high)
        self.pending.gaps.append(row._replace(missing=missing))
        failpoint("gap.declared")
        self.counters["gap"] += missing.count() if row.gap.first else row.gap.count

    def shed(self) -> None:
        """Forget the readings that wait for a disk that takes nothing: without a receipt they are sent again.

        They have been judged. Everything else that waits is kept, and so are gap records: what they settle is.
        """
        pending = self.pending
        kept = [row for row in pending.records if row.device == GAP_DEVICE]
        rows: list[RecordRow | WaveRow] = [*pending.records, *pending.waves]
        for row in rows:
            if row.device == GAP_DEVICE:
                continue
            key = (row.gateway, row.epoch)
            refilled = pending.refilled.get(key)
            if refilled is not None and row.seq in refilled:
                refilled.remove_range(row.seq, row.seq)
                self._missing[key].add(row.seq)
                self.counters["refilled"] -= 1
            else:
                self._taken[key].remove_range(row.seq, row.seq)
                pending.settled[key].remove_range(row.seq, row.seq)
        self.counters["shed"] += pending.size - len(kept)
        pending.records, pending.waves = kept, []

    def _begin(self, key: Key) -> Ranges:
        self._missing[key] = Ranges().union(self._journal.missing(*key))
        taken = self._taken[key] = Ranges().union(self._journal.settled(*key))
        return taken

    def _refill(self, key: Key, seq: int) -> bool:
        """Whether a gap has declared this one missing; then it is taken all the same, and the gap is smaller."""
        missing = self._missing[key]
        if seq not in missing:
            return False
        missing.remove_range(seq, seq)
        self.pending.refilled.setdefault(key, Ranges()).add(seq)
        self.counters["refilled"] += 1
        return True


def _row(gateway: str, epoch: int, record: Record, bed: BedKey | None, now: int, *, late: bool) -> RecordRow:
    body = RecordBody(
        clock=record.clock, values=record.values, flags=record.flags, states=record.states, gap=record.gap
    )
    return RecordRow(
        gateway,
        epoch,
        record.seq,
        record.device,
        bed.ward if bed else "",
        bed.bed if bed else "",
        record.time if record.clock != "unsynced" else min(record.time, now),  # a guess; but it is not yet to come
        now,
        int(late),
        _encode(body),
    )
