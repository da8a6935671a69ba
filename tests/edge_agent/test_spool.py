import contextlib
import os
import signal
import sqlite3
import subprocess
import sys

import msgspec
import pytest

from edge_agent.spool_file import SpoolLock, open_spool
from vitals.errors import StorageError, UsageError
from vitals.readings import Record


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool" / "spool.db"


def fill(path, draft, count):
    spool = open_spool(path)
    spool.append([draft(number) for number in range(1, count + 1)])
    return spool


def records(spool, low=1, high=10**9):
    return [msgspec.json.decode(body, type=Record) for _, body in spool.read([(low, high)], 1 << 30)]


def test_seqs_begin_at_one_and_have_no_gaps(path, draft):
    spool = open_spool(path)
    first = spool.append([draft(1), draft(2)])
    second = spool.append([draft(3)])
    assert (first.first, first.last, second.first, second.last) == (1, 2, 3, 3)
    assert [record.seq for record in records(spool)] == [1, 2, 3]


def test_a_record_comes_back_as_it_was(path, draft):
    spool = open_spool(path)
    given = draft(5, flags={"spo2": "sensor_off"}, states=("sensor_off",), clock="holdover")
    spool.append([given])
    assert records(spool) == [given.record(1)]


def test_a_seq_is_never_given_out_twice_even_when_all_rows_are_gone(path, draft):
    spool = fill(path, draft, 10)
    spool.settle([(1, 10)])
    spool.close()
    again = open_spool(path)
    assert again.holding().count == 0
    assert again.append([draft(1)]).first == 11


def test_the_epoch_stays_over_an_orderly_restart(path, draft):
    spool = fill(path, draft, 3)
    epoch = spool.epoch
    spool.close()
    again = open_spool(path)
    assert (again.epoch, again.note, again.holding().count) == (epoch, "", 3)


def test_a_spool_that_is_made_anew_has_a_higher_epoch(path, draft):
    spool = fill(path, draft, 3)
    spool.close()
    for file in path.parent.glob("spool.db*"):
        if file.name != "spool.db.epoch":
            file.unlink()
    assert open_spool(path).epoch > spool.epoch


def test_an_epoch_is_not_repeated_on_an_empty_disk(path):
    assert open_spool(path).epoch > 1_700_000_000


def test_reading_stops_before_the_message_is_full_but_gives_at_least_one(path, draft):
    spool = fill(path, draft, 100)
    size = len(spool.read([(1, 1)])[0][1])
    assert len(spool.read([(1, 100)], max_bytes=10 * (size + 2))) == 10
    assert len(spool.read([(1, 100)], max_bytes=1)) == 1


def test_reading_skips_what_is_forgotten(path, draft):
    spool = fill(path, draft, 10)
    spool.settle([(2, 4)], [(7, 7)])
    assert [seq for seq, _ in spool.read([(1, 5), (6, 8)])] == [1, 5, 6, 8]
    holding = spool.holding()
    assert (holding.lowest, holding.highest, holding.count, holding.accepted) == (1, 10, 6, 10)


def test_a_record_too_large_for_a_message_is_refused_before_it_has_a_seq(path, draft, caplog):
    spool = open_spool(path)
    huge = draft(2, states=tuple(f"state-{number:06}" for number in range(6_000)))
    done = spool.append([draft(1), huge, draft(3)])
    assert (done.first, done.last, done.refused) == (1, 2, 1)
    assert [record.time for record in records(spool)] == [draft(1).time, draft(3).time]
    assert "64 kB" in caplog.text


def test_the_newest_time_of_each_device_is_known(path, draft):
    spool = open_spool(path)
    spool.append([draft(1), draft(2, device="mon-b"), draft(9), draft(3)])
    assert spool.newest_times() == {"mon-a": draft(9).time, "mon-b": draft(2).time}


def test_young_rows_are_those_of_this_boot(path, draft):
    spool = open_spool(path)
    spool.append([draft(1, boot="old", steady=900), draft(2, steady=100), draft(3, steady=900)])
    assert spool.young("boot-1", 500) == [(3, 900)]


def test_two_agents_never_share_a_spool(path):
    lock = SpoolLock(path)
    with pytest.raises(UsageError, match="another edge agent uses the spool"):
        SpoolLock(path)
    lock.release()
    SpoolLock(path).release()


def test_a_new_epoch_keeps_the_rows_and_their_seqs(path, draft):
    spool = fill(path, draft, 5)
    before = spool.epoch
    assert spool.new_epoch("put back from a copy", draft(9)) > before
    spool.close()
    again = open_spool(path)
    assert again.epoch > before
    assert [record.seq for record in records(again)] == [1, 2, 3, 4, 5]


CHILD = """
import sys
from pathlib import Path
from edge_agent.spool_file import open_spool
from edge_agent.stamp import Draft
spool = open_spool(Path(sys.argv[1]))
while True:
    first = spool.accepted() + 1
    done = spool.append([Draft(device="mon-a", time=n, steady=n, boot="b", clock="synced", values={"hr": 60.0})
                         for n in range(first, first + 20)])
    print(done.last, flush=True)
"""


def test_killing_the_writer_loses_nothing_it_committed_and_leaves_no_gap(path, draft):
    promised = 0
    for _ in range(5):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True)
        lines = [child.stdout.readline() for _ in range(5)]
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.wait()
        child.stdout.close()
        promised = max(int(text) for text in lines if text.strip())
        spool = open_spool(path)
        holding = spool.holding()
        assert spool.note == ""
        assert holding.accepted >= promised
        assert holding.count == holding.accepted == holding.highest
        spool.close()
    assert promised >= 500


def zero(data):
    return bytes(len(data))


def truncate(data):
    return data[: len(data) // 2]


def overwrite_page(data):
    return data[:163_840] + os.urandom(4_096) + data[167_936:]


def overwrite_books(data):
    with contextlib.closing(sqlite3.connect(":memory:")) as database:
        database.deserialize(data.replace(b"\2\2", b"\1\1", 1))  # a copy in memory has no write-ahead log
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'settled'").fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    return data[: (page - 1) * size] + os.urandom(size) + data[page * size :]


def overwrite_head(data):
    return os.urandom(100) + data[100:]


def empty(_data):
    return b""


@pytest.mark.parametrize("damage", [zero, truncate, overwrite_page, overwrite_books, overwrite_head, empty])
def test_a_damaged_spool_is_moved_aside_and_a_new_epoch_begins(path, draft, damage, caplog):
    spool = fill(path, draft, 2_000)
    epoch = spool.epoch
    spool.close()
    path.write_bytes(damage(path.read_bytes()))
    again = open_spool(path)
    assert again.epoch > epoch
    assert again.note.startswith("spool_damaged")
    assert len([file for file in path.parent.glob("spool.db.damaged-*") if file.name.endswith("Z")]) == 1
    holding = again.holding()
    assert holding.count == holding.accepted
    assert [record.seq for record in records(again)] == list(range(1, holding.count + 1))
    assert again.waiting() == ([(1, holding.count)] if holding.count else [])
    assert again.append([draft(1)]).first == holding.count + 1
    assert "spool_damaged" in caplog.text
    again.close()
    assert open_spool(path).epoch == again.epoch


def test_rows_on_whole_pages_survive_a_damaged_page_and_the_lost_ones_are_declared(path, draft):
    spool = fill(path, draft, 2_000)
    spool.close()
    path.write_bytes(overwrite_page(path.read_bytes()))
    *salvaged, gap = records(open_spool(path))
    assert 1_800 < len(salvaged) < 2_000
    found = {record.time for record in salvaged}
    assert found < {draft(number).time for number in range(1, 2_001)}
    assert (gap.gap.reason, gap.gap.epoch) == ("salvage", spool.epoch)
    assert gap.gap.count == 2_000 - len(salvaged)
    lost = {draft(seq).time for low, high in gap.gap.spans() for seq in range(low, high + 1)}
    assert found | lost == {draft(number).time for number in range(1, 2_001)}


def test_rows_the_hub_has_already_are_not_salvaged_to_be_sent_again(path, draft):
    spool = open_spool(path, retain_ms=1 << 40)
    spool.append([draft(number) for number in range(1, 2_001)])
    spool.settle([(1, 800), (1_601, 2_000)], watermark=800)
    assert spool.holding().count == 2_000
    spool.close()
    path.write_bytes(overwrite_page(path.read_bytes()))
    *salvaged, gap = records(open_spool(path))
    numbers = {record.time - draft(0).time for record in salvaged}
    numbers |= {seq for low, high in gap.gap.spans() for seq in range(low, high + 1)}
    assert numbers == set(range(801, 1_601))


def test_when_the_books_are_damaged_every_row_is_sent_again_rather_than_lost(path, draft):
    spool = open_spool(path, retain_ms=1 << 40)
    spool.append([draft(number) for number in range(1, 2_001)])
    spool.settle([(1, 2_000)])
    spool.close()
    path.write_bytes(overwrite_books(path.read_bytes()))
    again = open_spool(path)
    assert again.waiting() == [(1, 2_000)]
    assert "nobody knows how many lost" in again.note


def test_the_first_half_survives_when_the_file_is_cut_short(path, draft):
    fill(path, draft, 2_000).close()
    path.write_bytes(truncate(path.read_bytes()))
    assert len(records(open_spool(path))) > 500


def test_every_row_survives_when_the_head_of_the_file_is_gone(path, draft):
    spool = open_spool(path)
    long = {f"state-{number:04}": "sensor_off" for number in range(400)}  # a row over several pages
    spool.append([draft(number, flags=long if number == 700 else {}) for number in range(1, 2_001)])
    spool.close()
    path.write_bytes(overwrite_head(path.read_bytes()))
    salvaged = records(open_spool(path))
    assert [record.time for record in salvaged] == [draft(number).time for number in range(1, 2_001)]
    assert salvaged[699].flags == long


def test_rows_of_a_log_that_was_not_folded_in_survive_when_the_file_is_gone(path, draft):
    spool = fill(path, draft, 50)
    spool.append([draft(number) for number in range(51, 61)])
    file, log = path.read_bytes(), path.with_name("spool.db-wal").read_bytes()
    spool.close()
    path.write_bytes(zero(file))
    path.with_name("spool.db-wal").write_bytes(log)
    assert len(records(open_spool(path))) >= 10


def test_a_file_without_its_sentinel_row_is_damaged_not_new(path, draft):
    spool = fill(path, draft, 10)
    spool.close()
    database = sqlite3.connect(path)
    database.execute("DELETE FROM meta")
    database.commit()
    database.close()
    again = open_spool(path)
    assert again.epoch > spool.epoch
    assert "sentinel" in again.note
    assert again.holding().count == 10


def test_a_spool_of_a_newer_version_is_left_alone(path, draft):
    fill(path, draft, 10).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE meta SET format = 99")
    database.commit()
    database.close()
    with pytest.raises(StorageError, match="install a newer one"):
        open_spool(path)
    assert not list(path.parent.glob("*.damaged-*"))


def test_a_start_cut_off_between_moving_aside_and_putting_in_place_loses_nothing(path, draft):
    spool = fill(path, draft, 10)
    spool.close()
    path.rename(path.with_name("spool.db.new"))
    again = open_spool(path)
    assert (again.epoch, again.holding().count) == (spool.epoch, 10)


def test_a_half_made_spool_is_made_anew(path, draft):
    path.parent.mkdir()
    path.with_name("spool.db.new").write_bytes(b"SQLite format 3\0" + bytes(4080))
    assert open_spool(path).append([draft(1)]).last == 1


def test_a_full_disk_refuses_the_whole_group_and_keeps_what_is_there(path, draft):
    spool = fill(path, draft, 10)
    pages = spool._database.execute("PRAGMA page_count").fetchone()[0]
    spool._database.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StorageError, match="full"):
        spool.append([draft(number) for number in range(5_000)])
    assert spool.holding().count == spool.accepted() == 10
    assert spool.append([draft(11)]).first == 11


def test_a_spool_of_the_format_before_is_taken_over(path, draft):
    spool = fill(path, draft, 10)
    epoch = spool.epoch
    spool.close()
    database = sqlite3.connect(path)
    database.executescript(
        "DROP TABLE settled; DROP INDEX record_wave; DELETE FROM record WHERE seq IN (1, 2, 5);"
        "ALTER TABLE meta DROP COLUMN receipted; ALTER TABLE meta DROP COLUMN rejected;"
        "ALTER TABLE meta DROP COLUMN watermark; UPDATE meta SET format = 1, pruned = 1"
    )
    database.close()
    again = open_spool(path)
    assert (again.epoch, again.accepted(), again.waiting()) == (epoch, 10, [(3, 4), (6, 10)])
    assert (again.receipted, again.pruned) == (2, 1)
    again.close()
    assert open_spool(path).waiting() == [(3, 4), (6, 10)]
