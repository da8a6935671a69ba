"""Conditions at one bed: flags, absence, silence, and values that are not known."""

SILENT = "conditions: [{id: silent, kind: technical, priority: medium, when: silent(15s), for: 0s, message: Silent}]\n"
ABSENT = """
conditions:
  - {id: no-spo2, kind: technical, priority: low, when: "absent(spo2, 20s)", for: 0s, message: No SpO2}
"""
LEAD = "conditions: [{id: lead, kind: technical, priority: low, when: flag(lead_off), for: 10s, message: Lead off}]\n"
SHOCK = """
conditions:
  - {id: shock, kind: physiological, priority: high, when: hr / nibp_sys > 1, for: 5s, message: Shock index}
"""


def test_silence_is_noticed_without_a_record_and_names_the_device(new_ward):
    ward = new_ward(SILENT, sources=("gw/a", "gw/b"))
    for _ in range(20):
        ward.send(values={"hr": 70.0}, source="gw/a")
        ward.wait(1)
    assert ward.told == [(15.0, "raised", "silent")]
    assert ward.alarm.device == "gw/b"
    ward.send(values={"hr": 70.0}, source="gw/b")
    assert ward.told[-1] == (20.0, "cleared", "silent")


def test_silence_begins_to_count_with_the_last_record(new_ward):
    ward = new_ward(SILENT)
    ward.each_second(30, values={"hr": 70.0})
    ward.wait(30)
    assert ward.told == [(44.0, "raised", "silent")]


def test_the_onset_of_silence_does_not_depend_on_how_often_time_is_told(new_ward):
    onsets = set()
    for tick in (250, 1_000, 7_000):
        ward = new_ward(SILENT)
        ward.each_second(10, values={"hr": 70.0})
        ward.wait(30, tick_ms=tick)
        onsets.add(ward.alarm.onset)
    assert len(onsets) == 1


def test_a_bed_without_devices_is_not_silent(new_ward):
    ward = new_ward(SILENT, sources=())
    ward.wait(60, tick_ms=1_000)
    assert ward.told == []


def test_absence_counts_from_the_last_value_while_the_device_sends(new_ward):
    ward = new_ward(ABSENT)
    ward.send(values={"spo2": 97.0})
    ward.wait(1)
    ward.each_second(30, values={"hr": 70.0})
    assert ward.told == [(20.0, "raised", "no-spo2")]
    ward.send(values={"spo2": 97.0})
    assert ward.told[-1][1] == "cleared"


def test_a_silent_device_is_not_an_absent_value(new_ward):
    ward = new_ward(ABSENT + SILENT.replace("conditions: [", "  - ").replace("]\n", "\n"))
    ward.each_second(3, values={"spo2": 97.0})
    ward.wait(60)
    assert [rule for _, _, rule in ward.told] == ["silent"]


def test_a_parameter_never_seen_is_not_absent(new_ward):
    ward = new_ward(ABSENT)
    ward.each_second(60, values={"hr": 70.0}, missing={"spo2": "no_sensor"})
    assert ward.told == []


def test_another_device_that_gives_the_value_ends_its_absence(new_ward):
    ward = new_ward(ABSENT, sources=("gw/a", "gw/b"))
    ward.send(values={"spo2": 97.0}, source="gw/a")
    for _ in range(40):
        ward.send(values={"hr": 70.0}, source="gw/a")
        ward.send(values={"spo2": 97.0}, source="gw/b")
        ward.wait(1)
    assert ward.told == []


def test_a_flag_that_was_there_before_a_long_silence_counts_anew_after_it(new_ward):
    ward = new_ward(LEAD.replace("10s", "20s"))
    ward.each_second(3, states=["lead_off"])
    ward.wait(40)
    assert ward.told == []
    ward.each_second(22, states=["lead_off"])
    assert ward.told == [(63.0, "raised", "lead")]


def test_a_condition_over_a_value_nobody_knows_neither_raises_nor_clears(new_ward):
    ward = new_ward(SHOCK)
    ward.each_second(10, values={"hr": 130.0})
    assert ward.told == []
    ward.send(values={"nibp_sys": 90.0, "hr": 130.0})
    ward.wait(1)
    ward.each_second(6, values={"hr": 130.0})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(20, missing={"hr": "lead_off"})
    assert [change for _, change, _ in ward.told] == ["raised"]
    ward.each_second(2, values={"hr": 80.0})
    assert [change for _, change, _ in ward.told] == ["raised", "latched"]


def test_a_condition_reads_the_first_device_that_has_the_value(new_ward):
    ward = new_ward(SHOCK, sources=("gw/a", "gw/b"))
    for _ in range(8):
        ward.send(values={"hr": 80.0, "nibp_sys": 100.0}, source="gw/a")
        ward.send(values={"hr": 130.0}, source="gw/b")
        ward.wait(1)
    assert ward.told == []


def test_technical_alarms_never_latch(new_ward):
    ward = new_ward(SILENT.replace("medium", "high"))
    ward.wait(20)
    ward.send(values={"hr": 70.0})
    assert [change for _, change, _ in ward.told] == ["raised", "cleared"]
