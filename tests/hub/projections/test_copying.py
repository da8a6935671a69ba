"""The copier against a sink in memory: what is halved, buried, counted, and copied again."""

import sqlite3
import threading
import time
from contextlib import closing

from hub.projections.copier import LONG_MS, Copier, Pace
from hub.projections.cursors import Cursors, Request, count_dead_letters, dead_letters, request, statuses
from hub.projections.sink import PoisonError
from tests.hub.projections.conftest import START
from vitals.errors import LinkError, UsageError

PACE = Pace(idle_s=0.01, retry_s=(0.01, 0.02), settings_s=(0.01, 0.02))


class Shelf:
    """A sink that keeps ids, refuses some of them, and stops the copier once it was idle."""

    name = "shelf"
    streams = ("records", "alarm-events")

    def __init__(self, halt, until, batch=8, refuses=(), fails=0, tells=False):
        self.halt, self.until, self.batch = halt, until, batch
        self.refuses, self.fails, self.tells = set(refuses), fails, tells
        self.kept, self.requests = [], 0

    def open(self):
        pass

    def write(self, entries):
        self.requests += 1
        if self.fails:
            self.fails -= 1
            raise LinkError("the shelf is not there")
        ids = [entry.id for entry in entries]
        if bad := self.refuses & set(ids):
            raise PoisonError("does not fit", len(bad) if self.tells else None)
        self.kept += ids
        if self.until in ids:
            self.halt.set()

    def render(self, entry):
        return b"entry %d" % entry.id

    def close(self):
        pass


def copy(ward, tmp_path, until, **how):
    halt = threading.Event()
    shelf = Shelf(halt, until, **how)
    Copier(shelf, ward.path, tmp_path / "projections.db", PACE).run(halt)
    return shelf


def test_entries_arrive_once_each_and_in_order(ward, tmp_path):
    ward.add(100)
    assert copy(ward, tmp_path, 100).kept == list(range(1, 101))


def test_the_next_run_goes_on_where_the_last_one_ended(ward, tmp_path):
    ward.add(10)
    copy(ward, tmp_path, 10)
    ward.add(5)
    assert copy(ward, tmp_path, 15).kept == [11, 12, 13, 14, 15]


def test_a_batch_that_failed_is_written_again_whole(ward, tmp_path):
    ward.add(20)
    assert copy(ward, tmp_path, 20, fails=3).kept == list(range(1, 21))


def test_only_refused_entries_are_buried(ward, tmp_path):
    ward.add(64)
    shelf = copy(ward, tmp_path, 64, batch=64, refuses={5, 40})
    assert sorted(shelf.kept) == [number for number in range(1, 65) if number not in (5, 40)]
    letters = dead_letters(tmp_path / "projections.db", "shelf")
    assert [(letter.entry, letter.line) for letter in letters] == [(40, b"entry 40"), (5, b"entry 5")]
    assert shelf.requests < 30


def test_a_batch_refused_as_a_whole_is_not_halved(ward, tmp_path):
    ward.add(17)
    shelf = copy(ward, tmp_path, 17, batch=16, refuses=set(range(1, 17)), tells=True)
    assert shelf.requests == 2
    assert statuses(tmp_path / "projections.db")[0].dead == 16


def test_the_same_entry_buried_again_counts_once(tmp_path):
    cursors = Cursors(tmp_path / "projections.db", "shelf")
    for _ in range(2):
        cursors.bury("records", [((7, "gw-1/1/7"), b"line")], "does not fit", 1)
    cursors.close()
    assert statuses(tmp_path / "projections.db")[0].dead == 1


def test_entries_that_left_the_journal_too_early_are_counted(ward, tmp_path, caplog):
    ward.add(10)
    copy(ward, tmp_path, 10)
    ward.add(20)
    ward.journal._db.execute("DELETE FROM record WHERE id <= 25")
    assert copy(ward, tmp_path, 30).kept == [26, 27, 28, 29, 30]
    assert statuses(tmp_path / "projections.db")[0].pruned == 15
    assert "15 records had left the journal" in caplog.text


def test_a_journal_that_starts_again_at_one_is_noticed(ward, tmp_path):
    ward.add(10)
    copy(ward, tmp_path, 10)
    ward.journal._db.executescript("DELETE FROM record; DELETE FROM sqlite_sequence")
    ward.add(12)
    assert copy(ward, tmp_path, 12).kept == list(range(1, 13))


def ask(tmp_path, kind, since=0):
    request(tmp_path / "projections.db", "shelf", Request(kind, since), 1)


def test_what_came_since_a_time_is_copied_again(ward, tmp_path):
    ward.add(20)
    copy(ward, tmp_path, 20)
    ask(tmp_path, "rewind", START + 15_000)
    assert copy(ward, tmp_path, 20).kept == [15, 16, 17, 18, 19, 20]
    assert statuses(tmp_path / "projections.db")[0].copied == 26


def test_of_two_rebuilds_the_one_that_goes_further_back_counts(ward, tmp_path):
    ward.add(20)
    copy(ward, tmp_path, 20)
    ask(tmp_path, "rewind", START + 18_000)
    ask(tmp_path, "rewind", START + 15_000)
    assert copy(ward, tmp_path, 20).kept[0] == 15


def test_a_rebuild_never_skips_what_was_not_copied_yet(ward, tmp_path):
    ward.add(8)
    copy(ward, tmp_path, 8)
    ward.add(8)
    ask(tmp_path, "rewind", START + 15_000)
    assert copy(ward, tmp_path, 16).kept == list(range(9, 17))


def test_a_rebuild_asked_for_while_it_runs_is_done_by_the_running_thread(ward, tmp_path):
    ward.add(8)
    asked = []

    class Asking(Shelf):
        def write(self, entries):
            super().write(entries)
            if not asked:
                asked.append(True)
                self.halt.clear()
                ask(tmp_path, "rewind")

    halt = threading.Event()
    shelf = Asking(halt, 8)
    Copier(shelf, ward.path, tmp_path / "projections.db", PACE).run(halt)
    assert shelf.kept == [*range(1, 9), *range(1, 9)]


def test_dead_letters_that_are_offered_again_leave_the_dead_once_they_are_taken(ward, tmp_path):
    ward.add(64)
    copy(ward, tmp_path, 64, refuses={5, 40})
    ask(tmp_path, "retry")
    ward.add(1)
    shelf = copy(ward, tmp_path, 65, refuses={40})
    assert sorted(shelf.kept) == [5, 65]
    assert [letter.entry for letter in dead_letters(tmp_path / "projections.db", "shelf")] == [40]
    assert statuses(tmp_path / "projections.db")[0].dead == 2, "refused once more is not another one"


def test_a_dead_letter_whose_entry_has_left_the_journal_stays_one(ward, tmp_path):
    ward.add(10)
    copy(ward, tmp_path, 10, refuses={2, 9})
    ward.journal._db.execute("DELETE FROM record WHERE id < 5")
    ask(tmp_path, "retry")
    ward.add(1)
    assert sorted(copy(ward, tmp_path, 11).kept) == [9, 11]
    assert count_dead_letters(tmp_path / "projections.db", "shelf") == 1


def test_cursors_of_an_older_version_are_taken_over(tmp_path):
    with closing(sqlite3.connect(tmp_path / "projections.db")) as db:
        db.execute(
            "CREATE TABLE sink_status (sink TEXT PRIMARY KEY, state TEXT NOT NULL, lag INTEGER NOT NULL, error TEXT,"
            " since INTEGER, updated INTEGER, dead INTEGER NOT NULL DEFAULT 0, pruned INTEGER NOT NULL DEFAULT 0)"
        )
        db.execute("INSERT INTO sink_status VALUES ('shelf', 'running', 0, '', 1, 1, 7, 0)")
        db.commit()
    Cursors(tmp_path / "projections.db", "shelf").close()
    (status,) = statuses(tmp_path / "projections.db")
    assert (status.dead, status.copied) == (7, 0)


def test_settings_that_are_wrong_are_a_fault_for_a_person_until_they_are_right(ward, tmp_path, caplog):
    ward.add(1)
    seen = []

    class Locked(Shelf):
        def open(self):
            seen.append(copier.fault(2**50))
            if len(seen) < 3:
                raise UsageError("the password is wrong")

    halt = threading.Event()
    copier = Copier(Locked(halt, 1), ward.path, tmp_path / "projections.db", PACE)
    copier.run(halt)
    assert seen[0] is None
    assert {(fault.sink, fault.reason) for fault in seen[1:]} == {("shelf", "the password is wrong")}
    assert copier.fault(2**50) is None


def test_a_sink_that_is_away_is_a_fault_only_after_long(ward, tmp_path):
    ward.add(1)
    seen = []

    class Away(Shelf):
        def open(self):
            now = round(time.time() * 1_000)
            seen.append((copier.fault(now), copier.fault(now + LONG_MS)))
            if len(seen) < 2:
                raise LinkError("nobody answers")

    halt = threading.Event()
    copier = Copier(Away(halt, 1), ward.path, tmp_path / "projections.db", PACE)
    copier.run(halt)
    soon, late = seen[1]
    assert soon is None
    assert late.reason == "nobody answers"
