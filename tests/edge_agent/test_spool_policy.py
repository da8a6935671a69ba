"""What a spool keeps and what it gives up: size cap, full disk, the kept ring, and the gap records that tell."""

import contextlib

import msgspec
import pytest

from edge_agent import spool as spool_module
from edge_agent.spool_ballast import Ballast
from edge_agent.spool_file import default_cap, open_spool
from vitals.codec import check_record
from vitals.readings import Record

MINUTE = 60_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "spool" / "spool.db"


def records(spool):
    return [msgspec.json.decode(body, type=Record) for _, body in spool.read([(1, 10**9)], 1 << 30)]


def numbers(ranges):
    return [seq for low, high in ranges for seq in range(low, high + 1)]


def declared(spool):
    """Every seq named in the gap records held, each as often as it is named."""
    gaps = [record.gap for record in records(spool) if record.gap]
    assert all(check_record(record) is None for record in records(spool) if record.gap)
    assert all(gap.count == len(numbers(gap.spans())) for gap in gaps)
    return [seq for gap in gaps for seq in numbers(gap.spans())]


def present(spool):
    return [record.seq for record in records(spool)]


def balanced(spool):
    """Each seq ever given out is here, or receipted, or declared; exactly one of them."""
    holding = spool.holding()
    waiting = sum(high - low + 1 for low, high in spool.waiting())
    return holding.accepted == waiting + spool.receipted + spool.rejected + spool.pruned


def test_at_the_size_cap_the_oldest_go_and_gap_records_name_every_one(path, draft):
    spool = open_spool(path, max_bytes=1 << 20)
    pruned, gaps = [], []
    for start in range(0, 40_000, 2_000):
        done = spool.append([draft(number) for number in range(start, start + 2_000)])
        pruned += numbers(done.pruned)
        gaps += numbers(done.gaps)
    assert sorted(declared(spool)) == sorted(pruned)
    assert sorted(pruned + present(spool)) == list(range(1, spool.accepted() + 1))
    assert set(gaps) <= set(present(spool))
    assert spool.accepted() == 40_000 + len(gaps)
    assert spool.pruned == len(pruned)
    assert balanced(spool)
    gap = next(record for record in records(spool) if record.gap)
    assert (gap.gap.reason, gap.gap.kind, gap.gap.epoch) == ("spool_full", "vitals", spool.epoch)
    assert (gap.gap.start, gap.gap.end) == (draft(0).time, draft(gap.gap.count - 1).time)
    spool.close()
    assert path.stat().st_size < 3 << 20
    again = open_spool(path)
    assert (again.pruned, again.waiting()) == (spool.pruned, [*again.waiting()])
    assert numbers(again.waiting()) == present(again)


def test_waves_go_before_vitals_and_alarms_last(path, draft):
    spool = open_spool(path, max_bytes=1 << 20)
    kinds = {}
    for start in range(0, 15_000, 500):
        group = [
            draft(number, kind="alarm" if number % 100 == 0 else "wave" if number % 2 else "vitals")
            for number in range(start, start + 500)
        ]
        done = spool.append(group)
        kinds |= {done.first + index: item.kind for index, item in enumerate(group)}
    gone = declared(spool)
    went = [kinds[seq] for seq in gone]
    assert went.count("wave") == list(kinds.values()).count("wave") or "vitals" not in went
    assert {"wave", "vitals"} <= set(went)
    assert "alarm" not in went
    assert sorted(gone + present(spool)) == list(range(1, spool.accepted() + 1))
    assert balanced(spool)
    assert {record.gap.kind for record in records(spool) if record.gap} == {"wave", "vitals"}


def test_what_the_hub_has_goes_before_anything_it_has_not_and_is_no_gap(path, draft):
    spool = open_spool(path, max_bytes=1 << 20, retain_ms=1 << 40)
    spool.append([draft(number) for number in range(1, 3_001)])
    spool.settle([(1, 3_000)], watermark=3_000)
    pruned = []
    for start in range(3_001, 7_001, 500):
        pruned += spool.append([draft(number) for number in range(start, start + 500)]).pruned
    assert pruned == []
    assert (spool.pruned, declared(spool)) == (0, [])
    assert numbers(spool.waiting()) == list(range(3_001, 7_001))
    assert spool.lowest == present(spool)[0] > 1


def test_receipted_rows_stay_for_the_time_set_and_go_then(path, draft, monkeypatch):
    monkeypatch.setattr(spool_module, "TRIM_S", 0)
    spool = open_spool(path, retain_ms=10 * MINUTE)
    start = draft(0).time
    spool.append([draft(number, time=start + number * MINUTE) for number in range(30)])
    spool.settle([(1, 25)], watermark=25, now=start + 20 * MINUTE)
    assert present(spool) == list(range(11, 31))
    spool.settle([], now=start + 60 * MINUTE)
    assert present(spool) == list(range(26, 31)) == numbers(spool.waiting())
    assert spool.lowest == 26


def test_without_a_time_to_stay_receipted_rows_go_at_once(path, draft):
    spool = open_spool(path)
    spool.append([draft(number) for number in range(10)])
    spool.settle([(1, 4)], [(7, 7)])
    assert present(spool) == [5, 6, 8, 9, 10]
    assert (spool.receipted, spool.rejected) == (4, 1)


def test_receipted_rows_never_take_more_than_a_quarter_of_the_cap(path, draft):
    spool = open_spool(path, max_bytes=1 << 20, retain_ms=1 << 40)
    for start in range(1, 6_001, 500):
        spool.append([draft(number) for number in range(start, start + 500)])
        spool._trim_at = 0.0
        spool.settle([(start, start + 499)])
    assert 500 < spool.holding().count < 3_000
    assert spool.waiting() == []
    assert spool.fill == 0


def test_rows_settled_behind_others_that_have_gone_are_let_go_too(path, draft):
    spool = open_spool(path)
    spool.append([draft(number) for number in range(30)])
    spool.settle([(21, 30)])
    spool.settle([(1, 10)])
    assert present(spool) == list(range(11, 21))
    spool.settle([(11, 20)])
    assert present(spool) == []
    assert spool.lowest == 0


def test_a_settled_seq_is_counted_once_however_often_it_is_said(path, draft):
    spool = open_spool(path, retain_ms=1 << 40)
    spool.append([draft(number) for number in range(100)])
    spool.settle([(5, 9), (20, 30)])
    spool.settle([(1, 25), (28, 40)], [(40, 41)])
    assert (spool.receipted, spool.rejected) == (40, 1)
    assert spool.waiting() == [(42, 100)]
    spool.close()
    again = open_spool(path)
    assert (again.receipted, again.rejected, again.waiting()) == (40, 1, [(42, 100)])


def test_a_hub_that_lost_its_memory_gets_again_what_is_kept_and_hears_of_the_rest(path, draft):
    spool = open_spool(path, retain_ms=10 * MINUTE)
    start = draft(0).time
    spool.append([draft(number, time=start + number * MINUTE) for number in range(30)])
    spool.settle([(1, 28)], watermark=28, now=start + 20 * MINUTE)  # 1 to 10 are gone now
    done = spool.refill([(1, 5), (20, 21)], 5, draft(99))
    assert numbers(done.ranges) == [*range(11, 20), *range(22, 29)]
    assert numbers(done.missing) == [6, 7, 8, 9, 10]
    assert done.gaps == (31, 31)
    assert declared(spool) == [6, 7, 8, 9, 10]
    assert numbers(spool.waiting()) == [*range(11, 20), *range(22, 32)]
    assert spool.watermark == 5
    assert balanced(spool)


def test_what_a_kept_gap_record_says_is_not_declared_twice(path, draft):
    spool = open_spool(path, max_bytes=1 << 20, retain_ms=1 << 40)
    done = spool.append([draft(number) for number in range(12_000)])
    assert done.pruned
    spool.settle([(1, spool.accepted())], watermark=spool.accepted())
    refill = spool.refill([], 0, draft(99))
    named = declared(spool)
    assert len(named) == len(set(named))
    assert sorted(named + present(spool)) == list(range(1, spool.accepted() + 1))
    assert numbers(spool.waiting()) == present(spool)
    assert set(numbers(refill.ranges)) <= set(present(spool))
    assert balanced(spool)


def test_a_new_epoch_sends_what_waited_and_explains_its_other_seqs(path, draft):
    spool = open_spool(path, retain_ms=1 << 40)
    spool.append([draft(number) for number in range(10)])
    spool.settle([(1, 6)])
    before = spool.epoch
    epoch = spool.new_epoch("put back from a copy", draft(99))
    assert epoch > before
    assert present(spool) == [7, 8, 9, 10, 11]
    gap = records(spool)[-1].gap
    assert (gap.spans(), gap.reason, gap.epoch) == ([(1, 6)], "epoch_change", epoch)
    assert balanced(spool)


def test_how_full_it_is_counts_what_the_hub_has_not_had(path, draft):
    spool = open_spool(path, max_bytes=1 << 20, retain_ms=1 << 40)
    assert spool.fill == 0
    spool.append([draft(number) for number in range(4_000)])
    half = spool.fill
    assert 0.3 < half < 0.7
    spool.settle([(1, 3_000)])
    assert spool.fill < half / 2


def test_the_cap_is_a_quarter_of_a_small_disk(small_disk):
    assert default_cap(small_disk("8m") / "spool.db") == 2 << 20


def test_a_full_disk_costs_the_oldest_and_tells_which(small_disk, draft, caplog):
    folder = small_disk("4m")
    spool = open_spool(folder / "spool.db", max_bytes=64 << 20)
    assert (folder / "spool.db.ballast").exists()
    pruned, accepted = [], 0
    for start in range(0, 60_000, 200):
        done = spool.append([draft(number) for number in range(start, start + 200)])
        pruned += numbers(done.pruned)
        accepted += 200 + len(numbers(done.gaps))
    assert "is full" in caplog.text
    assert spool.disk_full
    assert not (folder / "spool.db.ballast").exists()
    assert spool.accepted() == accepted
    assert sorted(declared(spool)) == sorted(pruned)
    assert sorted(pruned + present(spool)) == list(range(1, accepted + 1))
    assert {record.gap.reason for record in records(spool) if record.gap} == {"disk_full"}
    assert balanced(spool)
    spool.close()
    assert len(present(open_spool(folder / "spool.db", max_bytes=64 << 20))) == accepted - len(pruned)


def test_when_others_fill_the_disk_the_spool_lives_within_what_it_has_until_there_is_room(
    small_disk, draft, monkeypatch, caplog
):
    caplog.set_level("INFO")
    folder = small_disk("8m")
    spool = open_spool(folder / "spool.db", max_bytes=64 << 20)
    spool.append([draft(number) for number in range(10_000)])
    with (folder / "log").open("wb", buffering=0) as other, contextlib.suppress(OSError):
        while True:
            other.write(bytes(4_096))
    for start in range(10_000, 30_000, 200):
        spool.append([draft(number) for number in range(start, start + 200)])
    assert spool.disk_full
    assert spool.pruned
    before = spool.holding().count
    (folder / "log").unlink()
    spool._look_again_at = 0.0
    monkeypatch.setattr(spool_module, "CAP_RETRY_S", 0)
    spool.append([draft(1)])
    assert not spool.disk_full
    assert (folder / "spool.db.ballast").exists()
    assert "has room again" in caplog.text
    pruned = spool.pruned
    spool.append([draft(number) for number in range(5_000)])
    assert (spool.pruned, spool.holding().count) == (pruned, before + 5_001)
    assert balanced(spool)


def test_there_is_no_ballast_where_it_would_be_most_of_the_disk(small_disk):
    folder = small_disk("256k")
    ballast = Ballast(folder / "spool.db", 2 << 30)
    assert not ballast.take()
    assert not ballast.aboard
