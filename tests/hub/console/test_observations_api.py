"""Observations and notes over HTTP, with the real hub behind: they count at once, and stay with their author."""

import json

import pytest

pytestmark = [pytest.mark.broker, pytest.mark.system]

BED = "/api/v1/beds/icu/2"


def put(console, path, **body):
    """(status, answer) of a POST."""
    status, _, text = console.post(f"{BED}/{path}", body)
    return status, json.loads(text)


def bed_of(console, name="2"):
    return next(bed for bed in console.json("/api/v1/beds") if bed["bed"] == name)


def test_what_may_be_entered_is_told_with_its_units_and_ranges(ward):
    found = ward.json(f"{BED}/observations")
    assert {choice["name"]: choice["codes"] for choice in found["choices"]} == {
        "acvpu": ["A", "C", "V", "P", "U"],
        "oxygen": ["air", "oxygen"],
        "spo2_scale": ["1", "2"],
    }
    glucose = next(one for one in found["measured"] if one["name"] == "glucose")
    assert (glucose["unit"], glucose["decimals"], glucose["low"]) == ("mmol/L", 1, 0.0)


def test_a_whole_round_of_observations_makes_a_news2_of_seven(ward, rig):
    values = {
        "rr": 22,
        "spo2": 94,
        "nibp_sys": 105,
        "pr": 112,
        "temp": 38.5,
        "acvpu": "A",
        "oxygen": "air",
        "glucose": 5.4,
    }
    status, answer = put(ward, "observations", values=values, by="nurse-1")
    assert status == 200, answer
    current = {one["name"]: one for one in answer["current"]}
    assert (current["acvpu"]["code"], current["acvpu"]["by"]) == ("A", "nurse-1")
    assert (current["glucose"]["value"], current["glucose"]["code"]) == (5.4, "")

    def scored():
        score = bed_of(ward)["scores"].get("news2")
        return score if score and score["complete"] else None

    score = rig.until(scored, what="NEWS2 is not complete")
    assert (score["total"], score["risk"]) == (7, "high")
    status, answer = put(ward, "observations", values={"oxygen": "oxygen"}, by="nurse-1")
    assert status == 200, answer
    rig.until(lambda: bed_of(ward)["scores"]["news2"]["total"] == 9, what="oxygen does not count")


def test_an_entry_that_is_taken_back_makes_the_score_incomplete_and_stays_in_the_history(ward, rig):
    assert put(ward, "observations", values={"acvpu": "V"}, by="nurse-1")[0] == 200
    status, answer = put(ward, "observations", values={"acvpu": None}, reason="wrong bed", by="nurse-2")
    assert status == 200, answer
    assert "acvpu" not in {one["name"] for one in answer["current"]}
    newest, before = answer["history"][:2]
    assert (newest["value"], newest["by"], newest["reason"], before["code"]) == (None, "nurse-2", "wrong bed", "V")

    def incomplete():
        score = bed_of(ward)["scores"].get("news2")
        return score is not None and score["total"] is None and "consciousness" in score["missing"]

    rig.until(incomplete, what="the score counts what was taken back")


@pytest.mark.parametrize(
    ("values", "status", "word"),
    [
        ({"acvpu": "X"}, 409, "Consciousness is one of A, C, V, P, U"),
        ({"temp": 98.6}, 409, "Temp must be a number from 0 to 50"),
        ({"hr": "fast"}, 409, "HR must be a number"),
        ({"mood": "good"}, 409, "cannot be entered"),
        ({}, 422, "values"),
    ],
)
def test_what_cannot_be_right_is_refused_and_nothing_is_entered(ward, values, status, word):
    before = ward.json(f"{BED}/observations")["history"]
    found, answer = put(ward, "observations", values=values)
    assert (found, word in answer["error"]) == (status, True), answer
    assert ward.json(f"{BED}/observations")["history"] == before


@pytest.mark.parametrize("number", ["NaN", "Infinity", "true"])
def test_what_is_no_number_takes_nothing_back(ward, number):
    assert put(ward, "observations", values={"temp": 37.2})[0] == 200
    status, _, text = ward.post(f"{BED}/observations", b'{"values": {"temp": %s}}' % number.encode())
    assert status == 422, text
    assert "temp" in {one["name"] for one in ward.json(f"{BED}/observations")["current"]}


def test_one_wrong_value_lets_none_of_a_round_count(ward):
    before = ward.json(f"{BED}/observations")["history"]
    assert put(ward, "observations", values={"rr": 16, "temp": 980})[0] == 409
    assert ward.json(f"{BED}/observations")["history"] == before


def test_a_note_is_kept_with_author_time_and_lines(ward):
    status, answer = put(ward, "notes", text="Repositioned.\nAsked for\tphysiotherapy.", by="nurse-1")
    assert status == 200, answer
    (note,) = answer
    assert (note["text"], note["by"], note["patient"]) == ("Repositioned.\nAsked for physiotherapy.", "nurse-1", "")
    assert ward.json(f"{BED}/notes") == [note]


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        ({"text": ""}, 422, "text"),
        ({"text": " \u200b\n "}, 422, "empty"),
        ({"text": "later", "time": 32_503_680_000_000}, 409, "future"),
        ({"text": "x" * 2_001}, 422, "text"),
    ],
)
def test_a_note_that_says_nothing_or_of_the_future_is_refused(ward, body, status, word):
    found, answer = put(ward, "notes", **body)
    assert (found, word in answer["error"]) == (status, True), answer
