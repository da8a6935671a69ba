"""Late data: judged afterwards like data of then, written down once, whatever the order of its delivery."""

import sqlite3
from contextlib import closing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.history import History, RecordBody
from hub.journal import Batch, EventRow, Journal, RecordRow
from hub.late import LEAD_MS, Gaps, judged_row, look_back
from rules.checks import LONGEST_DELAY
from rules.documents import read_rules
from rules.engine import Bed
from rules.replay import replay
from rules.retrospect import Span
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.codec import encode
from vitals.identity import BedKey

BED = BedKey("icu", "1")
START = 1_763_682_504_000
RULES = read_rules(
    """
format: 1
id: probe
title: A limit with a delay
provenance: for tests
limits:
  - {id: spo2-low, parameter: spo2, low: 90, for: 3s, hysteresis: 2, priority: high, message: SpO2 low}
conditions:
  - {id: sensor-off, kind: technical, priority: low, when: "flag(spo2, sensor_off)", for: 0s, message: no sensor}
""",
    "probe.yaml",
)


def judge(bed, records, until):
    sources = ("gw-a/mon-a", "gw-a/mon-b")
    return replay([RULES], Bed(bed, sources), records, until=until, attended=True)


def row(second, spo2=97.0, *, late=1, device="mon-a", **fields):
    body = msgspec.json.encode(RecordBody(values={} if spo2 is None else {"spo2": spo2}, **fields))
    return RecordRow(
        "gw-a", 1, 1 + second * 10 + (device == "mon-b"), device, "icu", "1", START + second * 1_000, START, late, body
    )


def dip(first=20, last=40, length=60, **fields):
    return [row(second, 85.0 if first <= second <= last else 97.0, **fields) for second in range(length)]


def commit(path, *batches, events=()):
    journal = Journal(path)
    for rows in batches:
        batch = Batch()
        for one in rows:
            batch.records.append(one)
            batch.settle(one.gateway, one.epoch, one.seq)
        journal.commit(batch)
    batch = Batch()
    batch.events += [
        EventRow(event.alarm.id, "icu", "1", event.alarm.rule, event.change, event.time, encode(event))
        for event in events
    ]
    journal.commit(batch)
    journal.close()


def look(path, gaps, now=START + 3_600_000):
    """Look back and write down what was found, as the hub does."""
    due = gaps.due(now)
    if not due:
        return None
    found = look_back(path, "icu", due["icu"], judge, now)
    journal = Journal(path)
    batch = Batch()
    batch.writes += found.writes
    journal.commit(batch)
    journal.close()
    return found.summary


def noted(rows):
    gaps = Gaps()
    for one in rows:
        gaps.note(BED, one.time, START)
    return gaps


def told(path):
    history = History(path)
    events = [event for _, event in reversed(history.alarm_events(limit=100_000))]
    history.close()
    return sorted(
        ((event.change, event.time, event.alarm.id, event.alarm.late) for event in events), key=lambda e: e[1]
    )


def test_an_alarm_nobody_was_told_of_is_found_and_written_down_as_late(tmp_path):
    path = tmp_path / "journal.db"
    commit(path, dip())
    summary = look(path, noted(dip()))
    onset = START + 20_000
    number = alarm_id("spo2-low", "icu", "1", onset)
    assert told(path) == [("raised", onset + 3_000, number, True), ("cleared", START + 41_000, number, True)]
    assert (summary.found, summary.records, summary.beds) == (1, 60, ["1"])
    assert [alarm.id for alarm in summary.alarms] == [number]
    with closing(sqlite3.connect(path)) as db, db:
        assert db.execute("SELECT count(*) FROM outbox").fetchone() == (0,)  # nothing of it is to be announced


def test_looking_back_twice_adds_nothing(tmp_path):
    path = tmp_path / "journal.db"
    commit(path, dip())
    look(path, noted(dip()))
    once = told(path)
    assert look(path, noted(dip())).found == 1
    assert told(path) == once


def test_what_people_were_told_of_at_the_time_is_not_told_again(tmp_path):
    path = tmp_path / "journal.db"
    onset = START + 10_000
    alarm = Alarm(
        id=alarm_id("spo2-low", "icu", "1", onset), rule="spo2-low", ward="icu", bed="1", kind="physiological",
        priority="high", state="active", rev=1, message="SpO2 low", onset=onset, raised=onset, changed=onset,
    )  # fmt: skip
    live = AlarmEvent(change="raised", time=onset, alarm=alarm)
    commit(path, dip(), events=[live])
    assert look(path, noted(dip())).found == 0
    assert len(told(path)) == 1


def test_a_dip_that_began_before_the_gap_has_its_true_onset(tmp_path):
    path = tmp_path / "journal.db"
    rows = [one._replace(late=int(one.time >= START + 22_000)) for one in dip()]  # cut off 2 s after the dip began
    commit(path, rows)
    look(path, noted([one for one in rows if one.late]))
    assert [(change, time) for change, time, _, _ in told(path)] == [
        ("raised", START + 23_000),
        ("cleared", START + 41_000),
    ]


def test_alarms_of_equipment_are_not_looked_for_in_the_past(tmp_path):
    path = tmp_path / "journal.db"
    rows = [row(second, None, flags={"spo2": "sensor_off"}) for second in range(30)]
    commit(path, rows)
    assert look(path, noted(rows)).found == 0


def test_a_reading_of_an_unknown_time_is_not_judged(tmp_path):
    path = tmp_path / "journal.db"
    rows = dip(clock="unsynced")
    commit(path, rows)
    assert look(path, noted(rows)).found == 0


def test_a_gap_is_filled_when_nothing_came_for_a_while_and_a_long_one_is_taken_in_pieces():
    gaps = Gaps()
    gaps.note(BED, 500, 10_000)
    gaps.note(BED, 100, 12_000)
    assert gaps.due(16_999) == {}
    (gap,) = gaps.due(17_000)["icu"]
    assert (gap.bed, gap.span, gap.records) == (BED, Span(100, 500), 2)
    assert not gaps
    for now in range(20_000, 81_000, 1_000):
        assert gaps.due(now) == {}
        gaps.note(BED, now, now)
        if now >= 79_000:
            break
    assert gaps.due(80_000)["icu"][0].records == 60


def test_what_waited_when_the_hub_was_killed_is_looked_at_after_the_restart(tmp_path):
    path = tmp_path / "journal.db"
    commit(path, dip(), [row(70, late=0)])
    journal = Journal(path)
    gaps = Gaps()
    gaps.restore(journal, START)
    batch = Batch()
    batch.writes.append(judged_row(60))
    journal.commit(batch)
    journal.close()
    (gap,) = gaps.due(START + 10_000)["icu"]
    assert (gap.span, gap.records) == (Span(START, START + 59_000), 60)
    journal = Journal(path)
    again = Gaps()
    again.restore(journal, START)
    journal.close()
    assert not again


VALUES = st.lists(st.sampled_from([97.0, 91.0, 85.0, None]), min_size=1, max_size=40)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("late")


@settings(max_examples=40, deadline=None)
@given(data=st.data(), first=VALUES, second=VALUES)
def test_delivery_out_of_order_and_twice_gives_the_same_history_as_delivery_in_order(folder, data, first, second):
    rows = [row(second_, value) for second_, value in enumerate(first)]
    rows += [row(second_, value, device="mon-b") for second_, value in enumerate(second)]
    rows.sort(key=lambda one: one.time)
    shuffled = data.draw(st.permutations(rows))
    again = data.draw(st.lists(st.sampled_from(rows), max_size=10))
    cut = data.draw(st.integers(0, len(shuffled)))
    histories = []
    for batches in ([rows], [shuffled[:cut], [*again, *shuffled[cut:], *again]]):
        path = folder / "journal.db"
        commit(path, *batches)
        look(path, noted(rows))
        histories.append(told(path))
        for part in folder.iterdir():
            part.unlink()
    assert histories[0] == histories[1]


def test_the_lead_is_longer_than_any_delay_of_a_rule():
    assert int(LONGEST_DELAY) < LEAD_MS
