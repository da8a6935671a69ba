"""The spool against a model of a few lines: any order of appends, receipts, prunes, crashes and damage."""

import contextlib
import logging
import os
import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft
from vitals.errors import StorageError
from vitals.readings import Record

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small spools: their disk is not the question here
CAP = 100_000  # bytes: some hundred records
LONG = {f"state-{number:03}": "sensor_off" for number in range(40)}


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
        self.folder = self._new_folder()
        self.spool = self._open()

    @rule(size=st.integers(1, 120), long=st.booleans(), kind=st.sampled_from(["vitals", "vitals", "alarm"]))
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
            self.receipted = self.rejected = 0
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
        back = {record.time for record in found.values() if record.gap is None}
        assert back <= {said for said in self.rows.values() if said is not None}
        assert sorted(found) == list(range(1, len(found) + 1))
        if "nobody knows" not in self.spool.note:
            due = {seq for seq in waiting if self.rows[seq] is not None and self.rows[seq] not in back}
            declared = [record.gap for record in found.values() if record.gap is not None and record.gap.epoch == epoch]
            assert due <= {seq for gap in declared for seq in spans(gap.spans())}
        self.rows = {seq: record.time if record.gap is None else None for seq, record in found.items()}
        self.waiting = set(found)
        self.receipted = self.rejected = 0
        self.pruned, self.told = set(), set()

    @invariant()
    def the_books_agree(self):
        assert self.spool.accepted() == len(self.rows)
        assert spans(self.spool.waiting()) == self.waiting
        assert (self.spool.receipted, self.spool.rejected) == (self.receipted, self.rejected)
        assert self.spool.pruned == len(self.pruned)
        assert len(self.rows) == len(self.waiting) + self.receipted + self.rejected + len(self.pruned)

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
        )

    def _prunes(self, accepted, new=None):
        """Take in what an append did: seqs given up, gap records that name them, and the `new` ones."""
        for seq, draft in (new or {}).items():
            self.rows[seq] = draft.time
            self.waiting.add(seq)
        self._take_gaps(accepted)
        gone = self.waiting - spans(self.spool.waiting())
        declared = [record.gap for seq, record in self._held().items() if self.rows[seq] is None and seq > accepted]
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
        record = msgspec.json.decode(body, type=Record)
        assert record.seq == seq
        said = self.rows[seq]
        assert (record.gap is not None) if said is None else (record.time == said)

    def _held(self):
        rows = self.spool.read([(1, 1 << 40)], 1 << 30)
        return {seq: msgspec.json.decode(body, type=Record) for seq, body in rows}

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
    max_examples=120, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
