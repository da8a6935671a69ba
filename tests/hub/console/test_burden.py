"""`/api/v1/burden` of a console on a real journal."""

import json

import pytest

T0 = 1_700_000_000_000
DAY_MS = 86_400_000


def error_of(answer):
    status, _, body = answer
    return status, json.loads(body)["error"]


def ask(console, query=""):
    return console.json(f"/api/v1/burden?from={T0}&to={T0 + DAY_MS}{query}")


@pytest.fixture(scope="module", autouse=True)
def _stored(journal, rig):
    """One alarm at bed 1 that somebody saw, one at bed 2 that went by itself, and a test."""
    seen, missed = (rig.alarm(bed, onset=T0 + 60_000) for bed in ("1", "2"))
    test = rig.alarm("1", "drill", onset=T0 + 60_000, test=True)
    journal.events(
        journal.event(seen, "raised", seen.raised),
        journal.event(missed, "raised", missed.raised),
        journal.event(test, "raised", test.raised),
        journal.event(rig.alarm("2", onset=T0 + 60_000, rev=2), "cleared", missed.raised + 10_000),
        journal.event(rig.alarm("1", onset=T0 + 60_000, rev=2), "acknowledged", seen.raised + 45_000, by="nurse-1"),
        journal.event(rig.alarm("1", onset=T0 + 60_000, rev=3), "cleared", seen.raised + 90_000),
    )


def test_the_alarms_of_a_day_are_counted(console):
    found = ask(console)
    assert (found["alarms"], found["beds"], found["bed_days"], found["tests"]) == (2, 3, 3.0, 1)
    assert (found["short"], found["short_share"], found["median_duration_s"]) == (1, 0.5, 50.0)
    assert (found["acknowledged"], found["latency_median_s"], found["reference_per_bed_day"]) == (1, 45.0, 187.0)
    assert [(rule["rule"], rule["alarms"]) for rule in found["rules"]] == [("spo2-low", 2)]
    assert [(bed["bed"], bed["alarms"]) for bed in found["by_bed"]] == [("1", 1), ("2", 1), ("3", 0)]


def test_one_ward_can_be_asked_for(console):
    assert ask(console, "&ward=icu")["alarms"] == 2
    status, sentence = error_of(console.get("/api/v1/burden?ward=nowhere"))
    assert (status, sentence) == (404, "there is no ward 'nowhere'; GET /api/v1/beds lists them")


def test_the_last_day_is_the_default(console):
    found = console.json("/api/v1/burden")
    assert (found["alarms"], found["end"] - found["start"], found["latency_median_s"]) == (0, DAY_MS, None)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("from=x", "`from` must be a time"),
        (f"from={T0}&to={T0}", "`from` must be before `to`"),
        (f"from=0&to={T0}", "at most 92 days"),
    ],
)
def test_a_span_that_makes_no_sense_is_refused(console, query, words):
    status, sentence = error_of(console.get(f"/api/v1/burden?{query}"))
    assert status == 422
    assert words in sentence
