"""The check of a journal: whatever came, every seq is accounted for once; whatever is broken is found."""

import json
import sqlite3
from contextlib import closing
from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.ingest.intake import Intake
from hub.journal import Batch, Journal, RecordRow
from hub.journal_check import beds_and_days, gaps, verify
from hub.journal_gaps import GapRow
from hub.late import Gaps
from hub.live import LivePicture
from hub.registry import Registry
from hub.settings import HubSettings
from hub.tickets.workshop import Workshop
from rules.engine import Engine
from tests.hub.conftest import SETTINGS
from vitals.document import read_document
from vitals.errors import StorageError
from vitals.ranges import Ranges
from vitals.readings import Gap

NOW = 1_763_682_504_000
NOON = round(datetime(2026, 11, 21, 12).astimezone().timestamp() * 1_000)


class Rig:
    """An intake and a journal, and records of which every tenth cannot be used."""

    def __init__(self, path) -> None:
        self.path = path
        registry = Registry(read_document(SETTINGS % (1883, "adult-ward"), "hub.yaml", HubSettings))
        self.journal = Journal(path)
        engine = Engine([], registry.beds())
        picture = LivePicture(registry, "hub-test")
        self.intake = Intake(registry, self.journal, engine, picture, Workshop(registry, self.journal, NOW), Gaps())

    def send(self, seqs, epoch=1):
        records = [
            {"seq": seq, "device": "mon-a", "time": NOW + seq, "values": {"spo2": 9000.0 if seq % 10 == 0 else 97.0}}
            for seq in seqs
        ]
        if records:
            payload = json.dumps({"epoch": epoch, "records": records}).encode()
            self.intake.records("gw-a", "up/gw-a/vitals", payload, late=False, now=NOW)

    def give_up(self, first, length):
        gap = Gap(first=first, last=first + length, count=length + 1, reason="spool_full")
        self.intake.declare(GapRow("gw-a", 1, gap, "edge", NOW, Ranges()))

    def commit(self, keep_after=0):
        done = self.intake.take()
        self.journal.commit(done, keep_after)
        self.intake.counters["committed"] += done.size

    def balances(self) -> bool:
        counted = self.intake.counters
        there = counted["committed"] + counted["duplicate"] + counted["rejected"] + counted["shed"]
        return counted["received"] == there + self.intake.pending.size


def row(seq, **fields) -> RecordRow:
    defaults = {"gateway": "gw-a", "epoch": 1, "device": "mon-a", "ward": "icu", "bed": "1", "time": NOON + 1000 * seq}
    return RecordRow(**(defaults | {"received": 1, "late": 0, "body": b"{}", "seq": seq} | fields))


def batch_of(*rows, gap=None) -> Batch:
    batch = Batch()
    for one in rows:
        batch.records.append(one)
        batch.settle(one.gateway, one.epoch, one.seq)
    if gap is not None:
        missing = Ranges(gap.spans())
        batch.gaps.append(GapRow("gw-a", 1, gap, "edge", NOON, missing))
        for low, high in missing:
            batch.settled.setdefault(("gw-a", 1), Ranges()).add_range(low, high)
    return batch


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def filled(path):
    """Records 1 to 20 but for 6 to 9, which were given up."""
    journal = Journal(path)
    gap = Gap(first=6, last=9, count=4, reason="spool_full")
    journal.commit(batch_of(*(row(seq) for seq in [*range(1, 6), *range(10, 21)]), gap=gap))
    journal.close()
    return path


steps = st.lists(
    st.one_of(
        st.tuples(st.just("send"), st.lists(st.integers(1, 60), max_size=12, unique=True)),
        st.tuples(st.just("give up"), st.integers(1, 60), st.integers(0, 9)),
        st.tuples(st.just("commit"), st.sampled_from([0, NOW + 1])),
        st.tuples(st.just("shed")),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps)
def test_at_any_instant_what_was_received_is_stored_repeated_rejected_or_pending(tmp_path_factory, taken):
    rig = Rig(tmp_path_factory.mktemp("books") / "journal.db")
    try:
        for name, *values in taken:
            if name == "send":
                rig.send(*values)
            elif name == "give up":
                rig.give_up(*values)
            elif name == "commit":
                rig.commit(*values)
            else:
                rig.intake.shed()
            assert rig.balances()
        rig.commit()
        assert rig.balances()
        report = verify(rig.path)
        assert report.sound, report
        for epoch in report.epochs:
            whole = epoch.records + epoch.waves + epoch.rejected + epoch.missing + epoch.expired
            assert whole == rig.journal.settled("gw-a", 1).count()
    finally:
        rig.journal.close()


def test_what_was_shed_is_taken_again_and_stored_once(path):
    rig = Rig(path)
    rig.send([1, 2, 3])
    rig.commit()
    rig.give_up(4, 2)
    rig.send([5, 7, 8])
    rig.intake.shed()
    assert rig.intake.pending.records == []
    rig.send([5, 7, 8, 3])
    rig.commit()
    assert rig.journal.read("SELECT seq FROM record ORDER BY seq") == [(1,), (2,), (3,), (5,), (7,), (8,)]
    assert rig.journal.missing("gw-a", 1) == Ranges([(4, 4), (6, 6)])
    assert rig.intake.counters["refilled"] == 1
    assert rig.balances()
    rig.journal.close()


def test_a_sound_journal_has_each_seq_in_one_place(filled):
    report = verify(filled)
    assert report.sound
    (epoch,) = report.epochs
    assert (epoch.watermark, epoch.records, epoch.missing, epoch.expired, epoch.waiting) == (20, 16, 4, 0, 0)


def test_a_seq_that_a_later_one_has_overtaken_is_waited_for(path):
    journal = Journal(path)
    journal.commit(batch_of(row(1), row(2), row(5)))
    journal.close()
    (epoch,) = verify(path).epochs
    assert (epoch.watermark, epoch.waiting, epoch.problems) == (2, 2, [])


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        ("DELETE FROM record WHERE seq = 3", "1 seqs have a receipt and are not here, seq 3 among them"),
        ("DELETE FROM missing", "4 seqs have a receipt and are not here, seq 6 to 9 among them"),
        ("INSERT INTO rejected VALUES ('gw-a', 1, 2, 'invalid')", "seq 2: rejected and in another place too"),
        ("UPDATE committed SET high = 18", "seq 19 to 20: here, and no receipt says so"),
        ("DELETE FROM committed", "seq 1 to 20: here, and no receipt says so"),
        ("INSERT INTO record_expired VALUES ('gw-a', 1, 2, 2)", "retention took 2 of them out"),
        ("UPDATE gap SET missing = 3", "gap 1 counts 3 missing seqs and names 4"),
        ("UPDATE missing SET high = 10", "seq 10: declared missing and in another place too"),
    ],
)
def test_a_journal_that_was_meddled_with_is_found_out(filled, damage, words):
    with closing(sqlite3.connect(filled)) as db, db:
        db.execute(damage)
    report = verify(filled)
    assert not report.sound
    assert any(words in problem for problem in [*report.problems, *report.epochs[0].problems]), report


def test_a_damaged_file_is_said_to_be_damaged(filled):
    with closing(sqlite3.connect(filled)) as db, db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'record'").fetchone()
    content = bytearray(filled.read_bytes())
    content[(page - 1) * 4096 : (page - 1) * 4096 + 600] = b"\xff" * 600
    filled.write_bytes(content)
    report = verify(filled)
    assert not report.sound
    assert "damaged" in report.problems[0]


def test_no_journal_is_a_sentence(path):
    with pytest.raises(StorageError, match=r"journal\.db"):
        verify(path)


def test_gaps_are_listed_and_those_refilled_can_be_left_out(filled):
    journal = Journal(filled)
    batch = batch_of(*(row(seq) for seq in range(6, 10)))
    batch.refilled["gw-a", 1] = Ranges([(6, 9)])
    journal.commit(batch)
    journal.close()
    (gap,) = gaps(filled)
    assert (gap.first, gap.last, gap.count, gap.missing, gap.refilled, gap.reason) == (6, 9, 4, 0, 4, "spool_full")
    assert gaps(filled, standing=True) == []
    assert verify(filled).sound


def told(path, **options):
    return [
        (line.bed, line.day, line.stored, line.missing_at_least, line.missing_at_most)
        for line in beds_and_days(path, **options)
    ]


def test_the_gaps_of_a_gateway_with_one_bed_are_that_beds(filled):
    assert told(filled) == [("1", "2026-11-21", 16, 4, 4)]
    assert told(filled, day=date(2026, 11, 22)) == []


def test_the_gaps_of_a_gateway_with_two_beds_may_be_of_either(filled):
    journal = Journal(filled)
    journal.commit(batch_of(row(21, bed="2", device="mon-b")))
    journal.close()
    assert told(filled) == [("1", "2026-11-21", 16, 0, 4), ("2", "2026-11-21", 1, 0, 4)]


def test_a_gap_over_midnight_may_be_of_either_day(path):
    journal = Journal(path)
    tomorrow = NOON + round(timedelta(hours=20).total_seconds() * 1_000)
    gap = Gap(first=2, last=11, count=10, reason="disk_full")
    journal.commit(batch_of(row(1), row(12, time=tomorrow), gap=gap))
    journal.close()
    assert told(path) == [("1", "2026-11-21", 1, 0, 10), ("1", "2026-11-22", 1, 0, 10)]


def test_records_that_only_have_another_number_are_not_missing(path):
    journal = Journal(path)
    gap = Gap(first=2, last=11, count=10, reason="moved")
    journal.commit(batch_of(row(1), row(12), gap=gap))
    journal.close()
    assert told(path) == [("1", "2026-11-21", 2, 0, 0)]
