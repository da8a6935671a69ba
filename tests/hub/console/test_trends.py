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


def trends(console, **query):
    query = {"from": START, "to": START + 10 * MINUTE, "columns": 10, **query}
    words = "&".join(f"{name}={value}" for name, value in query.items())
    return json.loads(console.get(f"/api/v1/beds/icu/1/trends?{words}")[2])


@pytest.fixture(scope="module")
def lived(journal):
    """Ten minutes: a gap, a patient who came in the middle, limits that changed, an alarm, a score."""
    rows = [*each_second(0, 120, hr=70, spo2=97), *each_second(300, 600, hr=90, spo2=93)]
    journal.records(*[(START + at, data) for at, _, data in rows])
    override = (
        'INSERT INTO limit_override (time, change, scope, rule, bound, profile, "by", reason, set_at, expires)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    )
    batch = Batch()
    batch.writes += [
        Write(
            'INSERT INTO admission (ward, bed, patient, start, "end", "by", ended_by) VALUES (?, ?, ?, ?, ?, ?, ?)',
            ("icu", "1", "p-1", START - MINUTE, START + 3 * MINUTE, "n", "n"),
        ),
        Write(
            'INSERT INTO admission (ward, bed, patient, start, "by") VALUES (?, ?, ?, ?, ?)',
            ("icu", "1", "p-2", START + 4 * MINUTE, "n"),
        ),
        Write(
            override,
            (START + MINUTE, "set", "bed/icu/1", "spo2-low", 88.0, PROFILE, "d", "why", START + MINUTE, None),
        ),
        Write(
            override,
            (START + 2 * MINUTE, "cleared", "bed/icu/1", "spo2-low", 88.0, PROFILE, "d", "", START + MINUTE, None),
        ),
        Write(
            override,
            (
                START + 5 * MINUTE,
                "set",
                "patient/p-2",
                "spo2-low",
                85.0,
                "",
                "d",
                "COPD",
                START + 5 * MINUTE,
                START + 7 * MINUTE,
            ),
        ),
        Write(
            'INSERT INTO score (ward, bed, time, "table", total, complete, risk, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
            ("icu", "1", START + MINUTE, "news2", 5, 1, "medium", b"{}"),
        ),
    ]
    journal.journal.commit(batch)


PROFILE = "adult-general"


def test_the_answer_says_what_was_measured_and_what_was_not(console, lived):
    found = trends(console)
    lines = {line["parameter"]: line for line in found["lines"]}
    assert list(lines) == ["hr", "spo2"]
    assert (found["from"], found["to"], found["step_ms"]) == (START, START + 10 * MINUTE, MINUTE)
    assert [(time - START) // MINUTE for time in lines["hr"]["times"]] == [0, 1, 5, 6, 7, 8, 9]
    assert lines["hr"]["gaps"] == [{"start": START + 119_000, "end": START + 300_000, "reason": "no_data"}]
