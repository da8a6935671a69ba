"""The lake holds every entry of the journal once, whatever was killed, repeated, replaced or refused."""

import json
import os
import shutil
import struct
import subprocess
import sys
import threading
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from hub.export.tables import rows_of
from hub.journal import Batch
from hub.journal_waves import WaveRow
from hub.projections.cursors import Cursors
from hub.projections.feed import Feed
from hub.projections.lake.lake import Lake
from hub.projections.lake.manifest import NAME, LakeFile, read_manifest
from hub.projections.lake.query import ask
from hub.projections.lake.sink import LakeSink
from hub.projections.lake.tables import STREAMS, muted
from hub.projections.lake.tidy import LARGE_BYTES, expired, groups
from hub.projections.lake.verify import verify
from hub.projections.sink import PoisonError
from tests.hub.export.conftest import T0, Archivist, fill
from tests.hub.projections.lake_writer import LAKE, copy, settings_of
from vitals.errors import StorageError, UsageError

DAY_MS = 86_400_000
WRITER = Path(__file__).with_name("lake_writer.py")


@pytest.fixture
def journal(tmp_path):
    """A journal over two days with something in every table, and scores."""
    made = Archivist(tmp_path / "journal.db")
    fill(made)
    grow(made)
    yield made
    made.journal.close()


def grow(archivist, count=60):
    """More records, half of them of the next day."""
    start = archivist.seq
    for number in range(start, start + count):
        archivist.record(
            T0 + (number % 2) * DAY_MS + number, values={"hr": 60.0 + number % 40}, flags={"rr": "lead_off"}
        )
    archivist._write(
        'INSERT INTO score (ward, bed, time, "table", total, complete, risk, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        ("icu", "1", T0 + start, "news2", None if start % 2 else 3, 1, "low", b'{"points":{}}'),
    )


def stored(folder) -> dict[str, Counter]:
    """Every row in the folders of the lake, as a stranger reads them: by table."""
    found = {}
    for table in list(STREAMS.values())[:-1]:
        root = folder / "lake" / table.name
        rows = Counter()
        if root.exists():
            partitions = ds.partitioning(pa.schema([("date", pa.string()), ("ward", pa.string())]), flavor="hive")
            for row in ds.dataset(root, partitioning=partitions).to_table().to_pylist():
                date = row.pop("date")
                assert f"{row['time']:%Y-%m-%d}" == date
                rows[_plain(table, row)] += 1
        found[table.name] = rows
    return found


def _plain(table, row):
    return tuple(
        round(row[name].timestamp() * 1000) if kind == "time" and row[name] is not None else row[name]
        for name, kind in table.columns
    )


def expected(folder, keeps=lambda row: True) -> dict[str, Counter]:
    """Every row the journal makes."""
    with closing(Feed(folder / "journal.db")) as feed:
        return {
            table.name: Counter(filter(keeps, map(muted(table), rows_of(table, feed.read(stream, 0, 100_000)))))
            for stream, table in STREAMS.items()
            if stream != "waves"
        }


def same(folder, **how):
    """The lake is what the journal makes, and sound."""
    here, there = stored(folder), expected(folder, **how)
    for name, rows in there.items():
        assert here[name] == rows, name
    assert verify(folder / "lake").problems == []
    return sum(rows.total() for rows in here.values())


def write(folder, killed_at="", **settings):
    """Run the writer in a process of its own; whether it was killed."""
    process = subprocess.run(
        [sys.executable, str(WRITER), str(folder), json.dumps(settings)],
        env={**os.environ, "WARDLINE_FAILPOINT": killed_at, "PYTHONPATH": str(WRITER.parents[3])},
        check=False,
    )
    assert process.returncode in (0, -9)
    return process.returncode == -9


def rewind(folder):
    cursors = Cursors(folder / "projections.db", "lake")
    cursors._db.execute("UPDATE cursor SET position = 0, bookmark = ''")
    cursors.close()


def test_every_entry_is_in_the_lake_once_by_date_and_ward(journal, tmp_path):
    copy(tmp_path, settings_of({"batch": 7}))
    assert same(tmp_path) > 130
    readings = sorted(
        path.relative_to(tmp_path / "lake/readings").parent for path in (tmp_path / "lake/readings").rglob("*.parquet")
    )
    assert [str(path) for path in readings] == [
        "date=2025-11-20/ward=__HIVE_DEFAULT_PARTITION__",
        "date=2025-11-20/ward=icu",
        "date=2025-11-20/ward=west",
        "date=2025-11-21/ward=icu",
    ]


@pytest.mark.parametrize("point", LAKE)
@pytest.mark.parametrize("passes", [1, 4])
def test_a_writer_killed_at_any_moment_leaves_every_row_once(journal, tmp_path, point, passes):
    killed = write(tmp_path, f"{point}:{passes}", batch=9)
    assert killed or (point == "lake.manifest.replace" and passes > 1)
    grow(journal, 20)
    copy(tmp_path, settings_of({"batch": 13}))
    same(tmp_path)


def test_killed_again_and_again_it_still_gets_there(journal, tmp_path):
    kills = 0
    for round_ in range(40):
        grow(journal, 3)
        kills += write(tmp_path, f"{LAKE[round_ % len(LAKE)]}:{1 + round_ % 3}", batch=2 + round_ % 5)
        if kills >= 6:
            break
    assert kills >= 6
    copy(tmp_path, settings_of({}))
    same(tmp_path)


def test_a_reader_of_the_folders_never_sees_a_row_twice(journal, tmp_path):
    for point in LAKE:
        write(tmp_path, f"{point}:2", batch=9)
        for table, rows in stored(tmp_path).items():
            assert max(rows.values(), default=1) == 1, (point, table)


def test_a_rebuild_adds_nothing(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    rows = same(tmp_path)
    rewind(tmp_path)
    copy(tmp_path, settings_of({"batch": 5}))
    assert same(tmp_path) == rows


def test_a_rebuild_puts_back_what_was_taken_out_of_the_folder(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    shutil.rmtree(tmp_path / "lake/readings/date=2025-11-20")
    assert any("is not there" in problem for problem in verify(tmp_path / "lake").problems)
    rewind(tmp_path)
    copy(tmp_path, settings_of({}))
    assert stored(tmp_path) == expected(tmp_path)


def test_a_journal_put_back_from_a_copy_brings_what_is_new_and_nothing_twice(journal, tmp_path):
    journal.journal.close()
    shutil.copy(tmp_path / "journal.db", tmp_path / "copy.db")
    journal.journal = type(journal.journal)(tmp_path / "journal.db")
    grow(journal, 30)
    copy(tmp_path, settings_of({}))
    before = stored(tmp_path)["readings"]
    journal.journal.close()
    for name in ("journal.db", "journal.db-wal", "journal.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    shutil.copy(tmp_path / "copy.db", tmp_path / "journal.db")
    journal.journal = type(journal.journal)(tmp_path / "journal.db")
    journal.seq += 100  # the gateways do not send again what they have a receipt for
    grow(journal, 10)
    copy(tmp_path, settings_of({}))
    after = stored(tmp_path)["readings"]
    assert after == before | expected(tmp_path)["readings"]
    assert max(after.values()) == 1


def test_json_lines_hold_the_same_and_a_kill_does_not_double_them(journal, tmp_path):
    assert write(tmp_path, "lake.publish.each:3", format="jsonl", batch=9)
    copy(tmp_path, settings_of({"format": "jsonl", "batch": 11}))
    rewind(tmp_path)
    copy(tmp_path, settings_of({"format": "jsonl"}))
    lines = [line for path in (tmp_path / "lake/readings").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert len(lines) == expected(tmp_path)["readings"].total()
    first = json.loads(lines[0])
    assert set(first) == {column.name for column in STREAMS["records"].columns} - {"ward"}
    assert sorted(json.loads(line)["seq"] for line in lines)[-1] == journal.seq
    assert verify(tmp_path / "lake").problems == []


def test_words_of_people_stay_out_unless_wanted(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    assert [row[-1] for row in stored(tmp_path)["tickets"]] == [None, None]
    shutil.rmtree(tmp_path / "lake")
    (tmp_path / "projections.db").unlink()
    copy(tmp_path, settings_of({"words": True}))
    assert {row[-1] for row in stored(tmp_path)["tickets"]} == {"offline: no answer", "-1+2 is the cable"}


def test_only_the_chosen_wards_are_kept(journal, tmp_path):
    copy(tmp_path, settings_of({"wards": ["west"]}))
    same(tmp_path, keeps=lambda row: row[1] == "west")


def test_a_record_that_cannot_be_read_is_a_dead_letter_and_the_rest_is_stored(journal, tmp_path):
    journal.journal._db.execute("UPDATE record SET body = x'00' WHERE id = 3")
    copy(tmp_path, settings_of({}))
    assert {row[-1] for row in stored(tmp_path)["readings"]} == set(range(1, journal.seq + 1)) - {3}
    sink = LakeSink(settings_of({}), tmp_path, tmp_path / "projections.db")
    with closing(Feed(tmp_path / "journal.db")) as feed, closing(sink):
        sink.open()
        (bad,) = feed.read("records", 2, 1)
        with pytest.raises(PoisonError):
            sink.write([bad])
        assert sink.render(bad) == b"\x00"
        assert b"error" in sink.render(feed.read("device-states", 1, 1)[0])


@pytest.mark.parametrize("format_", ["parquet", "jsonl"])
def test_waves_are_kept_when_wanted_and_a_sample_that_is_none_is_null(journal, tmp_path, format_):
    batch = Batch()
    for number in range(5):
        samples = struct.pack("<4h", number, -32768, 32767, -1)
        place = ("gw-1", 1, 1_000 + number, "mon-1", "pleth", "icu", "1", T0 + 1_000 * number)
        batch.waves.append(WaveRow(*place, T0, "synced", 4.0, 0.5, -1.0, "", samples))
    journal.journal.commit(batch)
    copy(tmp_path, settings_of({"format": format_}))
    assert not (tmp_path / "lake/waves").exists()
    copy(tmp_path, settings_of({"format": format_, "waves": True}))
    rewind(tmp_path)
    copy(tmp_path, settings_of({"format": format_, "waves": True}))
    with ask(tmp_path / "lake", "SELECT seq, samples, scale, unit FROM waves ORDER BY seq") as answer:
        rows = [row for portion in answer.portions for row in portion]
    assert rows == [(1_000 + number, [number, None, 32767, -1], 0.5, None) for number in range(5)]
    assert verify(tmp_path / "lake").problems == []


# The manifest.


def test_a_torn_last_line_of_the_manifest_was_never_committed(journal, tmp_path):
    copy(tmp_path, settings_of({"batch": 50}))
    manifest = tmp_path / "lake" / NAME
    whole = manifest.read_bytes()
    grow(journal, 5)
    for torn in (b'{"crc":"0', b'{"crc":"00000000","number":99}\n', b"\x00" * 40, b"\x00" * 40 + b"\n"):
        manifest.write_bytes(whole + torn)
        assert read_manifest(tmp_path / "lake").files
    copy(tmp_path, settings_of({}))
    same(tmp_path)


def test_damage_in_the_middle_of_the_manifest_is_said_and_nothing_is_deleted(journal, tmp_path):
    write(tmp_path, "lake.commit.after:5", batch=9)
    manifest = tmp_path / "lake" / NAME
    lines = manifest.read_bytes().split(b"\n")
    manifest.write_bytes(b"\n".join([lines[0], lines[1][:-2] + b"}}", *lines[2:]]))
    files = sorted((tmp_path / "lake").rglob("*.parquet"))
    with pytest.raises(StorageError, match=r"is damaged in line 2; put it back from a copy"):
        copy(tmp_path, settings_of({}))
    assert sorted((tmp_path / "lake").rglob("*.parquet")) == files


def test_a_lake_that_has_gone_is_not_begun_anew_by_itself(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    shutil.rmtree(tmp_path / "lake")
    with pytest.raises(UsageError, match=r"there was one; mount its disk, or begin an empty one"):
        copy(tmp_path, settings_of({}))
    assert not (tmp_path / "lake").exists()


def test_a_lake_is_begun_in_a_folder_that_is_there_and_for_its_group_alone(journal, tmp_path):
    with pytest.raises(StorageError, match="No such file or directory"):
        copy(tmp_path, settings_of({"folder": "not-mounted/lake"}))
    assert not (tmp_path / "not-mounted").exists()
    copy(tmp_path, settings_of({}))
    assert (tmp_path / "lake").stat().st_mode & 0o777 == 0o750


def test_only_one_process_writes_into_a_lake(tmp_path):
    lake = Lake(tmp_path / "lake", 0)
    with pytest.raises(UsageError, match="another process writes"):
        Lake(tmp_path / "lake", 0)
    lake.close()
    Lake(tmp_path / "lake", 0).close()


def test_the_check_finds_what_is_wrong(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    one, two, *_ = sorted((tmp_path / "lake").rglob("*.parquet"))
    one.write_bytes(one.read_bytes()[:-1] + b"2")
    two.unlink()
    stranger = two.with_name("part-99999999-000.parquet")
    stranger.parent.mkdir(exist_ok=True)
    stranger.write_bytes(b"")
    found = verify(tmp_path / "lake")
    assert len(found.problems) == 3
    assert any(one.name in problem and "is not what was written" in problem for problem in found.problems)
    assert any(two.name in problem and "is not there" in problem for problem in found.problems)
    assert any(stranger.name in problem and "is no part of the lake" in problem for problem in found.problems)


# Merging and retention.


def test_small_files_become_one_and_the_rows_stay(journal, tmp_path):
    write(tmp_path, batch=5)
    contents = read_manifest(tmp_path / "lake")
    assert same(tmp_path) == sum(file.rows for file in contents.files.values())
    assert len({name.rpartition("/")[0] for name in contents.files}) == len(contents.files)
    assert not any((tmp_path / "lake/.staging").iterdir())


def lake_file(number, **more):
    given = {"rows": 1, "bytes": 1_000, "sha256": "", "first": number, "last": number, "written": T0} | more
    return LakeFile(file=f"readings/date=2025-11-20/ward=icu/part-{number:08}-000.parquet", **given)


def test_a_day_that_lasts_is_merged_by_the_hour_and_a_day_that_is_over_as_a_whole():
    hour, small = lake_file(1, merged=True), [lake_file(2), lake_file(3)]
    assert groups([small[1], hour, small[0]], whole=False) == [small]
    assert groups([small[1], hour, small[0]], whole=True) == [[hour, *small]]
    assert groups([hour, small[0]], whole=False) == []


def test_files_that_are_large_enough_are_left_alone():
    large, half = lake_file(1, bytes=LARGE_BYTES), {"bytes": LARGE_BYTES // 2}
    assert groups([large, lake_file(2)], whole=True) == []
    parts = [lake_file(number, **half) for number in range(2, 7)]
    assert groups([large, *parts], whole=True) == [parts[:2], parts[2:4]]


def test_nothing_leaves_while_somebody_asks(journal, tmp_path):
    sink = LakeSink(settings_of({"batch": 5, "keep": "24h"}), tmp_path, tmp_path / "projections.db")
    with closing(Feed(tmp_path / "journal.db")) as feed, closing(sink):
        sink.open()
        for position in range(0, 40, 5):
            sink.write(feed.read("records", position, 5))
        later = sink._clock.wall_ms() + 2 * DAY_MS
        with ask(tmp_path / "lake", "SELECT seq FROM readings ORDER BY seq") as answer:
            assert sink._tidy.run(sink._lake, later, everything=True) == (0, 0)
            seqs = {row[0] for portion in answer.portions for row in portion}
        assert seqs == set(range(1, 41))
        assert not any((tmp_path / "lake/.staging").iterdir())
        gone, _ = sink._tidy.run(sink._lake, later, everything=True)
        assert gone > 8


def test_answers_are_of_one_moment_while_the_lake_grows_and_is_merged(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    over = threading.Event()

    def write_on():
        while not over.is_set():
            grow(journal, 4)
            copy(tmp_path, settings_of({"batch": 2}))

    writer = threading.Thread(target=write_on)
    writer.start()
    last, answers = 0, 0
    try:
        while answers < 12 or last < 110:
            with ask(tmp_path / "lake", "SELECT count(DISTINCT seq), max(seq) FROM readings") as answer:
                ((count, newest),) = next(answer.portions)
            assert count == newest >= last, "a record is missing"
            last, answers = newest, answers + 1
    finally:
        over.set()
        writer.join()
    same(tmp_path)


def test_a_file_that_is_put_in_its_place_while_somebody_asks_is_read_whole(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    lake = tmp_path / "lake"
    question = "SELECT ward, date, count(*) FROM readings GROUP BY ALL ORDER BY ALL"
    with ask(lake, question) as answer:
        before = [row for portion in answer.portions for row in portion]
    names = [name for name in read_manifest(lake).files if name.startswith("readings/")]
    for name in names:
        (lake / name).rename(lake / ".staging" / Path(name).name)
    with ask(lake, question) as answer:
        for name in names:  # the writer goes on
            (lake / ".staging" / Path(name).name).rename(lake / name)
        after = [row for portion in answer.portions for row in portion]
    assert after == before
    assert len(before) > 1


def test_what_is_too_old_leaves_unless_it_came_late(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    files = list(read_manifest(tmp_path / "lake").files.values())
    days = {file.file for file in files if "date=2025-11-20" in file.file}
    end = T0 - T0 % DAY_MS + DAY_MS
    aged = [msgspec.structs.replace(file, written=end - 1) for file in files]
    assert set(expired(aged, end)) == days
    assert expired([msgspec.structs.replace(file, written=end) for file in files], end) == []


def test_old_days_leave_the_folder_too(journal, tmp_path):
    copy(tmp_path, settings_of({}))
    sink = LakeSink(settings_of({"keep": "24h"}), tmp_path, tmp_path / "projections.db")
    sink.open()
    now = sink._clock.wall_ms()
    assert sink._tidy.run(sink._lake, now, everything=True) == (0, 0), "it was written just now"
    gone, _ = sink._tidy.run(sink._lake, now + 2 * DAY_MS, everything=True)
    sink.close()
    assert gone > 0
    assert list((tmp_path / "lake").rglob("*.parquet")) == []
    left = [path.name for path in (tmp_path / "lake").rglob("*") if not path.name.startswith(".")]
    assert sorted(left) == ["alarms", "devices", "manifest.jsonl", "readings", "scores", "tickets"]
