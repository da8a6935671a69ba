"""The minutes: made from the whole of a minute, whatever comes late, twice or in another order."""

import json
import re
from contextlib import closing

import msgspec
import pytest

from hub.history import History, RecordBody
from hub.journal import Batch, RecordRow
from hub.projections.influxdb.minutes import Stretch, points, stretches
from tests.hub.projections.conftest import START

MINUTE = START // 60_000 * 60_000
NEXT = MINUTE + 60_000


def add(ward, seq, time, *, bed="7", epoch=1, device="mon-a", received=None, gateway="gw-1", **values):
    """Commit one record."""
    body = msgspec.json.encode(RecordBody(values=values, flags={} if values else {"hr": "lead_off"}))
    batch = Batch()
    when = time if received is None else received
    batch.records.append(RecordRow(gateway, epoch, seq, device, "icu" if bed else "", bed, time, when, 0, body))
    batch.settle(gateway, epoch, seq)
    ward.journal.commit(batch)


def made(ward, position=0):
    """What is made for the records after `position`: {(series, time): {field: value}}."""
    with closing(History(ward.path)) as history:
        found = list(points(history, stretches(history.after(position, 10_000))))
    split = [point.decode().split(" ") for point in found]
    assert len({(tags, time) for tags, _, time in split}) == len(split)
    return {(tags, int(time) // 1_000_000): _fields(fields) for tags, fields, time in split}


def _fields(text):
    pairs = re.findall(r"([a-z0-9_]+)=([^,]+)", text)
    return {name: json.loads(value.removesuffix("i")) for name, value in pairs}


SERIES = "vitals_1m,bed=7,device=mon-a,gateway=gw-1,ward=icu"


def test_a_minute_says_how_many_how_low_how_high_the_mean_and_the_last(ward):
    for seq, hr in enumerate((80.0, 60.0, 100.0), 1):
        add(ward, seq, MINUTE + seq * 1_000, hr=hr)
    assert made(ward) == {
        (SERIES, MINUTE): {
            "records": 3,
            "hr_count": 3,
            "hr_min": 60.0,
            "hr_max": 100.0,
            "hr_mean": 80.0,
            "hr_last": 100.0,
        }
    }


def test_counts_are_whole_and_values_are_not(ward):
    add(ward, 1, MINUTE, hr=72.0)
    with closing(History(ward.path)) as history:
        (point,) = points(history, stretches(history.after(0, 10)))
    assert b"records=1i,hr_count=1i,hr_min=72.0," in point


def test_a_record_belongs_to_the_minute_it_was_measured_in(ward):
    add(ward, 1, NEXT - 1, hr=60.0)
    add(ward, 2, NEXT, hr=70.0)
    assert {time: fields["hr_last"] for (_, time), fields in made(ward).items()} == {MINUTE: 60.0, NEXT: 70.0}


def test_a_minute_without_a_number_counts_its_records_and_claims_no_value(ward):
    add(ward, 1, MINUTE)
    assert made(ward) == {(SERIES, MINUTE): {"records": 1}}


def test_what_comes_late_makes_its_minute_anew_with_all_that_was_there(ward):
    add(ward, 1, MINUTE + 30_000, hr=60.0)
    add(ward, 2, NEXT, hr=99.0)
    add(ward, 3, MINUTE + 1_000, hr=80.0)
    assert made(ward, position=2) == {
        (SERIES, MINUTE): {
            "records": 2,
            "hr_count": 2,
            "hr_min": 60.0,
            "hr_max": 80.0,
            "hr_mean": 70.0,
            "hr_last": 60.0,
        }
    }


def test_the_order_in_which_records_came_makes_no_difference(ward):
    for seq, hr in ((3, 0.3), (1, 0.1), (2, 0.2)):
        add(ward, seq, MINUTE, hr=hr)
    for seq, hr in ((1, 0.1), (2, 0.2), (3, 0.3)):
        add(ward, seq, MINUTE, bed="8", epoch=2, hr=hr)
    one, other = made(ward).values()
    assert one == other
    assert one["hr_last"] == 0.3


def test_each_device_and_each_bed_has_minutes_of_its_own(ward):
    add(ward, 1, MINUTE, hr=60.0)
    add(ward, 2, MINUTE, device="mon-b", hr=70.0)
    add(ward, 3, MINUTE, bed="8", hr=80.0)
    add(ward, 4, MINUTE, bed="", hr=90.0)
    assert {series: fields["hr_last"] for (series, _), fields in made(ward).items()} == {
        SERIES: 60.0,
        SERIES.replace("mon-a", "mon-b"): 70.0,
        SERIES.replace("bed=7", "bed=8"): 80.0,
        "vitals_1m,bed=-,device=mon-a,gateway=gw-1,ward=-": 90.0,
    }


def test_a_record_that_cannot_be_read_does_not_spoil_its_minute(ward):
    add(ward, 1, MINUTE, hr=60.0)
    add(ward, 2, MINUTE, hr=70.0)
    ward.journal._db.execute("UPDATE record SET body = ? WHERE id = 1", (b"{nonsense",))
    assert made(ward)[SERIES, MINUTE]["hr_count"] == 1


def test_minutes_next_to_each_other_are_read_together_but_not_without_end(ward):
    for seq in range(1, 26):
        add(ward, seq, MINUTE + seq * 60_000, hr=60.0)
    add(ward, 26, MINUTE + 100 * 60_000, hr=60.0)
    with closing(History(ward.path)) as history:
        found = stretches(history.after(0, 100))
    assert [(stretch.end - stretch.start) // 60_000 for stretch in found] == [10, 10, 5, 1]
    assert found[0] == Stretch("icu", "7", MINUTE + 60_000, MINUTE + 11 * 60_000)


@pytest.fixture
def cut(ward):
    """A journal whose first 90 of 240 seconds have left it."""
    for seq in range(1, 241):
        add(ward, seq, MINUTE + seq * 1_000, hr=60.0)
    while ward.journal._db.execute("SELECT min(id) FROM record").fetchone()[0] <= 90:
        batch = Batch()
        batch.settle("gw-2", 1, 1)
        batch.records.append(RecordRow("gw-2", 1, 1, "mon-z", "icu", "9", MINUTE, MINUTE + 241_000, 0, b"{}"))
        ward.journal.commit(batch, keep_after=MINUTE + 91_000)
    return ward


def test_a_minute_that_has_partly_left_the_journal_is_not_made_again(cut):
    assert {time for series, time in made(cut) if series == SERIES} == {
        MINUTE + 120_000,
        MINUTE + 180_000,
        MINUTE + 240_000,
    }


def test_readings_of_long_ago_are_made_unless_their_gateway_has_lost_some_of_then(cut):
    add(cut, 241, MINUTE - 7_200_000, received=MINUTE + 300_000, hr=60.0)
    add(cut, 1, MINUTE - 7_200_000, received=MINUTE + 300_000, gateway="gw-3", hr=60.0)
    found = {series for series, time in made(cut, 241) if time < MINUTE}
    assert found == {SERIES.replace("gw-1", "gw-3")}


def test_one_wrong_clock_does_not_stop_the_minutes_of_now(ward):
    """The oldest record left claims to be of next year."""
    for seq in range(1, 4):
        add(ward, seq, MINUTE + (seq == 2) * 31_536_000_000, received=MINUTE + seq, hr=60.0)
    batch = Batch()
    batch.settle("gw-1", 1, 9)
    batch.records.append(RecordRow("gw-1", 1, 9, "mon-a", "icu", "7", NEXT + 120_000, NEXT + 120_000, 0, b"{}"))
    ward.journal.commit(batch, keep_after=MINUTE + 2)
    assert (SERIES, NEXT + 120_000) in made(ward)
