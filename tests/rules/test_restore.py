"""Restarts: whatever is saved in the middle of a story, the rest of it goes as if nothing had happened."""

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from rules.documents import read_rules
from rules.engine import Bed, SavedAlarm
from rules.machine import Refused
from vitals.identity import BedKey

RULES = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 5s, hysteresis: 2, off_delay: 3s, message: Low}
  - {id: desaturation, parameter: spo2, low: 85, priority: high, for: 2s, hysteresis: 2, off_delay: 2s, message: Desat}
  - {id: spo2-tiers, parameter: spo2, low: 87, priority: low, for: 4s, hysteresis: 2, off_delay: 2s, message: Tiers,
     extreme: {low: 82, priority: medium, for: 2s}}
  - {id: rate-high, parameter: hr, fallback: pr, high: 120, priority: high, for: 3s, hysteresis: 5, message: Rate}
conditions:
  - {id: index, kind: physiological, priority: medium, when: hr / spo2 > 1, for: 2s, off_delay: 1s, message: Index}
"""
SPO2 = RULES.split("  - {id: desat")[0]
OTHER = "limits: [{id: other, parameter: rr, high: 40, for: 2s, priority: low, message: Other}]"
HEAD = "format: 1\nid: test-set\ntitle: Test\nprovenance: made up\n"

VALUES = st.fixed_dictionaries(
    {},
    optional={
        "spo2": st.sampled_from([80.0, 84.0, 86.0, 88.0, 91.0, 97.0, None]),
        "hr": st.sampled_from([70.0, 118.0, 130.0, None]),
        "pr": st.sampled_from([70.0, 130.0]),
    },
)
ACTS = ["", "", "", "", "acknowledge", "reset", "silence", "pause audio", "pause alarms", "resume"]
STEP = st.tuples(VALUES, st.sampled_from(ACTS))


def play(ward, steps, restarts=()):
    for number, (sent, act) in enumerate(steps):
        if number in restarts:
            ward.restart()
        if act != "silence":
            values = {name: value for name, value in sent.items() if value is not None}
            missing = {name: "searching" for name, value in sent.items() if value is None}
            ward.send(values=values, missing=missing)
        if act in ("acknowledge", "reset"):
            for alarm in ward.engine.alarms():
                if (act == "reset") == (alarm.state == "latched") and alarm.state != "acknowledged":
                    getattr(ward, act)(alarm.id)
        pause(ward, act)
        ward.commit()
        ward.wait(1, tick_ms=500)
    return ward.events


def pause(ward, act):
    try:
        if act == "pause audio":
            ward.pause_audio(seconds=5)
        elif act == "pause alarms":
            ward.pause_alarms(6)
        elif act == "resume":
            ward.resume_alarms()
    except Refused:
        return


@example(
    steps=[({"spo2": 86.0}, ""), ({}, ""), ({"spo2": 80.0}, ""), ({"spo2": 80.0}, ""), ({}, "pause audio")],
    restarts={3},
)
@given(steps=st.lists(STEP, max_size=40), restarts=st.sets(st.integers(0, 39), max_size=3))
@settings(max_examples=300, deadline=None)
def test_a_restart_anywhere_changes_no_later_event(new_ward, steps, restarts):
    complete = [({"spo2": 97.0, "hr": 70.0, "pr": 70.0} | sent, act) for sent, act in steps]
    assert play(new_ward(RULES), complete, restarts) == play(new_ward(RULES), complete)


def test_other_rules_end_the_alarms_of_a_bed_in_one_order_also_after_a_restart(new_ward):
    def told(restarts):
        ward = new_ward(RULES)
        for number in range(20):
            if number in restarts:
                ward.restart()
            ward.send(values={"spo2": 97.0 if number < 8 else 80.0, "hr": 130.0})
            ward.commit()
            ward.wait(1)
        seen = len(ward.events)
        ward.rebook(OTHER)
        return ward.events[seen:]

    assert len({event.alarm.rule for event in told(())}) >= 3
    assert told({15}) == told(())


def test_a_running_delay_goes_on_over_a_restart(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(3, values={"spo2": 80.0})
    ward.restart(down_s=1)
    ward.each_second(3, values={"spo2": 80.0})
    assert ward.told == [(5.0, "raised", "spo2-low")]


def test_a_long_delay_goes_on_since_each_of_its_samples_is_saved(new_ward):
    ward = new_ward(SPO2.replace("for: 5s", "for: 30s"))
    ward.each_second(20, values={"spo2": 80.0})
    ward.restart(down_s=1)
    ward.each_second(12, values={"spo2": 80.0})
    assert ward.told == [(30.0, "raised", "spo2-low")]


def test_a_delay_begins_anew_if_the_hub_was_away_longer_than_a_value_is_fresh(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(3, values={"spo2": 80.0})
    ward.restart(down_s=60)
    ward.each_second(8, values={"spo2": 80.0})
    assert ward.told == [(68.0, "raised", "spo2-low")]


def test_an_alarm_is_not_announced_again_and_keeps_who_acknowledged_it(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    ward.acknowledge(by="nurse kim")
    before = ward.alarm
    ward.restart(down_s=600)
    assert ward.alarm == before
    ward.each_second(10, values={"spo2": 80.0})
    assert len(ward.events) == 2
    ward.each_second(4, values={"spo2": 97.0})
    assert (ward.told[-1][1], ward.events[-1].alarm.rev) == ("cleared", 3)


def test_the_first_device_to_speak_does_not_clear_what_another_one_raised(new_ward):
    ward = new_ward(SPO2.replace("off_delay: 3s", "off_delay: 0s"), sources=("gw/a", "gw/b"))
    for _ in range(6):
        ward.send(values={"spo2": 97.0}, source="gw/a")
        ward.send(values={"spo2": 80.0}, source="gw/b")
        ward.wait(1)
    ward.restart(down_s=60)
    ward.send(values={"spo2": 97.0}, source="gw/a")
    ward.wait(1)
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.send(values={"spo2": 97.0}, source="gw/b")
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]


SILENT = "conditions: [{id: silent, kind: technical, priority: medium, when: silent(15s), for: 0s, message: Silent}]\n"


def test_a_device_that_was_silent_before_a_restart_is_still_silent(new_ward):
    ward = new_ward(SILENT)
    ward.wait(20)
    ward.restart(down_s=5)
    ward.wait(30)
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.send(values={"hr": 70.0})
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]


def test_a_hub_that_was_away_blames_no_device_for_it(new_ward):
    ward = new_ward(SPO2 + SILENT)
    ward.each_second(3, values={"spo2": 80.0})
    ward.restart(down_s=600)
    ward.wait(10)
    assert ward.told == []


def test_an_alarm_of_a_rule_or_bed_no_longer_in_force_is_cleared_with_the_reason(new_ward):
    others = [read_rules(HEAD + SILENT, "other.yaml")]
    elsewhere = [Bed(BedKey("south", "1"), ())]
    for sets, beds in ((others, None), (None, elsewhere)):
        ward = new_ward(SPO2)
        ward.each_second(6, values={"spo2": 80.0})
        ward.restart(sets=sets, beds=beds)
        assert ward.engine.alarms() == []
        (event,) = ward.wait(1)
        assert (event.change, event.reason) == ("cleared", "its rule or bed is no longer in force")
        assert event.alarm.rev == 2
        assert [row.body for row in ward.engine.unsaved()] == [None]


def test_a_state_that_cannot_be_read_is_dropped_and_the_alarm_comes_again(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    ward.commit()
    ward.kept = {key: row._replace(body=b'{"state":"asleep"') for key, row in ward.kept.items()}
    ward.restart()
    ward.each_second(6, values={"spo2": 80.0})
    assert [change for _, change, _ in ward.told] == ["raised", "raised"]


def test_an_old_good_value_does_not_pass_for_the_present_one_after_a_restart(new_ward):
    ward = new_ward(SPO2.replace("off_delay: 3s", "off_delay: 20s"))
    ward.each_second(6, values={"spo2": 80.0})
    ward.each_second(1, values={"spo2": 97.0})
    ward.wait(20)
    assert ward.alarm.condition is None
    ward.restart(down_s=2)
    for _ in range(30):
        ward.wait(1)
        assert ward.alarm.condition is None, "what is unknown is not shown as over"
    assert [change for _, change, _ in ward.told] == ["raised"]


def test_a_body_saved_before_there_were_pauses_is_read(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 80.0})
    ward.acknowledge()
    ward.commit()
    old = json.loads(ward.kept["north", "7", "spo2-low"].body)
    del old["priority"], old["alarm"]["until"]
    ward.kept["north", "7", "spo2-low"] = SavedAlarm("north", "7", "spo2-low", json.dumps(old).encode())
    ward.restart()
    assert (ward.alarm.state, ward.alarm.priority) == ("acknowledged", "medium")
    assert ward.alarm.until == ward.alarm.acknowledged_at + 900_000, "in those days it stood for ever"
    ward.each_second(4, values={"spo2": 97.0})
    assert ward.told[-1][1] == "cleared"


WARD = SPO2 + SILENT.replace(
    "]", ", {id: lead, kind: technical, priority: low, when: flag(lead_off), for: 0s, message: Lead}]"
)


def test_two_hundred_beds_of_which_half_have_alarms_say_nothing_after_a_restart(new_ward):
    keys = [BedKey("north", f"b{number}") for number in range(200)]
    ward = new_ward(WARD, beds=[Bed(key, (f"gw-{key.bed}/a",)) for key in keys])

    def second(answering=True):
        ward.send(values={"spo2": 97.0})
        for number, key in enumerate(keys if answering else ()):
            low = number % 2 == 0
            ward.send(
                values={"spo2": 80.0 if low else 97.0},
                states=["lead_off"] if number % 4 == 0 else [],
                source=f"gw-{key.bed}/a",
                bed=key,
            )
        ward.commit()
        ward.wait(1)

    for _ in range(7):
        second()
    alarms = ward.engine.alarms()
    assert len(alarms) == 150
    for number, alarm in enumerate(alarms):
        if number % 3 == 0:
            ward.acknowledge(alarm.id)
    ward.pause_alarms(600, bed=keys[0])
    alarms, told = ward.engine.alarms(), len(ward.events)
    ward.restart(down_s=5)
    assert ward.engine.alarms() == alarms
    for _ in range(10):
        second(answering=False)
    for _ in range(30):
        second()
    assert ward.events[told:] == []
    assert ward.engine.alarms() == alarms
