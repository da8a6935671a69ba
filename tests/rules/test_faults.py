"""Faults told to the engine, silent gateways, drills, and alarms first raised at the bedside."""

import msgspec
import pytest

from rules.engine import Bed
from rules.faults import FAULTS
from rules.machine import Refused
from vitals.alarms import Alarm, alarm_id
from vitals.identity import BedKey

BED = BedKey("north", "7")
OTHER = BedKey("north", "8")
SPO2 = """
limits:
  - {id: spo2-low, parameter: spo2, low: 90, priority: medium, for: 5s, hysteresis: 2, off_delay: 3s, message: Low,
     extreme: {low: 80, priority: high, for: 5s}}
"""
SILENT = """
conditions:
  - {id: device-silent, kind: technical, priority: medium, when: silent(15s), for: 0s, message: Silent}
  - {id: short-silence, kind: technical, priority: low, when: silent(10s), for: 0s, message: Short}
  - {id: lead, kind: technical, priority: low, when: flag(lead_off), for: 0s, message: Lead off}
"""
GATEWAY = "gateway/gw"


# Faults --------------------------------------------------------------------------------------------------------------


def test_a_fault_of_equipment_stands_at_no_bed(new_ward):
    ward = new_ward(SPO2)
    ward.fault("gateway-silent", subject=GATEWAY, message="Gateway gw silent: 30 devices")
    (alarm,) = ward.engine.alarms()
    assert (alarm.ward, alarm.bed, alarm.subject, alarm.rule) == ("north", "", GATEWAY, "gateway-silent")
    assert (alarm.kind, alarm.message) == ("technical", "Gateway gw silent: 30 devices")
    assert alarm.id == alarm_id("gateway-silent", "north", GATEWAY, alarm.onset)
    assert ward.engine.alarms(BedKey("north", GATEWAY)) == [alarm]
    assert ward.engine.alarms(BED) == []


def test_a_fault_told_again_is_told_once_and_ends_when_it_is_over(new_ward):
    ward = new_ward(SPO2)
    for _ in range(3):
        ward.fault("gateway-silent", subject=GATEWAY)
    ward.acknowledge(ward.engine.alarms()[0].id)
    ward.fault("gateway-silent", None, subject=GATEWAY)
    assert ward.engine.alarms()[0].condition is None
    ward.fault("gateway-silent", False, subject=GATEWAY)
    assert [change for _, change, _ in ward.told] == ["raised", "acknowledged", "cleared"]
    assert ward.engine.alarms() == []


def test_a_fault_waits_for_its_delay(new_ward):
    ward = new_ward(SPO2)
    ward.fault("broker-lost", subject="broker/hub", ward="")
    ward.wait(4)
    ward.fault("broker-lost", False, subject="broker/hub", ward="")
    ward.wait(10)
    assert ward.told == []
    ward.fault("broker-lost", subject="broker/hub", ward="")
    ward.wait(6)
    assert ward.told == [(19.0, "raised", "broker-lost")]


def test_a_fault_can_stand_at_a_bed(new_ward):
    ward = new_ward(SPO2)
    ward.fault("identity-conflict", device="gw/a")
    assert (ward.alarm.bed, ward.alarm.subject, ward.alarm.device) == ("7", "", "gw/a")


@pytest.mark.parametrize("rule", FAULTS)
def test_no_fault_ever_latches_and_each_can_be_acknowledged(new_ward, rule):
    ward = new_ward(SPO2)
    ward.fault(rule, subject=GATEWAY)
    ward.wait(61)
    ward.acknowledge(ward.engine.alarms()[0].id)
    assert ward.engine.alarms()[0].until is not None
    ward.fault(rule, False, subject=GATEWAY)
    ward.wait(61)
    assert ward.engine.alarms() == []
    assert ward.events[-1].change == "cleared"


def test_a_fault_nobody_knows_is_a_mistake_of_the_caller(new_ward):
    with pytest.raises(ValueError, match="gateway-mute is no fault of the catalogue"):
        new_ward(SPO2).fault("gateway-mute")


def test_a_fault_goes_on_over_a_restart_until_somebody_says_otherwise(new_ward):
    ward = new_ward(SPO2)
    ward.fault("gateway-silent", subject=GATEWAY, message="Gateway gw silent: 30 devices")
    (before,) = ward.engine.alarms()
    ward.restart(down_s=60)
    ward.wait(60)
    (after,) = ward.engine.alarms()
    assert after == msgspec.structs.replace(before, condition=None), "nobody has said anything of it yet"
    ward.fault("gateway-silent", subject=GATEWAY, message="Gateway gw silent: 30 devices")
    assert len(ward.events) == 1
    ward.fault("gateway-silent", False, subject=GATEWAY)
    assert ward.told[-1][1:] == ("cleared", "gateway-silent")


def test_while_the_hub_was_away_nobody_missed_the_broker(new_ward):
    ward = new_ward(SPO2)
    ward.fault("broker-lost", subject="broker/hub", ward="")
    ward.wait(1)
    ward.restart(down_s=600)
    ward.wait(1)
    ward.fault("broker-lost", subject="broker/hub", ward="")  # it has started and is not connected yet
    ward.wait(4)
    assert ward.told == []
    ward.wait(1)
    assert [told[1:] for told in ward.told] == [("raised", "broker-lost")]


def test_a_gateway_that_moves_to_another_ward_leaves_no_alarm_behind(new_ward):
    ward = new_ward(SPO2)
    ward.fault("gateway-silent", subject=GATEWAY)
    ward.fault("gateway-silent", subject=GATEWAY, ward="south")
    assert [(event.change, event.alarm.ward) for event in ward.events] == [
        ("raised", "north"),
        ("cleared", "north"),
        ("raised", "south"),
    ]


# A gateway is down ---------------------------------------------------------------------------------------------------


def test_the_silence_of_devices_behind_a_silent_gateway_is_not_theirs(new_ward):
    ward = new_ward(SILENT, sources=("gw/a", "gw/b"))
    ward.send(values={"hr": 70.0}, source="gw/a")
    ward.wait(5)
    ward.gateway_down()
    ward.wait(60)
    assert ward.told == []


def test_an_alarm_that_a_device_is_silent_ends_when_its_gateway_is_found_to_be(new_ward):
    ward = new_ward(SILENT)
    ward.wait(16)
    assert [alarm.rule for alarm in ward.engine.alarms(BED)] == ["device-silent", "short-silence"]
    events = ward.gateway_down()
    assert {(event.change, event.alarm.rule) for event in events} == {
        ("cleared", "device-silent"),
        ("cleared", "short-silence"),
    }
    assert {event.reason for event in events} == {"its root cause stands elsewhere"}


def test_a_device_of_another_gateway_is_judged_for_itself(new_ward):
    ward = new_ward(SILENT, sources=("gw/a", "gw-2/b"))
    ward.send(values={"hr": 70.0}, source="gw/a")
    ward.wait(16)
    assert len(ward.engine.alarms(BED)) == 2
    assert ward.gateway_down() == [], "the device of the other gateway is silent, too"
    ward.send(values={"hr": 70.0}, source="gw-2/b")
    assert ward.engine.alarms(BED) == []
    ward.wait(16)
    assert ward.told[-1][1:] == ("raised", "device-silent")


def test_when_the_gateway_is_back_its_devices_have_their_own_time_again(new_ward):
    ward = new_ward(SILENT)
    ward.send(values={"hr": 70.0})
    ward.wait(5)
    ward.gateway_down()
    ward.wait(60)
    ward.gateway_down(False)
    ward.wait(9)
    assert ward.told == []
    ward.wait(7)
    assert ward.told == [(75.0, "raised", "short-silence"), (80.0, "raised", "device-silent")]


def test_a_device_that_is_heard_is_not_hidden_whatever_is_said_of_its_gateway(new_ward):
    """Its silence must be noticed again, also where the first record comes before its flags are too old."""
    for pause_s in (1, 5, 12, 20):
        ward = new_ward(SILENT)
        ward.send(values={"hr": 70.0})
        ward.gateway_down()
        ward.wait(pause_s)
        ward.send(values={"hr": 70.0}, states=["lead_off"])
        assert ward.told[-1][1:] == ("raised", "lead")
        ward.wait(16)
        assert [rule for _, change, rule in ward.told if change == "raised"] == [
            "lead",
            "short-silence",
            "device-silent",
        ]


def test_a_silent_gateway_touches_no_alarm_of_a_patient(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 85.0})
    before = ward.alarm
    ward.gateway_down()
    ward.wait(60)
    assert ward.engine.alarms(BED) == [msgspec.structs.replace(before, condition=None)]
    assert len(ward.events) == 1


def test_a_flag_last_heard_through_a_silent_gateway_neither_ends_nor_begins_anything(new_ward):
    ward = new_ward(SILENT)
    ward.send(values={"hr": 70.0}, states=["lead_off"])
    ward.gateway_down()
    ward.wait(30)
    assert ward.told == [(0.0, "raised", "lead")]
    ward.gateway_down(False)
    ward.send(values={"hr": 70.0})
    assert ward.told[-1][1:] == ("cleared", "lead")


def test_what_a_device_last_said_before_its_gateway_fell_silent_does_not_become_an_alarm(new_ward):
    ward = new_ward("""
conditions:
  - {id: lead, kind: technical, priority: low, when: flag(lead_off), for: 5s, message: Lead off}
  - {id: absent, kind: technical, priority: low, when: 'absent(spo2, 6s)', for: 0s, message: SpO2 missing}
""")
    ward.send(values={"spo2": 97.0})
    ward.wait(2)
    ward.send(states=["lead_off"])
    ward.gateway_down()
    ward.wait(30)
    assert ward.told == []


def test_with_the_broker_lost_no_device_is_judged_by_its_silence(new_ward):
    ward = new_ward(SILENT, sources=("gw/a", "gw-2/b"))
    ward.fault("broker-lost", subject="broker/hub", ward="")
    ward.wait(60)
    assert [told[1:] for told in ward.told] == [("raised", "broker-lost")]
    ward.gateway_down()
    ward.fault("broker-lost", False, subject="broker/hub", ward="")
    ward.send(values={"hr": 70.0}, source="gw-2/b")
    ward.wait(9)
    assert [told[1:] for told in ward.told[1:]] == [("cleared", "broker-lost")], "the gateway is still down"


# Drills --------------------------------------------------------------------------------------------------------------


def test_a_test_record_raises_a_test_alarm_and_says_nothing_else(new_ward):
    ward = new_ward(SPO2 + SILENT)
    ward.wait(8)
    ward.send(values={"spo2": 10.0}, states=["drill", "lead_off"])
    assert (ward.alarm.rule, ward.alarm.test, ward.alarm.kind, ward.alarm.priority) == (
        "drill",
        True,
        "technical",
        "high",
    )
    assert ward.alarm.device == "gw/a"
    ward.wait(8)
    assert [told[1:] for told in ward.told] == [
        ("raised", "drill"),
        ("raised", "short-silence"),
        ("raised", "device-silent"),
    ]


def test_a_test_alarm_ends_by_itself_after_a_minute(new_ward):
    ward = new_ward(SPO2)
    ward.send(states=["drill"])
    ward.wait(61)
    assert ward.told == [(0.0, "raised", "drill"), (60.0, "cleared", "drill")]


def test_a_test_alarm_ends_when_it_is_acknowledged(new_ward):
    ward = new_ward(SPO2)
    ward.send(states=["drill"])
    events = ward.acknowledge(by="nurse-1")
    assert [(event.change, event.by) for event in events] == [("acknowledged", "nurse-1"), ("cleared", "")]
    assert ward.engine.alarms(BED) == []


def test_a_second_drill_calls_again_but_repeated_records_do_not(new_ward):
    ward = new_ward(SPO2)
    for _ in range(4):
        ward.send(states=["drill"])
        ward.wait(1)
    ward.wait(10)
    ward.send(states=["drill"])
    assert [change for _, change, _ in ward.told] == ["raised", "reraised"]
    ward.wait(59)
    assert len(ward.events) == 2
    ward.wait(2)
    assert ward.told[-1][1] == "cleared"


def test_a_test_alarm_ends_after_a_restart_too(new_ward):
    ward = new_ward(SPO2)
    ward.send(states=["drill"])
    ward.wait(10)
    ward.restart(down_s=5)
    ward.wait(44)
    assert len(ward.events) == 1
    ward.wait(2)
    assert ward.told[-1] == (60.0, "cleared", "drill")


def test_a_test_alarm_stands_behind_every_real_one(new_ward):
    ward = new_ward(SPO2 + SILENT)
    ward.send(states=["drill"])
    ward.send(values={"hr": 70.0}, states=["lead_off"])
    assert [alarm.rule for alarm in ward.engine.alarms()] == ["lead", "drill"]


# Alarms of the bedside -----------------------------------------------------------------------------------------------


def bedside(ward, age_s=60, **fields):
    onset = ward.now - age_s * 1_000
    alarm = Alarm(
        id=alarm_id("spo2-low", "north", "7", onset),
        rule="spo2-low",
        ward="north",
        bed="7",
        kind="physiological",
        priority="medium",
        state="active",
        rev=1,
        message="Low",
        onset=onset,
        raised=onset + 5_000,
        changed=onset + 5_000,
        value=84.0,
        parameter="spo2",
    )
    return msgspec.structs.replace(alarm, **fields)


def test_an_alarm_of_the_bedside_keeps_its_id_and_its_time(new_ward):
    ward = new_ward(SPO2)
    alarm = bedside(ward)
    (event,) = ward.adopt(alarm)
    assert (event.change, event.time) == ("raised", ward.now)
    assert event.alarm == msgspec.structs.replace(alarm, bedside=True, changed=ward.now)
    assert ward.adopt(alarm) == [], "told twice, raised once"
    ward.each_second(5, values={"spo2": 84.0})
    assert len(ward.events) == 1
    ward.each_second(5, values={"spo2": 97.0})
    assert ward.told[-1][1:] == ("cleared", "spo2-low")
    assert ward.events[-1].alarm.id == alarm.id


def test_a_condition_already_seen_here_becomes_the_alarm_of_the_bedside(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(2, values={"spo2": 84.0})
    alarm = bedside(ward)
    ward.adopt(alarm)
    assert (ward.alarm.id, ward.alarm.onset, ward.alarm.raised) == (alarm.id, alarm.onset, alarm.raised)
    ward.each_second(10, values={"spo2": 84.0})
    assert [change for _, change, _ in ward.told] == ["raised"]


def test_an_alarm_that_stands_here_stays_the_one_alarm_and_learns_its_true_beginning(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 84.0})
    ward.acknowledge()
    before = ward.alarm
    alarm = bedside(ward)
    assert ward.adopt(alarm) == []
    assert (ward.alarm.id, ward.alarm.state, ward.alarm.onset) == (before.id, "acknowledged", alarm.onset)
    (event,) = ward.adopt(bedside(ward, priority="high"))
    assert (event.change, event.alarm.priority, event.alarm.acknowledged_by) == ("escalated", "high", "")


def test_an_alarm_of_the_bedside_survives_a_restart_and_waits_for_data(new_ward):
    ward = new_ward(SPO2)
    ward.adopt(bedside(ward))
    ward.restart(down_s=5)
    ward.wait(60)
    assert (ward.alarm.condition, ward.alarm.bedside) == (None, True)
    assert len(ward.events) == 1


def test_in_a_paused_bed_it_is_shown_and_calls_nobody(new_ward):
    ward = new_ward(SPO2)
    ward.send(values={"spo2": 97.0})
    ward.pause_alarms(60)
    (event,) = ward.adopt(bedside(ward))
    assert (event.change, event.alarm.bedside, event.alarm.until) == ("alarms_paused", True, ward.now + 60_000)


def test_a_latched_alarm_calls_again_when_the_bedside_has_seen_it_come_back(new_ward):
    ward = new_ward(SPO2)
    ward.each_second(6, values={"spo2": 70.0})
    ward.each_second(4, values={"spo2": 97.0})
    assert ward.alarm.state == "latched"
    ward.adopt(bedside(ward, age_s=3))
    assert ward.told[-1][1:] == ("reraised", "spo2-low")


@pytest.mark.parametrize(
    ("fields", "sentence"), [({"bed": "9"}, "no bed north/9"), ({"rule": "hr-low"}, "no rule hr-low is in force")]
)
def test_an_alarm_no_rule_here_knows_is_refused(new_ward, fields, sentence):
    ward = new_ward(SPO2, beds=[Bed(OTHER, ())])
    with pytest.raises(Refused, match=sentence):
        ward.adopt(bedside(ward, **fields))
