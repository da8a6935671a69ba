"""The copier against a sink in memory: what is halved, buried, counted, and copied again."""

import threading

from hub.projections.copier import Copier, Pace
from hub.projections.cursors import Cursors, dead_letters, statuses
from hub.projections.sink import PoisonError
from vitals.errors import LinkError

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
