"""Trends of a bed: columns, gaps, limits as they were, alarms, scores and who lay there, straight from the journal."""

import json

import pytest

from hub.console.trends import Gap, Line, Tracer
from hub.journal import Batch, Write

MINUTE = 60_000
START = 1_763_700_000_000


def body(values=None, flags=None, states=()):
    return json.dumps({"values": values or {}, "flags": flags or {}, "states": list(states)}).encode()


def traced(rows, *, end=START + 10 * MINUTE, step=MINUTE, now=None, parameters=None):
    tracer = Tracer(START, end, step, parameters)
    tracer.take((number, START + at, late, body) for number, (at, late, body) in enumerate(rows, start=1))
    return tracer.finish(now if now is not None else end)


def each_second(first, last, **values):
    return [(second * 1_000, 0, body(values)) for second in range(first, last)]


# Lines.


def test_a_column_holds_the_lowest_the_highest_and_the_mean_of_its_values():
    rows = [(0, 0, body({"hr": 70})), (1_000, 0, body({"hr": 80})), (61_000, 0, body({"hr": 90}))]
    line = traced(rows)["hr"]
    assert (line.times, line.low, line.high) == ([START, START + MINUTE], [70, 90], [80, 90])
    assert line.mean == [75, 90]


def test_a_column_without_a_value_is_absent_and_never_zero():
    line = traced(each_second(0, 60, hr=70) + each_second(180, 240, hr=70))["hr"]
    assert line.times == [START, START + 3 * MINUTE]
    assert 0 not in line.low


def test_a_silence_longer_than_a_value_stays_fresh_is_a_gap_without_data():
    line = traced(each_second(0, 60, hr=70) + each_second(180, 600, hr=70))["hr"]
    assert line.gaps == [Gap(START + 59_000, START + 180_000, "no_data")]


def test_a_monitor_that_pauses_as_long_as_its_values_stay_fresh_leaves_no_gap():
    rows = [(second * 1_000, 0, body({"hr": 70})) for second in range(0, 600, 15)]
    assert traced(rows)["hr"].gaps == []


def test_a_gap_has_the_reason_the_monitor_gave():
    rows = each_second(0, 60, hr=70)
    rows += [(second * 1_000, 0, body(flags={"hr": "lead_off"})) for second in range(60, 120)]
    rows += each_second(120, 600, hr=70)
    assert traced(rows)["hr"].gaps == [Gap(START + 59_000, START + 120_000, "lead_off")]


def test_a_gap_with_two_causes_is_two_gaps():
    rows = each_second(0, 60, hr=70)
    rows += [(second * 1_000, 0, body(flags={"hr": "lead_off"})) for second in range(60, 120)]
    rows += each_second(300, 600, hr=70)
    gaps = traced(rows)["hr"].gaps
    assert gaps == [Gap(START + 59_000, START + 119_000, "lead_off"), Gap(START + 119_000, START + 300_000, "no_data")]


def test_what_is_still_to_come_is_no_gap():
    assert traced(each_second(0, 60, hr=70), now=START + 61_000)["hr"].gaps == []


def test_a_parameter_that_was_asked_for_and_never_came_is_one_gap():
    line = traced(each_second(0, 600, hr=70), parameters=["spo2"])["spo2"]
    assert line.times == []
    assert line.gaps == [Gap(START, START + 10 * MINUTE, "no_data")]


def test_a_cuff_pressure_each_quarter_of_an_hour_leaves_no_gap():
    rows = [(minute * MINUTE, 0, body({"nibp_sys": 120})) for minute in range(0, 60, 15)]
    assert traced(rows, end=START + 60 * MINUTE)["nibp_sys"].gaps == []


def test_a_column_with_something_late_is_named():
    rows = [(0, 1, body({"hr": 70})), (1_000, 0, body({"hr": 71})), (61_000, 0, body({"hr": 72}))]
    assert traced(rows)["hr"].late == [START]


def test_a_drill_is_nobodys_heart_rate():
    rows = [*each_second(0, 60, hr=70), (30_500, 0, body({"hr": 250}, states=["drill"]))]
    assert traced(sorted(rows))["hr"].high == [70]


@pytest.mark.parametrize("page", [1, 7, 60, 1_000])
def test_columns_do_not_depend_on_how_the_records_are_read(page):
    rows = [(number, START + number * 700, 0, body({"hr": 60 + number % 9})) for number in range(600)]
    whole, pieces = Tracer(START, START + 7 * MINUTE, MINUTE), Tracer(START, START + 7 * MINUTE, MINUTE)
    whole.take(rows)
    for first in range(0, len(rows), page):
        pieces.take(rows[first : first + page])
    now = START + 7 * MINUTE
    assert facts(whole.finish(now)["hr"]) == facts(pieces.finish(now)["hr"])


def facts(line: Line):
    return line.times, line.low, line.high, line.mean, line.late, line.gaps


# Over HTTP.

OVERRIDE = (
    'INSERT INTO limit_override (time, change, scope, rule, bound, profile, "by", reason, set_at, expires)'
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
CHOICE = 'INSERT INTO profile (time, scope, profile, "by", reason) VALUES (?, ?, ?, ?, ?)'
STAY = 'INSERT INTO admission (ward, bed, patient, start, "end", "by") VALUES (?, ?, ?, ?, ?, ?)'
SCORE = 'INSERT INTO score (ward, bed, time, "table", total, complete, risk, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)'
ENTRY = (
    'INSERT INTO entry (ward, bed, time, received, "by", name, value, until, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)'
)


def minute(number):
    return START + number * MINUTE


def changed(at, change, scope, bound, *, expires=None, profile="adult-ward"):
    values = (minute(at), change, scope, "spo2-low", bound, profile, "doctor-1", "why", minute(at), expires)
    return Write(OVERRIDE, values)


@pytest.fixture(scope="module")
def lived(journal, rig):
    """Ten minutes: a gap, a change of patient in it, limits that came and went, an alarm, a score, an entry."""
    rows = [*each_second(0, 120, hr=70, spo2=97), *each_second(300, 600, hr=90, spo2=93)]
    journal.records(*[(START + at, data) for at, _, data in rows])
    alarm = rig.alarm("1", onset=minute(6), raised=minute(6), changed=minute(6))
    journal.events(
        journal.event(alarm, "raised", minute(6)),
        journal.event(alarm, "acknowledged", minute(7), "nurse-1"),
        journal.event(alarm, "cleared", minute(8)),
    )
    batch = Batch()
    batch.writes += [
        Write(STAY, ("icu", "1", "p-1", minute(-1), minute(3), "n")),
        Write(STAY, ("icu", "1", "p-2", minute(4), None, "n")),
        changed(1, "set", "bed/icu/1", 88.0),
        changed(2, "cleared", "bed/icu/1", 88.0),
        changed(2, "set", "patient/p-2", 85.5, expires=minute(7), profile=""),
        changed(1, "set", "bed/icu/2", 70.0),
        Write(CHOICE, (minute(9), "patient/p-2", "neonatal", "doctor-1", "admitted by mistake as an adult")),
        Write(SCORE, ("icu", "1", minute(1), "news2", 5, 1, "medium", b"{}")),
        Write(SCORE, ("icu", "1", minute(5), "news2", None, 0, "", b"{}")),
        Write(ENTRY, ("icu", "1", minute(5), minute(5), "nurse-1", "oxygen", 1.0, None, "")),
    ]
    journal.journal.commit(batch)


def trends(console, **query):
    query = {"from": START, "to": minute(10), "columns": 10, **query}
    words = "&".join(f"{name}={value}" for name, value in query.items())
    status, _, text = console.get(f"/api/v1/beds/icu/1/trends?{words}")
    assert status == 200, text
    return json.loads(text)


def line_of(found, parameter):
    return next(line for line in found["lines"] if line["parameter"] == parameter)


def test_the_answer_says_what_was_measured_and_what_was_not(console, lived):
    found = trends(console)
    assert (found["from"], found["to"], found["step_ms"]) == (START, minute(10), MINUTE)
    assert [line["parameter"] for line in found["lines"]] == ["hr", "spo2"]
    line = line_of(found, "hr")
    assert line["times"] == [minute(number) for number in (0, 1, 5, 6, 7, 8, 9)]
    assert line["gaps"] == [{"start": START + 119_000, "end": minute(5), "reason": "no_data"}]


def test_limits_are_those_of_the_time_and_of_whoever_lay_there(console, lived):
    bands = line_of(trends(console), "spo2")["limits"]
    assert [((band["start"] - START) / MINUTE, band["low"]) for band in bands] == [
        (0, 90.0),
        (1, 88.0),
        (2, 90.0),
        (4, 85.5),  # set for a patient who came two minutes later
        (7, 90.0),  # and ended by itself
        (9, 85.0),  # by another profile
    ]
    assert bands[-1]["end"] == minute(10)
    assert {band["extreme_low"] for band in bands[:-1]} == {85.0}


def test_each_alarm_is_one_span_with_who_saw_it(console, lived):
    (alarm,) = trends(console)["alarms"]
    assert (alarm["start"], alarm["end"], alarm["parameter"]) == (minute(6), minute(8), "spo2")


def test_an_alarm_that_began_before_the_span_reaches_into_it(console, lived):
    (alarm,) = trends(console, **{"from": minute(7)})["alarms"]
    assert alarm["start"] == minute(6)
    assert trends(console, to=minute(6))["alarms"] == []


def test_a_score_is_there_from_its_change_and_null_while_it_was_incomplete(console, lived):
    found = trends(console)
    assert [(score["time"], score["total"]) for score in found["scores"]] == [(minute(1), 5), (minute(5), None)]
    later = trends(console, **{"from": minute(3)})["scores"]
    assert [score["total"] for score in later] == [5, None]  # the first one held when the span began
    assert [entry["name"] for entry in found["entered"]] == ["oxygen"]


def test_it_says_who_lay_there_and_can_begin_with_the_present_patient(console, lived):
    found = trends(console)
    assert [(stay["patient"], stay["end"]) for stay in found["stays"]] == [("p-1", minute(3)), ("p-2", None)]
    own = trends(console, stay="true")
    assert own["from"] == minute(4)
    assert [stay["patient"] for stay in own["stays"]] == ["p-2"]
    assert line_of(own, "hr")["times"][0] >= minute(4)


def test_what_was_before_the_present_patient_came_is_not_theirs(console, lived):
    before = trends(console, to=minute(3), stay="true")
    assert before["lines"] == []
    assert before["alarms"] == []


@pytest.mark.parametrize(
    ("query", "status", "word"),
    [
        ("beds/icu/9/trends", 404, "there is no bed icu/9"),
        ("beds/icu/1/trends?parameters=pulse", 422, "there is no parameter"),
        ("beds/icu/1/trends?from=2025-01-01&to=2025-06-01", 422, "further apart than 168 h"),
        ("beds/icu/1/trends?from=5&to=4", 422, "before"),
        ("beds/icu/1/trends?columns=0", 422, "columns"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_with_a_sentence(console, journal, query, status, word):
    found, _, text = console.get(f"/api/v1/{query}")
    assert found == status
    assert word in json.loads(text)["error"]
