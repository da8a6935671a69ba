"""The burden of alarms: what counts, where, and how it is measured."""

import msgspec
import pytest

from rules.burden import DAY_MS, burden, quantile
from rules.episodes import Ledger, fold
from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.identity import BedKey

START = 1_700_000_000_000
ICU = {BedKey("icu", str(number)): (START, START + DAY_MS) for number in range(1, 11)}


def story(*steps, bed="1", rule="spo2-low", onset=START, priority="medium", **fields):
    """The events of one alarm: (seconds after its onset, change[, priority]); it is raised with the first."""
    alarm = Alarm(
        id=alarm_id(rule, "icu", bed, onset),
        rule=rule,
        ward="icu",
        bed=bed,
        kind=fields.pop("kind", "physiological"),
        priority=priority,
        state="active",
        rev=1,
        message="SpO2 low",
        onset=onset,
        raised=onset + round(steps[0][0] * 1_000),
        changed=onset,
        **fields,
    )
    events = []
    for rev, (second, change, *risen) in enumerate(steps, start=1):
        now = onset + round(second * 1_000)
        by = "nurse-1" if change in ("acknowledged", "reset") else ""
        if change == "acknowledged":
            alarm = _replace(alarm, acknowledged_by=by, acknowledged_at=now)
        alarm = _replace(alarm, rev=rev, changed=now, priority=(risen or [alarm.priority])[0])
        events.append(AlarmEvent(change=change, time=now, alarm=alarm, by=by))
    return events


def _replace(alarm, **fields):
    return msgspec.structs.replace(alarm, **fields)


def of(*stories, spans=ICU):
    return burden(fold([event for events in stories for event in events]), spans)


def test_an_episode_lasts_from_raised_until_its_condition_is_over():
    (plain,) = fold(story((10, "raised"), (40, "cleared")))
    (latching,) = fold(story((10, "raised"), (40, "latched"), (900, "reset")))
    (open_,) = fold(story((10, "raised")))
    assert (plain.duration, latching.duration, open_.duration) == (30_000, 30_000, None)


def test_an_alarm_that_came_back_before_anybody_looked_is_one_longer_episode():
    (episode,) = fold(story((0, "raised"), (40, "latched"), (60, "reraised"), (90, "cleared")))
    assert (episode.duration, episode.calls) == (90_000, 2)


def test_an_episode_has_the_highest_priority_it_reached():
    (episode,) = fold(story((0, "raised"), (5, "escalated", "high"), (60, "cleared", "high")))
    assert (episode.priority, episode.calls) == ("high", 2)


def test_whoever_resets_a_latched_alarm_has_seen_it():
    (episode,) = fold(story((0, "raised"), (40, "latched"), (75, "reset")))
    assert episode.latency == 75_000


def test_the_first_acknowledgement_counts():
    (episode,) = fold(story((0, "raised"), (20, "acknowledged"), (300, "reraised"), (400, "acknowledged")))
    assert episode.latency == 20_000


def test_events_told_twice_or_out_of_order_count_once():
    events = story((0, "raised"), (20, "acknowledged"), (90, "cleared"))
    assert fold([*reversed(events), *events]) == fold(events)
    ledger = Ledger()
    for event in [events[0], *events]:
        ledger.take(event)
    assert ledger.episodes() == fold(events)


def test_a_window_that_opens_in_the_middle_of_an_alarm_knows_when_it_began():
    (episode,) = fold(story((5, "raised"), (20, "acknowledged"), (90, "cleared"))[2:])
    assert (episode.raised, episode.latency, episode.duration) == (START + 5_000, 15_000, 85_000)


def test_alarms_are_counted_per_bed_and_day():
    found = of(*(story((0, "raised"), (60, "cleared"), onset=START + hour * 3_600_000) for hour in range(20)))
    assert (found.alarms, found.beds, found.bed_days, found.per_bed_day) == (20, 10, 10.0, 2.0)
    assert found.reference_per_bed_day == 187


def test_tests_count_nowhere_and_late_and_equipment_alarms_apart():
    found = of(
        story((0, "raised"), (60, "cleared")),
        story((0, "raised"), (60, "cleared"), rule="drill", test=True),
        story((0, "raised"), (60, "cleared"), rule="hr-high", late=True),
        story((0, "raised"), (60, "cleared"), rule="gateway-silent", bed="", subject="gateway/gw-1", kind="technical"),
    )
    assert (found.alarms, found.tests, found.late, found.equipment) == (1, 1, 1, 1)
    assert [line.rule for line in found.rules] == ["spo2-low"]
    assert found.in_alarm_share == pytest.approx(60_000 / (10 * DAY_MS))


def test_alarms_raised_outside_the_span_count_only_for_the_time_they_stood_in_it():
    before = story((0, "raised"), (60, "cleared"), onset=START - 20_000)
    after = story((0, "raised"), (60, "cleared"), onset=START + DAY_MS)
    found = of(before, after)
    assert (found.alarms, found.by_bed[0].in_alarm_s) == (0, 40.0)


def test_what_still_stands_stands_to_the_end_of_the_span():
    found = of(story((0, "raised"), onset=START + DAY_MS - 30_000))
    assert (found.alarms, found.ended, found.by_bed[0].in_alarm_s) == (1, 0, 30.0)


def test_two_alarms_at_once_are_one_time_in_alarm():
    found = of(
        story((0, "raised"), (60, "cleared")),
        story((0, "raised"), (60, "cleared"), rule="hr-low", onset=START + 40_000),
    )
    assert found.by_bed[0].in_alarm_s == 100.0


def test_an_alarm_of_exactly_fifteen_seconds_is_not_short():
    found = of(
        story((0, "raised"), (14.999, "cleared")),
        story((0, "raised"), (15, "cleared"), onset=START + 60_000),
        story((0, "raised"), onset=START + 120_000),
    )
    assert (found.short, found.ended, found.short_share) == (1, 2, 0.5)


def test_latency_is_a_median_and_what_nine_in_ten_stay_below():
    stories = [
        story((0, "raised"), (seconds, "acknowledged"), (99, "cleared"), onset=START + seconds * 1_000_000)
        for seconds in range(1, 11)
    ]
    found = of(*stories, story((0, "raised"), (9, "cleared"), rule="hr-low"))
    assert (found.acknowledged, found.latency_median_s, found.latency_p90_s) == (10, 5.5, 9.0)


def test_the_busiest_rules_and_beds_come_first_and_quiet_beds_are_there():
    stories = [story((0, "raised"), (60, "cleared"), bed="3", onset=START + n * 100_000) for n in range(4)]
    found = of(*stories, story((0, "raised"), (60, "cleared"), bed="5", rule="hr-high", priority="high"))
    assert [(line.rule, line.priority, line.alarms, line.share) for line in found.rules] == [
        ("spo2-low", "medium", 4, 0.8),
        ("hr-high", "high", 1, 0.2),
    ]
    assert [(line.bed, line.alarms) for line in found.by_bed[:3]] == [("3", 4), ("5", 1), ("1", 0)]
    assert (found.busiest_tenth_share, found.high, found.medium) == (0.8, 1, 4)


def test_no_alarms_are_zero_alarms_and_unknown_shares():
    found = of()
    assert (found.alarms, found.per_bed_day, found.in_alarm_share) == (0, 0.0, 0.0)
    assert (found.short_share, found.median_duration_s, found.latency_median_s) == (None, None, None)
    assert burden([], {}).per_bed_day is None


@pytest.mark.parametrize(("share", "found"), [(0.0, 1), (0.1, 1), (0.11, 2), (0.5, 5), (0.9, 9), (0.91, 10), (1.0, 10)])
def test_a_quantile_is_a_value_that_occurred(share, found):
    assert quantile([10, 9, 8, 7, 6, 5, 4, 3, 2, 1], share) == found


def test_of_nothing_there_is_no_quantile():
    assert quantile([], 0.9) is None
