"""The feed: every stream of a real journal as numbered entries, of an older journal, and from a time on."""

import sqlite3
from contextlib import closing

import pytest

from hub.journal import Batch, Journal, Write
from hub.projections.cursors import START, Cursor
from hub.projections.feed import Feed, bookmark
from hub.projections.sink import STREAMS, StoredScore, StoredState, StoredStay, StoredTicketEvent
from hub.scores import ScoreBook
from hub.tickets import rows
from rules.fleet import Equipment, StateChange
from rules.scores import ScoreResult
from rules.tickets import Tickets
from tests.hub.projections.conftest import START as BEGAN
from vitals.identity import BedKey

MON = Equipment("gw-1", "mon-a")
BED = BedKey("icu", "7")


def commit(ward, writes):
    batch = Batch()
    batch.writes += writes
    ward.journal.commit(batch)


@pytest.fixture
def feed(ward):
    with closing(Feed(ward.path)) as made:
        yield made


def test_a_state_of_a_device_comes_with_the_place_it_stood_at(ward, feed):
    commit(ward, [rows.change_write(StateChange(MON, "offline", "cable", 5_000), BED)])
    commit(ward, [rows.change_write(StateChange(Equipment("gw-1"), "online", "", 7_000), None)])
    assert feed.read("device-states", 0, 10) == [
        StoredState(1, "gw-1", "mon-a", "icu", "7", 5_000, "offline", "cable"),
        StoredState(2, "gw-1", "", "", "", 7_000, "online", ""),
    ]


def test_a_line_of_a_ticket_comes_with_what_it_is_about(ward, feed):
    tickets = Tickets({MON: BED})
    for event in tickets.open(MON, "screen is dark", "nurse", 5_000):
        commit(ward, rows.event_writes(event))
    (told,) = feed.read("ticket-events", 0, 10)
    assert told == StoredTicketEvent(1, 1, 5_000, "opened", "nurse", told.text, "gw-1", "mon-a", "icu", "7", "reported")


def test_a_score_comes_with_what_it_is_made_of(ward, feed):
    book = ScoreBook(ward.journal)
    book.follow(BED, (ScoreResult(table="news2", total=None, partial=2, complete=False, missing=("temp",)),), 5_000)
    commit(ward, book.take())
    assert feed.read("scores", 0, 10) == [
        StoredScore(1, "icu", "7", 5_000, "news2", None, False, "", b'{"partial":2,"missing":["temp"]}')
    ]
    assert feed.latest("scores") == 1


def test_a_journal_of_an_older_version_simply_has_no_such_entries(ward):
    ward.add(3)
    ward.journal.close()
    with closing(sqlite3.connect(ward.path)) as db:
        db.executescript("DROP TABLE score; ALTER TABLE device_history DROP COLUMN ward")
    with closing(Feed(ward.path)) as feed:
        assert {stream: feed.latest(stream) for stream in STREAMS} == dict.fromkeys(STREAMS, 0) | {"records": 3}
        assert [list(feed.read(stream, 0, 10)) for stream in STREAMS if stream != "records"] == [[]] * (
            len(STREAMS) - 1
        )
    ward.journal = Journal(ward.path)  # the new version of the hub starts
    commit(ward, [rows.change_write(StateChange(MON, "online", "", 1), BED)])
    with closing(Feed(ward.path)) as feed:
        assert feed.read("device-states", 0, 10)[0].bed == "7"


@pytest.mark.parametrize(("since", "expected"), [(0, 0), (BEGAN + 40_000, 39), (BEGAN + 40_001, 40), (2**61, 100)])
def test_what_came_since_a_time_begins_after_the_last_entry_before_it(ward, feed, since, expected):
    ward.add(100)
    assert feed.before("records", since).position == expected


def test_the_place_before_a_time_is_one_a_copy_can_go_on_from(ward, feed):
    ward.add(100)
    ward.add_event("raised", 1)
    found = feed.before("records", BEGAN + 40_000)
    assert found == Cursor(39, bookmark(feed.read("records", 38, 1)[0]))
    assert feed.resume("records", found) == found
    assert feed.before("alarm-events", 0) == START
    assert feed.before("alarm-events", 2**61).position == 1


def test_a_place_whose_entries_have_left_the_journal_is_believed(ward, feed):
    ward.add(100)
    ward.journal._db.execute("DELETE FROM record WHERE id <= 50")
    found = feed.before("records", BEGAN)
    assert found.position == 50
    assert feed.resume("records", found) == found


def test_an_admission_comes_as_it_stands_after_the_change(ward, feed):
    put = (
        'INSERT INTO admission_event (time, kind, admission, ward, bed, patient, start, "end", "by", reason)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    commit(ward, [Write(put, (5_000, "admitted", 3, "icu", "7", "p-1", 4_000, None, "nurse", ""))])
    commit(ward, [Write(put, (9_000, "discharged", 3, "icu", "7", "p-1", 4_000, 9_000, "nurse", "home"))])
    assert feed.read("admissions", 0, 10) == [
        StoredStay(1, 5_000, "admitted", 3, "icu", "7", "p-1", 4_000, None, "nurse", ""),
        StoredStay(2, 9_000, "discharged", 3, "icu", "7", "p-1", 4_000, 9_000, "nurse", "home"),
    ]
    assert feed.before("admissions", 6_000).position == 1
