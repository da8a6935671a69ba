"""Gaps: what is declared missing is final and explained, and becomes less when it comes after all."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.journal import Batch, Journal, RecordRow
from hub.journal_gaps import GapRow
from vitals.ranges import Ranges
from vitals.readings import Gap

KEY = ("gw-a", 1)


def rows(*seqs) -> Batch:
    batch = Batch()
    for seq in seqs:
        batch.records.append(RecordRow(*KEY, seq, "mon-a", "icu", "1", seq, 1, 0, b"{}"))
        batch.settle(*KEY, seq)
    return batch


def gap_of(first, last, missing=None, reason="spool_full", source="edge") -> Batch:
    batch = Batch()
    declared = Gap(first=first, last=last, count=last - first + 1, reason=reason)
    spans = [(first, last)] if missing is None else missing
    batch.gaps.append(GapRow(*KEY, declared, source, 7, Ranges(spans)))
    batch.settled[KEY] = Ranges([(first, last)])
    return batch


def coming(*seqs) -> Batch:
    batch = rows(*seqs)
    batch.refilled[KEY] = Ranges((seq, seq) for seq in seqs)
    return batch


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def told(journal):
    return journal.read("SELECT first, last, count, reason, source, missing, refilled FROM gap ORDER BY id")


def test_a_declared_gap_moves_the_watermark_and_survives_a_restart(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(rows(1, 2, 9))
    journal.commit(gap_of(3, 8))
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.settled(*KEY) == Ranges([(1, 9)])
    assert again.missing(*KEY) == Ranges([(3, 8)])
    assert told(again) == [(3, 8, 6, "spool_full", "edge", 6, 0)]
    again.close()


def test_a_gap_becomes_smaller_by_each_record_that_comes_after_all(journal, tmp_path):
    journal.commit(gap_of(1, 10))
    journal.commit(coming(4, 5, 10))
    assert journal.missing(*KEY) == Ranges([(1, 3), (6, 9)])
    journal.commit(coming(1, 2, 3, 6, 7, 8, 9))
    assert journal.missing(*KEY) == Ranges()
    assert told(journal) == [(1, 10, 10, "spool_full", "edge", 0, 10)]
    assert journal.read("SELECT count(*) FROM record") == [(10,)]
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.missing(*KEY) == Ranges()
    assert again.settled(*KEY) == Ranges([(1, 10)])


def test_a_gap_may_be_declared_and_refilled_in_one_commit(journal):
    batch = gap_of(1, 3)
    batch.records += coming(2).records
    batch.refilled[KEY] = Ranges([(2, 2)])
    journal.commit(batch)
    assert journal.missing(*KEY) == Ranges([(1, 1), (3, 3)])
    assert told(journal) == [(1, 3, 3, "spool_full", "edge", 2, 1)]


def test_records_lost_before_they_had_a_number_are_counted_and_settle_nothing(journal):
    batch = Batch()
    batch.gaps.append(GapRow(*KEY, Gap(first=0, last=0, count=5, reason="disk_refused"), "edge", 7, Ranges()))
    journal.commit(batch)
    assert journal.settled(*KEY) == Ranges()
    assert told(journal) == [(0, 0, 5, "disk_refused", "edge", 5, 0)]


@settings(max_examples=50, deadline=None)  # each example syncs a disk
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 9)), max_size=6),
    st.lists(st.sets(st.integers(1, 50), min_size=1), max_size=6),
)
def test_whatever_is_declared_and_refilled_each_seq_is_missing_once_or_here(tmp_path_factory, declared, arrivals):
    path = tmp_path_factory.mktemp("gaps") / "journal.db"
    journal = Journal(path)
    missing, stored = set(), set()
    for (first, length), seqs in zip(declared, [*arrivals, *([set()] * len(declared))], strict=False):
        seen = set(range(first, first + length + 1))
        new = sorted(seen - stored - missing)
        journal.commit(gap_of(first, first + length, missing=[(seq, seq) for seq in new]))
        missing |= set(new)
        batch = rows(*sorted(seqs - stored))
        batch.refilled[KEY] = Ranges((seq, seq) for seq in seqs & missing)
        journal.commit(batch)
        stored, missing = stored | seqs, missing - seqs
    held = journal.missing(*KEY)
    assert held == Ranges((seq, seq) for seq in missing)
    assert journal.read("SELECT coalesce(sum(high - low + 1), 0) FROM missing") == [(len(missing),)]
    assert journal.read("SELECT coalesce(sum(missing), 0) FROM gap") == [(len(missing),)]
    journal.close()
