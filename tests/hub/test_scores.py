"""Scores in the journal: a row when a bed's score is another one, and none when it is not."""

import pytest

from hub.journal import Batch, Journal
from hub.scores import WAITING_ROWS, ScoreBook
from rules.scores import ScoreResult
from vitals.identity import BedKey

BED = BedKey("icu", "7")


def result(total, **given):
    known = {"partial": total or 0, "complete": total is not None, "points": {"pulse": total or 0}, "risk": "low"}
    return ScoreResult(table="news2", total=total, **known | given)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


def commit(journal, book):
    batch = Batch()
    batch.writes += book.take()
    journal.commit(batch)


def rows(journal):
    return journal._db.execute("SELECT ward, bed, time, total, complete, body FROM score ORDER BY id").fetchall()


def test_only_a_score_that_has_changed_is_written(path):
    journal = Journal(path)
    book = ScoreBook(journal)
    for now, total in ((1_000, 2), (2_000, 2), (3_000, None), (4_000, None), (5_000, 2)):
        book.follow(BED, (result(total),), now)
    commit(journal, book)
    assert [row[:5] for row in rows(journal)] == [
        ("icu", "7", 1_000, 2, 1),
        ("icu", "7", 3_000, None, 0),
        ("icu", "7", 5_000, 2, 1),
    ]
    assert rows(journal)[0][5] == b'{"partial":2,"points":{"pulse":2}}'


def test_a_bed_whose_score_is_shown_no_more_has_an_unknown_one(path):
    journal = Journal(path)
    book = ScoreBook(journal)
    book.follow(BED, (), 500)
    book.follow(BED, (result(2),), 1_000)
    book.follow(BED, (), 2_000)
    book.follow(BED, (), 3_000)
    commit(journal, book)
    assert [row[2:5] for row in rows(journal)] == [(1_000, 2, 1), (2_000, None, 0)]


def test_after_a_restart_the_same_score_is_not_written_again(path):
    journal = Journal(path)
    book = ScoreBook(journal)
    book.follow(BED, (result(2),), 1_000)
    commit(journal, book)
    journal.close()
    book = ScoreBook(Journal(path))
    book.follow(BED, (result(2),), 9_000)
    assert not book.waiting
    book.follow(BED, (result(3),), 10_000)
    assert book.waiting


def test_while_the_disk_takes_nothing_the_rows_do_not_grow_without_end(path):
    journal = Journal(path)
    book = ScoreBook(journal)
    for now in range(WAITING_ROWS + 50):
        book.follow(BED, (result(now),), now)
    assert len(book.take()) == WAITING_ROWS
    book.follow(BED, (result(WAITING_ROWS + 49),), 10**6)
    assert len(book.take()) == 1, "what is so now is written as soon as there is room"


def test_scores_leave_the_journal_like_records(path):
    journal = Journal(path)
    book = ScoreBook(journal)
    for now in range(1, 31):
        book.follow(BED, (result(now),), now * 1_000)
    commit(journal, book)
    for _ in range(3):
        batch = Batch()
        batch.settle("gw-1", 1, 1)
        journal.commit(batch, keep_after=25_000)
    assert [row[2] for row in rows(journal)] == list(range(25_000, 31_000, 1_000))
