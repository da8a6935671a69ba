"""Lanes and receipts against a model hub: messages doubled, reordered, lost, and both sides killed at any moment."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.lanes import Lanes
from edge_agent.seqset import SeqSet
from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft
from vitals.sessions import MAX_RECEIPT_RANGES

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # many small spools: their disk is not the question here


class ReceiptsModel(RuleBasedStateMachine):
    """`stored` and `refused` are what the hub has for good; `heard` is what it has not committed yet."""

    @initialize(credit=st.sampled_from([1, 10, 500]))
    def begin(self, credit):
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.credit = credit
        self.now = 1_000_000
        self.token = 0
        self.up, self.down, self.unacknowledged = [], [], []
        self.stored, self.refused, self.heard = SeqSet(), set(), set()
        self.spool = open_spool(self.folder / "spool.db", 1 << 24)
        self.lanes = self._lanes()
        self.lanes.connected(self.now)

    @rule(size=st.integers(1, 30), age=st.sampled_from([0, 60_000]))
    def measure(self, size, age):
        steady = self.now - age
        draft = Draft(device="mon-a", time=self.now, steady=steady, boot="boot-1", clock="synced", values={"hr": 60.0})
        done = self.spool.append([draft] * size)
        self.lanes.committed(done.first, done.last, steady)

    @rule(passed=st.sampled_from([1, 100, 3_000, 20_000]))
    def wait(self, passed):
        self.now += passed
        due = self.lanes.rewind_at()
        if due is not None and due <= self.now:
            self.lanes.rewind(self.now)

    @rule(fit=st.integers(1, 40))
    def send(self, fit):
        plan = self.lanes.plan(self.now)
        if plan is None:
            return
        rows = [seq for seq, _ in self.spool.read(plan.ranges)][:fit]
        assert rows, "what is planned is in the spool"
        self.token += 1
        self.lanes.sent(plan, [(seq, seq) for seq in rows], self.token, self.now)
        self.up.append(rows)
        self.unacknowledged.append(self.token)

    @precondition(lambda self: self.unacknowledged)
    @rule(which=st.integers(0, 99))
    def broker_acknowledges(self, which):
        self.lanes.acknowledged(self.unacknowledged.pop(which % len(self.unacknowledged)), self.now)

    @precondition(lambda self: self.up)
    @rule(which=st.integers(0, 99), fate=st.sampled_from(["arrives", "arrives twice", "is lost"]))
    def message(self, which, fate):
        """They overtake each other, too."""
        rows = self.up.pop(which % len(self.up))
        if fate != "is lost":
            self.heard |= set(rows)
        if fate == "arrives twice":
            self.up.append(rows)

    @rule()
    def hub_commits(self):
        for seq in self.heard:
            self.stored.put(seq, seq)
            if seq % 17 == 0:
                self.refused.add(seq)
        rejected = sorted(self.heard & self.refused)
        self.heard = set()
        self.down.append((list(self.stored)[:MAX_RECEIPT_RANGES], rejected))

    @rule()
    def hub_dies(self):
        self.heard = set()
        self.lanes.resend(self.now)

    @precondition(lambda self: self.down)
    @rule(which=st.integers(0, 99), fate=st.sampled_from(["arrives", "arrives twice", "is lost"]))
    def receipt(self, which, fate):
        committed, rejected = self.down.pop(which % len(self.down))
        if fate != "is lost":
            self.lanes.receipt(committed, rejected, self.credit, self.now)
        if fate == "arrives twice":
            self.down.append((committed, rejected))

    @rule()
    def forget(self):
        receipted, rejected = self.lanes.settled()
        self.spool.settle(receipted, rejected)
        self.lanes.noted([*receipted, *rejected])

    @rule(lost=st.booleans())
    def line_breaks(self, lost):
        """What was on its way arrives late, or never. Sessions are clean: no receipt survives."""
        self.lanes.disconnected()
        self.down, self.unacknowledged = [], []
        if lost:
            self.up = []
        self.lanes.connected(self.now)

    @rule()
    def gateway_dies(self):
        """What the spool was not told of is sent once more; what is on its way may still arrive."""
        self.spool.close()
        self.spool = open_spool(self.folder / "spool.db", 1 << 24)
        self.down, self.unacknowledged = [], []
        self.lanes = self._lanes()
        self.lanes.connected(self.now)

    @invariant()
    def nothing_is_given_up_that_the_hub_has_not_committed(self):
        accepted = self.spool.accepted()
        for seq in range(1, accepted + 1):
            assert seq in self.stored or not self.lanes.confirmed(seq)
        settled = SeqSet([(1, accepted)] if accepted else [])
        for low, high in self.spool.waiting():
            settled.discard(low, high)
        assert all(seq in self.stored for low, high in settled for seq in range(low, high + 1))

    @invariant()
    def the_books_agree(self):
        lanes = self.lanes
        assert lanes.accepted == self.spool.accepted()
        assert lanes.accepted == lanes.receipted + lanes.rejected + lanes.waiting
        assert lanes.pruned == 0
        assert lanes.outstanding <= max(lanes.credit, 500)

    def teardown(self):
        """Over a good line everything arrives, and everything is forgotten."""
        if not hasattr(self, "spool"):
            return
        for _ in range(50 + 4 * self.spool.accepted()):  # with the least credit, one record goes at a time
            if not self.lanes.waiting:
                break
            self.wait(500)
            self.send(500)
            while self.up:
                self.message(0, "arrives")
            while self.unacknowledged:
                self.broker_acknowledges(0)
            self.hub_commits()
            while self.down:
                self.receipt(0, "arrives")
        self.forget()
        accepted, waiting = self.spool.accepted(), self.spool.waiting()
        self.spool.close()
        shutil.rmtree(self.folder)
        assert (self.lanes.waiting, waiting) == (0, [])
        assert list(self.stored) == ([(1, accepted)] if accepted else [])

    def _lanes(self):
        lanes = Lanes(
            held=self.spool.waiting(),
            accepted=self.spool.accepted(),
            young=self.spool.young("boot-1", self.now - 10_000),
        )
        lanes.receipted, lanes.rejected = self.spool.receipted, self.spool.rejected
        return lanes


TestReceiptsModel = ReceiptsModel.TestCase
TestReceiptsModel.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
