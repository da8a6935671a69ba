"""Alarm ids are the same wherever the same rule saw the same onset."""

from vitals.alarms import Alarm, AlarmEvent, alarm_id
from vitals.codec import decode, encode


def test_the_id_of_an_alarm_depends_on_rule_bed_and_onset_alone():
    first = alarm_id("spo2-low", "icu", "7", 1_763_682_504_123)
    assert first == "620d160c1d88794e"
    others = {
        alarm_id("spo2-high", "icu", "7", 1_763_682_504_123),
        alarm_id("spo2-low", "ward-b", "7", 1_763_682_504_123),
        alarm_id("spo2-low", "icu", "8", 1_763_682_504_123),
        alarm_id("spo2-low", "icu", "7", 1_763_682_504_124),
    }
    assert len(others | {first}) == 5


def test_an_unknown_condition_travels_as_null_and_not_as_false():
    alarm = Alarm(
        id="0123456789abcdef",
        rule="spo2-low",
        ward="icu",
        bed="7",
        kind="physiological",
        priority="high",
        state="active",
        rev=2,
        message="SpO2 low",
        onset=1,
        raised=2,
        changed=3,
        condition=None,
    )
    event = AlarmEvent(change="raised", time=3, alarm=alarm)
    data = encode(event)
    assert b'"condition":null' in data
    assert decode(data, AlarmEvent) == event
