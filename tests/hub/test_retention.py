"""Retention: old records leave in slices, what left is written down, and the file becomes smaller."""

import sqlite3
from contextlib import closing

import pytest

from hub.journal import Batch, Journal, RecordRow
from vitals.ranges import Ranges


def batch_of(first: int, last: int, received: int, body: bytes = b"{}") -> Batch:
    batch = Batch()
    for seq in range(first, last + 1):
        batch.records.append(RecordRow("gw-a", 1, seq, "mon-a", "icu", "1", seq, received, 0, body))
        batch.settle("gw-a", 1, seq)
    return batch


def pages(journal, name="page_count") -> int:
    return journal.read(f"PRAGMA {name}")[0][0]


def expired(journal):
    return journal.read("SELECT gateway, epoch, count, last FROM record_expired")


def test_what_left_because_it_was_old_is_written_down(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(1, 1000, received=5))
    for seq in range(1001, 1011):
        journal.commit(batch_of(seq, seq, received=50), keep_after=10)
    assert expired(journal) == [("gw-a", 1, 1000, 1000)]
    assert journal.read("SELECT min(seq), max(seq) FROM record") == [(1001, 1010)]
    journal.close()


def test_the_file_of_an_emptied_journal_becomes_smaller_commit_by_commit(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(1, 20_000, received=5, body=b"x" * 1_000))
    before = pages(journal)
    for seq in range(20_001, 20_401):
        journal.commit(batch_of(seq, seq, received=50), keep_after=10)
    assert pages(journal) < before / 1.5
    assert journal.read("PRAGMA integrity_check") == [("ok",)]
    assert journal.read("SELECT count(*) FROM record") == [(400,)]
    journal.close()
    assert (tmp_path / "journal.db").stat().st_size < before * 4096 / 1.5


def test_past_the_size_cap_the_oldest_records_go_though_they_are_young(tmp_path, caplog):
    journal = Journal(tmp_path / "journal.db", max_bytes=4 << 20)
    for first in range(1, 20_001, 100):
        journal.commit(batch_of(first, first + 99, received=50, body=b"x" * 1_000), keep_after=10)
    assert (pages(journal) - pages(journal, "freelist_count")) * 4096 < 5 << 20
    ((kept, newest),) = journal.read("SELECT count(*), max(seq) FROM record")
    assert newest == 20_000
    assert expired(journal) == [("gw-a", 1, 20_000 - kept, 20_000 - kept)]
    assert journal.settled("gw-a", 1) == Ranges([(1, 20_000)])
    assert [record.message for record in caplog.records if "max_gb" in record.message]
    journal.close()


def test_a_journal_of_an_older_version_says_what_had_left_it_before(tmp_path):
    path = tmp_path / "journal.db"
    journal = Journal(path)
    journal.commit(batch_of(1, 100, received=5))
    journal.close()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM record WHERE seq <= 40")
        db.execute("DROP TABLE record_expired")
        db.execute("DELETE FROM meta WHERE key = 'commits'")
    again = Journal(path)
    assert expired(again) == [("gw-a", 1, 40, 40)]
    again.close()


@pytest.mark.parametrize("keep_after", [0, 10])
def test_a_failed_commit_prunes_nothing(tmp_path, keep_after):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(1, 10, received=5))
    broken = batch_of(11, 11, received=50)
    broken.records.append(broken.records[0]._replace(seq=12, body=None))
    with pytest.raises(Exception, match="cannot commit"):
        journal.commit(broken, keep_after=keep_after)
    assert expired(journal) == []
    journal.commit(batch_of(11, 11, received=50), keep_after=10)
    assert expired(journal) == [("gw-a", 1, 10, 10)]
    journal.close()
