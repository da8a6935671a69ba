"""A hub put back from an older copy of its journal: refilled by its gateway, or the gap is named."""

import sqlite3
from contextlib import closing

import pytest

from hub.journal_check import gaps, verify

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

BACKUP = 3  # records in the copy, at least
LOST = 8  # and how many more come after it


def seqs(bed) -> set[int]:
    return {seq for (seq,) in bed.rows("SELECT seq FROM record")}


def put_back_from_a_copy(bed) -> tuple[set[int], set[int]]:
    """Copy the journal, let more come, put the copy back; (what the copy has, what had come before it was put back)."""
    journal = bed.folder / "hub/journal.db"
    bed.until(lambda: bed.records() >= BACKUP, 30)
    with closing(sqlite3.connect(journal)) as db, closing(sqlite3.connect(bed.folder / "copy.db")) as copy:
        db.backup(copy)
    with closing(sqlite3.connect(bed.folder / "copy.db")) as copy:
        copied = {seq for (seq,) in copy.execute("SELECT seq FROM record")}
    bed.until(lambda: bed.records() >= len(copied) + LOST, 60)
    bed.kill("hub")
    before = seqs(bed)
    for suffix in ("-wal", "-shm", ""):
        journal.with_name(journal.name + suffix).unlink(missing_ok=True)
    (bed.folder / "copy.db").replace(journal)
    bed.start_hub()
    return copied, before


def test_a_gateway_that_keeps_its_records_refills_a_journal_put_back_from_a_copy(bed):
    bed.start()
    copied, before = put_back_from_a_copy(bed)
    assert len(before - copied) >= LOST - 1
    bed.until(lambda: seqs(bed) >= before, 60)
    report = verify(bed.folder / "hub/journal.db")
    assert report.sound, report
    assert sum(epoch.missing for epoch in report.epochs) == 0
    assert gaps(bed.folder / "hub/journal.db", standing=True) == []
    ((rows, different),) = bed.rows("SELECT count(*), count(DISTINCT epoch || '/' || seq) FROM record")
    assert rows == different


def test_what_no_gateway_keeps_is_a_gap_that_is_named(bed):
    text = (bed.folder / "edge.yaml").read_text()
    (bed.folder / "edge.yaml").write_text(text.replace("spool: {", "spool: {retain_after_ack: 0s, "))
    bed.start()
    copied, before = put_back_from_a_copy(bed)
    bed.until(lambda: seqs(bed) and max(seqs(bed)) > max(before) + 1, 60)
    journal = bed.folder / "hub/journal.db"
    bed.until(lambda: sum(gap.missing for gap in gaps(journal)) >= len(before - seqs(bed)) > 0, 30)
    report = verify(journal)
    assert report.sound, report
    (epoch,) = report.epochs
    assert epoch.watermark >= max(before)
    assert epoch.missing == len(before - seqs(bed))
    assert {gap.reason for gap in gaps(journal)} == {"not_kept"}
    assert copied <= seqs(bed)
