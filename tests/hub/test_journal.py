"""The journal: what it says is committed is on the disk, once, and nothing else is."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from contextlib import closing

import pytest

from hub.history import History
from hub.journal import Batch, EventRow, Journal, RecordRow, Refusal, StateRow, Write
from vitals.errors import StorageError
from vitals.ranges import Ranges


def row(seq: int, **fields) -> RecordRow:
    defaults = {"gateway": "gw-a", "epoch": 1, "device": "mon-a", "ward": "icu", "bed": "1", "time": 1000 * seq}
    return RecordRow(**(defaults | {"received": 1, "late": 0, "body": b'{"values":{"hr":72.0}}', "seq": seq} | fields))


def batch_of(*rows: RecordRow) -> Batch:
    batch = Batch()
    for one in rows:
        batch.records.append(one)
        batch.settle(one.gateway, one.epoch, one.seq)
    return batch


EVENT = EventRow("00" * 8, "icu", "1", "spo2-low", "raised", 5, b"{}")


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    yield journal
    journal.close()


def test_committed_records_can_be_read_beside_the_writer(journal, tmp_path):
    journal.commit(batch_of(row(1), row(2)))
    history = History(tmp_path / "journal.db")
    assert [record.seq for record in history.after(0, 10)] == [1, 2]
    assert history.after(0, 1)[0].read().values == {"hr": 72.0}
    assert [record.seq for record in history.readings("icu", "1", 2000, 3000)] == [2]
    assert history.latest_position() == 2
    history.close()


def test_a_record_is_stored_once_however_often_it_comes(journal, tmp_path):
    journal.commit(batch_of(row(1)))
    journal.commit(batch_of(row(1), row(1), row(2)))
    history = History(tmp_path / "journal.db")
    assert [record.seq for record in history.after(0, 10)] == [1, 2]
    history.close()


def test_a_new_epoch_starts_over_beside_the_old_one(journal):
    journal.commit(batch_of(row(1), row(2)))
    journal.commit(batch_of(row(1, epoch=2)))
    assert list(journal.settled("gw-a", 1)) == [(1, 2)]
    assert list(journal.settled("gw-a", 2)) == [(1, 1)]


def test_what_is_settled_survives_a_restart_gaps_included(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(row(1), row(2), row(5)))
    journal.commit(batch_of(row(3), row(8)))
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.settled("gw-a", 1) == Ranges([(1, 3), (5, 5), (8, 8)])
    again.commit(batch_of(row(4)))
    again.close()
    last = Journal(tmp_path / "journal.db")
    assert last.settled("gw-a", 1) == Ranges([(1, 5), (8, 8)])
    last.close()


def test_a_failed_commit_leaves_nothing_behind(journal, tmp_path):
    broken = batch_of(row(1))
    broken.refusals.append(Refusal("gw-a", 1, 2, None))  # NOT NULL
    with pytest.raises(StorageError):
        journal.commit(broken)
    assert list(journal.settled("gw-a", 1)) == []
    history = History(tmp_path / "journal.db")
    assert history.latest_position() == 0
    history.close()
    journal.commit(batch_of(row(1)))


def test_an_event_stays_in_the_outbox_until_it_is_confirmed(journal):
    batch = Batch()
    batch.events.append(EVENT)
    (number,) = journal.commit(batch)
    assert journal.outbox() == [(number, b"{}")]
    journal.confirm([number])
    assert journal.outbox() == []


def test_alarm_states_are_replaced_and_removed(journal):
    for body, expected in (
        (b"a", [StateRow("icu", "1", "r", b"a")]),
        (b"b", [StateRow("icu", "1", "r", b"b")]),
        (None, []),
    ):
        batch = Batch()
        batch.states.append(StateRow("icu", "1", "r", body))
        journal.commit(batch)
        assert journal.alarm_states() == expected


def test_a_journal_of_another_format_is_refused(tmp_path):
    Journal(tmp_path / "journal.db").close()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as db, db:
        db.execute("UPDATE meta SET value = '99' WHERE key = 'format'")
    with pytest.raises(StorageError, match="format 99"):
        Journal(tmp_path / "journal.db")


def test_garbage_where_the_journal_should_be_is_a_clear_error(tmp_path):
    (tmp_path / "journal.db").write_bytes(os.urandom(8192))
    with pytest.raises(StorageError, match=r"journal\.db"):
        Journal(tmp_path / "journal.db")


def test_what_was_reported_committed_survives_kill_9(tmp_path):
    script = textwrap.dedent("""
        import sys
        from pathlib import Path
        from hub.journal import Batch, Journal, RecordRow
        journal = Journal(Path(sys.argv[1]))
        seq = 0
        while True:
            batch = Batch()
            for _ in range(7):
                seq += 1
                batch.records.append(RecordRow("gw-a", 1, seq, "m", "icu", "1", seq, 1, 0, b"{}"))
                batch.settle("gw-a", 1, seq)
            journal.commit(batch)
            print(seq, flush=True)
    """)
    path = tmp_path / "journal.db"
    process = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, text=True)
    reported = 0
    for _ in range(30):
        reported = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    process.stdout.close()
    journal = Journal(path)
    ((low, high),) = journal.settled("gw-a", 1)
    journal.close()
    assert low == 1
    assert high >= reported
    assert high % 7 == 0  # whole transactions only
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute("SELECT count(*), max(seq) FROM record").fetchone() == (high, high)


def test_old_records_leave_in_slices_and_never_come_back(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(*(row(seq, received=seq) for seq in range(1, 1001))))
    for _ in range(10):
        journal.commit(batch_of(row(2000, received=2000)), keep_after=901)
    history = History(tmp_path / "journal.db")
    kept = history.after(0, 2000)
    assert [record.seq for record in kept] == [*range(901, 1001), 2000]
    assert kept[-1].id == 1001
    history.close()
    journal.commit(batch_of(row(1, received=2001)), keep_after=901)  # what is settled stays settled
    assert next(iter(journal.settled("gw-a", 1))) == (1, 1000)
    journal.close()


def test_an_emptied_journal_does_not_count_from_one_again(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    journal.commit(batch_of(row(1, received=1)))
    batch = Batch()
    batch.states.append(StateRow("icu", "1", "r", b"a"))
    journal.commit(batch, keep_after=10)
    journal.commit(batch_of(row(2, received=20)))
    history = History(tmp_path / "journal.db")
    assert [record.id for record in history.after(0, 10)] == [2]
    history.close()
    journal.close()


def test_further_rows_are_part_of_the_same_transaction(journal, tmp_path):
    batch = batch_of(row(1))
    admit = "INSERT INTO admission (ward, bed, patient, start, by) VALUES (?, ?, ?, ?, ?)"
    batch.writes.append(Write(admit, ("icu", "1", "p-1", 5, "nurse-1")))
    journal.commit(batch)
    broken = batch_of(row(2))
    broken.writes.append(Write(admit, ("icu", "1", None, 5, "nurse-1")))
    with pytest.raises(StorageError):
        journal.commit(broken)
    journal.close()
    again = Journal(tmp_path / "journal.db")
    assert again.read("SELECT patient, start FROM admission WHERE ward = ?", "icu") == [("p-1", 5)]
    assert again.settled("gw-a", 1) == Ranges([(1, 1)])
    again.close()


def test_a_disk_that_refuses_costs_nothing_when_it_takes_again(tmp_path):
    script = textwrap.dedent("""
        import resource, sys
        from pathlib import Path
        from hub.journal import Batch, EventRow, Journal, RecordRow
        from vitals.errors import StorageError

        def batch_of(*seqs):
            batch = Batch()
            for seq in seqs:
                batch.records.append(RecordRow("gw-a", 1, seq, "m", "icu", "1", seq, 1, 0, b"{}"))
                batch.settle("gw-a", 1, seq)
            return batch

        journal = Journal(Path(sys.argv[1]))
        journal.commit(batch_of(1))
        most = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        resource.setrlimit(resource.RLIMIT_FSIZE, (1, most))  # every write is an I/O error now
        batch = batch_of(2, 3)
        batch.events.append(EventRow("00" * 8, "icu", "1", "spo2-low", "raised", 5, b"{}"))
        for _ in range(3):
            try:
                journal.commit(batch)
                print("committed")
            except StorageError:
                print("refused")
        print(list(journal.settled("gw-a", 1)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        print(journal.commit(batch))
        print(list(journal.settled("gw-a", 1)), journal.read("SELECT count(*) FROM alarm_event"))
    """)
    command = [sys.executable, "-c", script, str(tmp_path / "journal.db")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["refused", "refused", "refused", "[(1, 1)]", "[1]", "[(1, 3)] [(1,)]"]


def test_a_commit_that_failed_in_words_only_is_not_made_twice(tmp_path):
    journal = Journal(tmp_path / "journal.db")
    batch = batch_of(row(1))
    batch.events.append(EVENT)
    assert journal.commit(batch) == [1]
    journal._number, journal._unsure = 0, (batch, [1])  # as after an error of the disk that came too late
    assert journal.commit(batch) == [1]
    assert journal.read("SELECT count(*) FROM alarm_event") == [(1,)]
    journal.commit(batch_of(row(2)))
    assert journal.settled("gw-a", 1) == Ranges([(1, 2)])
    journal.close()
