"""The burden of alarms as a journal tells it."""

import msgspec
import pytest

from hub.burden import burden_of
from hub.history import History
from hub.journal import Batch, EventRow, Journal
from rules.burden import DAY_MS
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.identity import BedKey

START = 1_763_682_504_000
END = START + DAY_MS
BEDS = [BedKey("icu", "1"), BedKey("icu", "2"), BedKey("west", "1")]


def events(raised, *, over_s=60, seen_s=None, ward="icu", bed="1", rule="spo2-low", **fields):
    """The transitions of one alarm that was raised, perhaps acknowledged, and over after `over_s`."""
    alarm = Alarm(
        id=alarm_id(rule, ward, bed, raised),
        rule=rule,
        ward=ward,
        bed=bed,
        kind="physiological",
        priority="medium",
        state="active",
        rev=1,
        message="SpO2 low",
        onset=raised,
        raised=raised,
        changed=raised,
        **fields,
    )
    story = [("raised", 0), ("acknowledged", seen_s), ("cleared", over_s)]
    told = []
    for change, after in story:
        if after is not None:
            now = raised + after * 1_000
            alarm = msgspec.structs.replace(alarm, rev=len(told) + 1, changed=now)
            told.append(AlarmEvent(change=change, time=now, alarm=alarm, by="nurse-1" if change[0] == "a" else ""))
    return told


@pytest.fixture
def ask(tmp_path):
    """The burden of what is given, by the journal's own way."""
    journal = Journal(tmp_path / "journal.db")
    histories = []

    def burden(*stories, start=START, end=END, now=END, ward=None):
        batch = Batch()
        for event in sorted((event for story in stories for event in story), key=lambda event: event.time):
            alarm = event.alarm
            body = msgspec.json.encode(event)
            batch.events.append(EventRow(alarm.id, alarm.ward, alarm.bed, alarm.rule, event.change, event.time, body))
        journal.commit(batch)
        histories.append(History(tmp_path / "journal.db"))
        return burden_of(histories[-1], BEDS, start=start, end=end, now=now, ward=ward)

    yield burden
    for history in histories:
        history.close()
    journal.close()


def test_every_bed_counts_though_it_was_quiet(ask):
    found = ask(events(START), events(START + 100_000, ward="west"))
    assert (found.beds, found.alarms, found.per_bed_day) == (3, 2, pytest.approx(2 / 3))
    assert [(bed.ward, bed.bed, bed.alarms) for bed in found.by_bed] == [
        ("icu", "1", 1),
        ("west", "1", 1),
        ("icu", "2", 0),
    ]


def test_one_ward_is_that_ward_alone(ask):
    found = ask(events(START), events(START, ward="west"), events(START, bed="", subject="gateway/gw-1"), ward="icu")
    assert (found.beds, found.alarms, found.equipment) == (2, 1, 1)


def test_what_happens_to_an_alarm_after_the_span_belongs_to_it(ask):
    found = ask(events(END - 10_000, seen_s=30, over_s=600), now=END + DAY_MS)
    assert (found.alarms, found.latency_median_s, found.median_duration_s) == (1, 30.0, 600.0)
    assert found.by_bed[0].in_alarm_s == 10.0


def test_an_alarm_from_before_the_span_is_time_in_alarm_and_no_alarm(ask):
    found = ask(events(START - 600_000, over_s=660))
    assert (found.alarms, found.by_bed[0].in_alarm_s) == (0, 60.0)


def test_a_span_that_is_not_over_yet_ends_now(ask):
    found = ask(events(START)[:1], now=START + DAY_MS // 4)
    assert (found.end, found.bed_days, found.per_bed_day) == (START + DAY_MS // 4, 0.75, pytest.approx(4 / 3))
    assert found.by_bed[0].in_alarm_s == DAY_MS / 4_000


def test_a_span_in_the_future_is_empty_and_unknown(ask):
    found = ask(now=START - 1)
    assert (found.alarms, found.bed_days, found.per_bed_day) == (0, 0.0, None)


def test_a_bed_that_was_taken_out_of_the_settings_counts_with_its_alarms(ask):
    found = ask(events(START, bed="77"))
    assert (found.beds, found.by_bed[0].bed) == (4, "77")
