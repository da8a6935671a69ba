"""Crash points of the spool and of a projection: a child is killed at each, and what it promised must hold.

WARDLINE_CHAOS_REPEATS says how many times each point kills.
"""

import os
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.spool_file import open_spool
from hub.journal import Batch, EventRow, Journal, RecordRow
from tests.chaos.promises import broken_promises
from tests.chaos.stories import ONE_MB
from vitals.alarms import Alarm, AlarmEvent
from vitals.codec import encode

REPEATS = int(os.environ.get("WARDLINE_CHAOS_REPEATS", "1"))

pytestmark = [pytest.mark.system, pytest.mark.timeout(60 + 30 * REPEATS)]

FIRST = ["spool.new.made", "spool.new.placed", "epoch.file.before_rename"]
SALVAGE = ["spool.salvage.read", "spool.salvage.made", "spool.salvage.aside", *FIRST]
# (story, its arguments, points it passes)
SPOOL = [
    ("first", {}, FIRST),
    ("fill", {}, ["spool.append.before_commit", "spool.append.after_commit"]),
    ("fill", {}, ["spool.prune.before_commit", "spool.prune.after_commit"]),
    ("fill", {"early": 150}, ["spool.drop.before_commit"]),
    ("trim", {}, ["spool.settle.before_commit", "spool.settle.after_commit"]),
    ("trim", {}, ["spool.trim.before_commit", "spool.trim.after_commit"]),
    ("put_back", {}, ["spool.epoch.before_commit", "spool.epoch.after_commit", "epoch.file.before_rename:2"]),
    ("refill", {}, ["spool.refill.before_commit", "spool.refill.after_commit"]),
]
PROJECTION = [
    "project.write.before",
    "project.write.after",
    "cursor.write.before_commit",
    "cursor.write.after_commit",
]
RECORDS, EVENTS, POISON = 50, 10, 23


def pairs(table):
    return [
        pytest.param(story, arguments, point, id=f"{story}-{point}")
        for story, arguments, points in table
        for point in points
    ]


def traps(point):
    """The trap of each repetition: the first pass, the second, …"""
    name, _, passes = point.partition(":")
    return [f"{name}:{int(passes or 1) + repeat}" for repeat in range(REPEATS)] if not passes else [point] * REPEATS


@pytest.mark.parametrize(("story", "arguments", "point"), pairs(SPOOL))
def test_a_spool_killed_at_any_point_keeps_its_promises(forks, quick_folder, story, arguments, point):
    died = 0
    for repeat, trap in enumerate(traps(point)):
        folder = quick_folder / str(repeat)
        folder.mkdir()
        pid = forks.story(story, folder=str(folder), log=quick_folder / "log", trap=trap, **arguments)
        died += forks.wait(pid) == -signal.SIGKILL
        for _ in range(2):  # the one that finds it so, and the one that goes on where it was cut off
            assert forks.wait(forks.story(story, folder=str(folder), log=quick_folder / "log", **arguments)) == 0
            assert broken_promises(folder) == [], trap
    assert died >= 1, (quick_folder / "log").read_text()


@pytest.mark.parametrize("point", SALVAGE)
def test_a_salvage_that_is_cut_off_loses_nothing_that_could_be_read(forks, quick_folder, point):
    assert forks.wait(forks.story("leave_log", folder=str(quick_folder), log=quick_folder / "log")) == -signal.SIGKILL
    damage(quick_folder / "spool.db")
    pid = forks.story("reopen", folder=str(quick_folder), log=quick_folder / "log", trap=point)
    assert forks.wait(pid) == -signal.SIGKILL
    assert forks.wait(forks.story("reopen", folder=str(quick_folder), log=quick_folder / "log")) == 0
    assert list(quick_folder.glob("spool.db.damaged-*")) != []
    assert broken_promises(quick_folder) == []


def damage(path: Path) -> None:
    """Write nonsense over a page of the file, and leave its write-ahead log alone."""
    copy = path.with_name("copy.db")
    copy.write_bytes(path.read_bytes())
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("PRAGMA journal_mode=DELETE")
        (size,) = db.execute("PRAGMA page_size").fetchone()
        leaves = "SELECT pageno FROM dbstat WHERE name = 'record' AND pagetype = 'leaf' ORDER BY pageno"
        pages = [page for (page,) in db.execute(leaves)]
    copy.unlink()
    with path.open("r+b") as file:
        file.seek((pages[len(pages) // 2] - 1) * size)
        file.write(os.urandom(size))


@pytest.fixture
def journal(quick_folder):
    """A journal with readings and alarms for a projection."""
    journal = Journal(quick_folder / "journal.db")
    batch = Batch()
    batch.records = [
        RecordRow("gw-1", 1, seq, "mon-a", "icu", "7", seq, seq, 0, b'{"clock":"synced"}')
        for seq in range(1, RECORDS + 1)
    ]
    alarm = Alarm(
        id="a" * 16,
        rule="r",
        kind="physiological",
        ward="icu",
        bed="7",
        state="active",
        priority="high",
        message="m",
        onset=1,
        raised=1,
        changed=1,
        rev=1,
    )
    event = AlarmEvent(change="raised", time=1, alarm=alarm)
    batch.events = [EventRow("a" * 16, "icu", "7", "r", "raised", 1, encode(event))] * EVENTS
    journal.commit(batch)
    journal.close()


@pytest.mark.usefixtures("journal")
@pytest.mark.parametrize("point", PROJECTION)
def test_a_projection_killed_at_any_point_copies_everything_at_least_once(forks, quick_folder, point):
    for passes in range(1, REPEATS + 4):
        pid = forks.story(
            "project", folder=str(quick_folder), poison=POISON, log=quick_folder / "log", trap=f"{point}:{passes}"
        )
        assert forks.wait(pid) in (0, -signal.SIGKILL)
    assert forks.wait(forks.story("project", folder=str(quick_folder), poison=POISON, log=quick_folder / "log")) == 0
    lines = (quick_folder / "sink.txt").read_text().split("\n")[:-1]
    copied = {line for line in lines if line.startswith("StoredRecord")}
    assert copied == {f"StoredRecord {number}" for number in range(1, RECORDS + 1) if number != POISON}
    assert {line for line in lines if line.startswith("StoredEvent")} == {
        f"StoredEvent {number}" for number in range(1, EVENTS + 1)
    }
    with closing(sqlite3.connect(quick_folder / "cursors.db")) as db:
        assert db.execute("SELECT entry FROM dead_letter").fetchall() == [(POISON,)]


def test_the_checker_of_promises_sees_what_is_broken(forks, quick_folder):
    assert forks.wait(forks.story("trim", folder=str(quick_folder), log=quick_folder / "log")) == 0
    assert broken_promises(quick_folder) == []
    open_spool(quick_folder / "spool.db", ONE_MB).close()
    with closing(sqlite3.connect(quick_folder / "spool.db")) as db, db:
        db.execute("DELETE FROM record WHERE seq = (SELECT max(seq) FROM record)")
    assert broken_promises(quick_folder)
