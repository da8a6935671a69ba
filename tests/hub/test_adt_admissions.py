"""Admissions: every change of a stay is told in order, and no bed and no patient is in two stays at once."""

import pytest

from hub.admissions import Admissions
from hub.journal import Batch, Journal
from vitals.commands import Admit, Discharge
from vitals.identity import BedKey

NOW = 1_763_682_504_000
HOUR = 3_600_000
BED, OTHER = BedKey("icu", "1"), BedKey("icu", "2")
TOLD = 'SELECT kind, admission, ward, bed, patient, start, "end", "by", reason FROM admission_event ORDER BY id'


@pytest.fixture
def journal(tmp_path):
    """The journal as the next run of the hub reads it, with these writes in it."""
    opened = []

    def open_(*writes):
        for old in opened:
            old.close()
        opened[:] = [Journal(tmp_path / "journal.db")]
        batch = Batch()
        batch.writes += writes
        opened[0].commit(batch)
        return opened[0]

    yield open_
    for old in opened:
        old.close()


def admit(patient="p-1", bed="icu/1", **fields):
    return Admit(request="r", by="nurse-1", bed=bed, patient=patient, **fields)


def discharge(bed="icu/1", **fields):
    return Discharge(request="r", by="nurse-2", bed=bed, **fields)


def test_each_change_of_an_admission_is_told_as_it_stands_afterwards(journal):
    admissions = Admissions(journal())
    writes = admissions.admit(BED, admit(reason="from theatre"), NOW)
    writes += admissions.discharge(BED, discharge(), NOW + HOUR)[1]
    assert journal(*writes).read(TOLD) == [
        ("admitted", 1, "icu", "1", "p-1", NOW, None, "nurse-1", "from theatre"),
        ("discharged", 1, "icu", "1", "p-1", NOW, NOW + HOUR, "nurse-2", ""),
    ]


def test_admissions_of_a_journal_made_before_they_were_told_are_told_once(journal):
    first = journal()
    first._db.execute("DELETE FROM admission_event")
    first._db.execute(
        'INSERT INTO admission (ward, bed, patient, start, "end", "by", ended_by) VALUES'
        " ('icu', '1', 'p-1', 5, 9, 'nurse-1', 'nurse-2'), ('icu', '1', 'p-2', 10, NULL, 'nurse-3', '')"
    )
    journal()
    assert journal().read(TOLD) == [
        ("discharged", 1, "icu", "1", "p-1", 5, 9, "nurse-2", ""),
        ("admitted", 2, "icu", "1", "p-2", 10, None, "nurse-3", ""),
    ]
    admissions = Admissions(journal())
    assert admissions.patient(BED) == "p-2"
    assert admissions.admit(OTHER, admit("p-3", "icu/2"), NOW)[0].values[0] == 3
