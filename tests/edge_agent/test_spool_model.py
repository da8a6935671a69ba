"""The spool against a model of a few lines: any order of appends, receipts, prunes, refills, crashes and damage."""

import contextlib
import logging
import os
import shutil
import tempfile
from pathlib import Path
from typing import NamedTuple

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft
from vitals.errors import StorageError
from vitals.readings import Gap, Record
from vitals.waves import WaveFrame, decode_frames, encode_frame, pack, renumbered

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small spools: their disk is not the question here
CAP = 100_000  # bytes: some hundred records
LONG = {f"state-{number:03}": "sensor_off" for number in range(40)}
KINDS = ["vitals", "vitals", "alarm", "wave"]


class Said(NamedTuple):
    """What a row of the spool says."""

    time: int
    gap: Gap | None


def read(seq, body):
    """A frame gets its number only when it is sent."""
    if not body.startswith(b'{"'):
        (frame,) = decode_frames(renumbered(body, 1, seq))
        return Said(frame.time, None)
    record = msgspec.json.decode(body, type=Record)
    assert record.seq == seq
    return Said(record.time, record.gap)


def spans(ranges):
    return {seq for low, high in ranges for seq in range(low, high + 1)}


def ranges_of(seqs):
    return [(seq, seq) for seq in sorted(seqs)]


class SpoolModel(RuleBasedStateMachine):
    """`rows` is the model: what each seq given out in this epoch says (None: a gap record). `waiting`: not settled."""

    @initialize(retain=st.booleans())
    def begin(self, retain):
        self.folders = []
        self.retain_ms = 1 << 40 if retain else 0
        self.count = 0  # of drafts; each has its own time
        self.rows = {}
        self.waiting = set()
        self.receipted = self.rejected = 0
        self.pruned = set()
        self.told = set()  # of those pruned, what appends have said
        self.lost = 0  # and how many more a hub lost that are not kept any more
        self.folder = self._new_folder()
        self.spool = self._open()

    @rule(size=st.integers(1, 120), long=st.booleans(), kind=st.sampled_from(KINDS))
    def append(self, size, long, kind):
        drafts = [self._draft(long, kind) for _ in range(size)]
        accepted = self.spool.accepted()
        try:
            done = self.spool.append(drafts)
        except StorageError:
            self._prunes(accepted)
            return
        assert (done.first, done.last, done.refused) == (done.first, done.first + size - 1, 0)
        # Room was made before the insert or after it; either way the new seqs are in one piece.
        self._prunes(accepted, {done.first + number: draft for number, draft in enumerate(drafts)})
        self.told |= spans(done.pruned)
        assert self.told == self.pruned
        assert spans(done.gaps) <= {seq for seq, said in self.rows.items() if said is None}

    @rule(spare=st.integers(0, 6))
    def settle(self, spare):
        chosen = {seq for seq in self.waiting if seq % 7 != spare}
        rejected = {seq for seq in chosen if seq % 50 == 0}
        self.spool.settle(ranges_of(chosen - rejected), ranges_of(rejected), now=1)
        self.waiting -= chosen
        self.receipted += len(chosen - rejected)
        self.rejected += len(rejected)

    @precondition(lambda self: len(self.waiting) < len(self.rows))
    @rule(forgotten=st.integers(0, 6), more=st.booleans())
    def refill(self, forgotten, more):
        """The hub has lost a part of what it gave receipts for, or all; it may have what has no receipt yet."""
        settled, accepted = set(self.rows) - self.waiting, self.spool.accepted()
        has = {seq for seq in settled if forgotten and seq % 7 != forgotten} | (self.waiting if more else set())
        held = self._held()
        explained = {seq for said in held.values() if said.gap for seq in self._named(said.gap)}
        try:
            done = self.spool.refill(ranges_of(has), 0, self._draft(long=False, kind="vitals"))
        except StorageError:
            return
        lost = settled - has
        again, missing = spans(done.ranges), spans(done.missing)
        assert again == lost & set(held)
        assert missing == lost - set(held) - explained
        self.waiting |= again
        self._take_gaps(accepted)
        now_held = self._held()
        declared = [now_held[seq].gap for seq in range(accepted + 1, self.spool.accepted() + 1)]
        assert {seq for gap in declared for seq in self._named(gap)} == missing
        assert min(self.spool.receipted, self.spool.rejected, self.spool.pruned - len(self.pruned)) >= 0
        self.receipted, self.rejected = self.spool.receipted, self.spool.rejected
        self.lost = len(self.rows) - len(self.waiting) - self.receipted - self.rejected - len(self.pruned)

    @rule(low=st.integers(1, 500), length=st.integers(1, 300), limit=st.sampled_from([1, 2_000, 1 << 30]))
    def read(self, low, length, limit):
        found = self.spool.read([(low, low + length)], limit)
        assert [seq for seq, _ in found] == sorted(seq for seq, _ in found)
        for seq, body in found:
            self._same(seq, body)
        due = sorted(seq for seq in self.waiting if low <= seq <= low + length)
        reached = due if limit == 1 << 30 else [seq for seq in due if found and seq <= found[-1][0]]
        assert set(reached) <= {seq for seq, _ in found}
        assert found or not due

    @rule(orderly=st.booleans())
    def start_again(self, orderly):
        """A crash is what a copy of the files looks like that was made in the middle of the work."""
        if not orderly:
            folder = self._new_folder()
            for name in ("spool.db", "spool.db-wal", "spool.db.epoch"):
                if (self.folder / name).exists():
                    shutil.copy(self.folder / name, folder / name)
            self.folder = folder
        self.spool.close()
        epoch = self.spool.epoch
        self.spool = self._open()
        self.told = set(self.pruned)
        assert self.spool.epoch == epoch

    @rule(room=st.integers(0, 4))
    def fill_the_disk(self, room):
        pages = self.spool._database.execute("PRAGMA page_count").fetchone()[0]
        self.spool._database.execute(f"PRAGMA max_page_count={pages + room}")

    @rule()
    def free_the_disk(self):
        self.spool._database.execute("PRAGMA max_page_count=1073741823")

    @precondition(lambda self: self.rows)
    @rule()
    def begin_an_epoch(self):
        before, old = self.spool.epoch, set(self.waiting)
        with contextlib.suppress(StorageError):
            assert self.spool.new_epoch("put back from a copy", self._draft(long=False, kind="vitals")) > before
            self.receipted = self.rejected = self.lost = 0
            self.pruned = self.told = set(self.rows) - old
            self._take_gaps(len(self.rows))

    @precondition(lambda self: len(self.rows) > 5)
    @rule(where=st.floats(0, 1), what=st.sampled_from(["page", "zero", "cut"]))
    def damage(self, where, what):
        epoch, waiting = self.spool.epoch, self.waiting
        self.spool.close()
        path = self.folder / "spool.db"
        data = path.read_bytes()
        page = int(where * (len(data) // 1024 - 1)) * 1024
        if what == "page":
            data = data[:page] + os.urandom(1024) + data[page + 1024 :]
        else:
            data = bytes(len(data)) if what == "zero" else data[: max(page, 1024)]
        path.write_bytes(data)
        self.spool = self._open()
        if self.spool.epoch == epoch:  # a page that holds nothing any more
            return
        assert self.spool.epoch > epoch
        found = self._held()
        back = {said.time for said in found.values() if said.gap is None}
        assert back <= {said for said in self.rows.values() if said is not None}
        assert sorted(found) == list(range(1, len(found) + 1))
        if "nobody knows" not in self.spool.note:
            due = {seq for seq in waiting if self.rows[seq] is not None and self.rows[seq] not in back}
            declared = [said.gap for said in found.values() if said.gap is not None and said.gap.epoch == epoch]
            assert due <= {seq for gap in declared for seq in spans(gap.spans())}
        self.rows = {seq: said.time if said.gap is None else None for seq, said in found.items()}
        self.waiting = set(found)
        self.receipted = self.rejected = self.lost = 0
        self.pruned, self.told = set(), set()

    @invariant()
    def the_books_agree(self):
        assert self.spool.accepted() == len(self.rows)
        assert spans(self.spool.waiting()) == self.waiting
        assert (self.spool.receipted, self.spool.rejected) == (self.receipted, self.rejected)
        assert self.spool.pruned == len(self.pruned) + self.lost
        assert len(self.rows) == len(self.waiting) + self.receipted + self.rejected + self.spool.pruned

    @invariant()
    def all_that_waits_is_there_and_says_what_it_said(self):
        held = self.spool.read([(1, 1 << 40)], 1 << 30)
        for seq, body in held:
            self._same(seq, body)
        assert self.waiting <= {seq for seq, _ in held}

    def teardown(self):
        if hasattr(self, "spool"):
            self.spool.close()
            for folder in self.folders:
                shutil.rmtree(folder)

    def _draft(self, long, kind):
        self.count += 1
        return Draft(
            device="mon-a",
            time=self.count,
            steady=self.count,
            boot="boot-1",
            clock="synced",
            values={"hr": 60.0},
            flags=LONG if long else {},
            kind=kind,
            wave=encode_frame(self._frame(long)) if kind == "wave" else b"",
        )

    def _frame(self, long):
        scale, offset, samples = pack([float(number % 7) for number in range(250 if long else 25)])
        return WaveFrame(0, 0, "mon-a", "pleth", self.count, "synced", 25.0, scale, offset, "raw", samples)

    def _prunes(self, accepted, new=None):
        """Take in what an append did: seqs given up, gap records that name them, and the `new` ones."""
        for seq, draft in (new or {}).items():
            self.rows[seq] = draft.time
            self.waiting.add(seq)
        self._take_gaps(accepted)
        gone = self.waiting - spans(self.spool.waiting())
        declared = [said.gap for seq, said in self._held().items() if self.rows[seq] is None and seq > accepted]
        named = [seq for gap in declared for seq in spans(gap.spans())]
        assert len(named) == len(set(named))
        assert set(named) == gone
        assert not any(self.rows[seq] is None for seq in gone)  # a gap record is never given up
        self.waiting -= gone
        self.pruned |= gone

    def _take_gaps(self, accepted):
        for seq in range(accepted + 1, self.spool.accepted() + 1):
            if seq not in self.rows:
                self.rows[seq] = None
                self.waiting.add(seq)

    def _same(self, seq, body):
        expected, said = self.rows[seq], read(seq, body)
        assert (said.gap is not None) if expected is None else (said.time == expected)

    def _named(self, gap):
        return spans(gap.spans()) if gap.epoch == self.spool.epoch else set()

    def _held(self):
        rows = self.spool.read([(1, 1 << 40)], 1 << 30)
        return {seq: read(seq, body) for seq, body in rows}

    def _new_folder(self):
        self.folders.append(Path(tempfile.mkdtemp(dir=MEMORY)))
        return self.folders[-1]

    def _open(self):
        logging.getLogger("edge_agent").setLevel(logging.CRITICAL)  # it tells of damage, and damage is what we do
        try:
            return open_spool(self.folder / "spool.db", CAP, self.retain_ms)
        finally:
            logging.getLogger("edge_agent").setLevel(logging.NOTSET)


TestSpoolModel = SpoolModel.TestCase
TestSpoolModel.settings = settings(
    max_examples=250, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
